package conformance_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"contour.example/harness/kube"
)

// leastCoverage is the part of the fields of spec that a test must use, in per cent.
const leastCoverage = 98

// The tests use the fields of HTTPProxy: a field that no test uses can break without a failure.
func TestFieldCoverage(t *testing.T) {
	t.Parallel()
	fields := map[string]bool{} // by path; whether a test uses it
	schema := specification(t, "../manifests/crds/projectcontour.io_httpproxies.yaml")
	eachField("spec", &schema, func(path string) { fields[path] = false })
	for _, test := range all(t) {
		objects, err := kube.Parse(test.Manifests)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if o.GetKind() == "HTTPProxy" {
				eachValue("spec", o.Object["spec"], func(path string) {
					if _, is := fields[path]; is { // not what contains fields
						fields[path] = true
					}
				})
			}
		}
	}
	var unused []string
	for path, used := range fields {
		if !used {
			unused = append(unused, path)
		}
	}
	slices.Sort(unused)
	coverage := 100 * (len(fields) - len(unused)) / len(fields)
	t.Logf("tests use %d of %d fields of HTTPProxy (%d %%); no test uses:\n%s",
		len(fields)-len(unused), len(fields), coverage, strings.Join(unused, "\n"))
	if coverage < leastCoverage {
		t.Errorf("tests use %d %% of the fields of HTTPProxy, want %d %%", coverage, leastCoverage)
	}
}

// specification reads the schema of spec in the only version of a CRD.
func specification(t *testing.T, file string) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil || len(crd.Spec.Versions) != 1 {
		t.Fatalf("%s: %d versions, %v", file, len(crd.Spec.Versions), err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
}

// eachField calls f with the path of each field that has no fields itself. Items of lists have the path of the list.
func eachField(path string, s *apiextensionsv1.JSONSchemaProps, f func(string)) {
	if s.Items != nil {
		s = s.Items.Schema
	}
	if len(s.Properties) == 0 {
		f(path)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		field := s.Properties[name]
		eachField(path+"."+name, &field, f)
	}
}

// eachValue calls f with the path of each field of a value.
func eachValue(path string, value any, f func(string)) {
	f(path)
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			eachValue(path+"."+name, field, f)
		}
	case []any:
		for _, item := range v {
			eachValue(path, item, f)
		}
	}
}
