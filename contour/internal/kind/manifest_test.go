package kind

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// crdSchema is the part of an OpenAPI schema with defaults.
type crdSchema struct {
	Default    any                  `json:"default"`
	Properties map[string]crdSchema `json:"properties"`
	Items      *crdSchema           `json:"items"`
}

// defaults appends "path.field=value" for every default below a schema.
func (s crdSchema) defaults(at string, out *[]string) {
	for name, p := range s.Properties {
		if p.Default != nil {
			*out = append(*out, line(at, name, p.Default))
		}
		p.defaults(strings.TrimPrefix(at+"."+name, "."), out)
	}
	if s.Items != nil {
		s.Items.defaults(at+"[]", out)
	}
}

func line(at, field string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return at + "." + field + "=" + string(text)
}

func TestDefaultsEqualThoseOfTheCRD(t *testing.T) {
	text, err := os.ReadFile("../../../manifests/crds/projectcontour.io_httpproxies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					Spec crdSchema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	crd.Spec.Versions[0].Schema.Spec.Properties["spec"].defaults("spec", &want)
	for _, d := range proxyDefaults() {
		got = append(got, line(d.At, d.Field, d.Value))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-CRD +descriptor):\n%s", diff)
	}
}
