package charts

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

type object = map[string]any

// rendered returns what helm would install, by kind, namespace and name.
func rendered(t *testing.T, chart, namespace, values string) map[string]object {
	t.Helper()
	objects, err := render(t, chart, namespace, values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func render(t *testing.T, chart, namespace, values string) (map[string]object, error) {
	t.Helper()
	c, err := loader.Load(filepath.Join("..", "..", "charts", chart))
	if err != nil {
		t.Fatal(err)
	}
	return renderChart(t, c, namespace, values)
}

func renderChart(t *testing.T, c *chartv2.Chart, namespace, values string) (map[string]object, error) {
	t.Helper()
	set := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &set); err != nil {
		t.Fatal(err)
	}
	release := common.ReleaseOptions{Name: "any", Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(c, set, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	objects := map[string]object{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if strings.HasSuffix(name, ".yaml") {
			add(t, objects, texts[name])
		}
	}
	return objects, nil
}

// kustomized returns what a kustomization installs.
func kustomized(t *testing.T, dir string) map[string]object {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join("..", "..", "manifests", dir))
	if err != nil {
		t.Fatal(err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]object{}
	add(t, objects, string(text))
	return objects
}

func add(t *testing.T, objects map[string]object, text string) {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(strings.TrimPrefix(document, "---\n")), &o); err != nil {
			t.Fatalf("%v:\n%s", err, document)
		}
		if len(o) == 0 {
			continue
		}
		metadata := o["metadata"].(object)
		namespace, _ := metadata["namespace"].(string)
		id := strings.Join([]string{o["kind"].(string), namespace, metadata["name"].(string)}, " ")
		if _, ok := objects[id]; ok {
			t.Errorf("%s exists twice", id)
		}
		objects[id] = o
	}
}

// comparable removes what only helm has, and what helm does in another way: it creates the namespace and has a chart for
// CustomResourceDefinitions, and a hook may replace a Job, whose name needs no version therefore.
func comparable(objects map[string]object) map[string]object {
	result := map[string]object{}
	for id, o := range objects {
		kind, _, _ := strings.Cut(id, " ")
		metadata := o["metadata"].(object)
		switch kind {
		case "Namespace", "CustomResourceDefinition":
			continue
		case "Job":
			metadata["name"] = "contour-certgen"
			id = kind
		}
		annotations, _ := metadata["annotations"].(object)
		maps.DeleteFunc(annotations, func(key string, _ any) bool { return strings.HasPrefix(key, "helm.sh/") })
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
		result[id] = o
	}
	return result
}

// The chart installs what the manifests install, object by object.
func TestChartEqualsManifests(t *testing.T) {
	for name, c := range map[string]struct {
		kustomization, namespace, values string
	}{
		"base":                  {"base", "projectcontour", ""},
		"envoy as a Deployment": {"overlays/envoy-deployment", "projectcontour", "envoy: {kind: Deployment}"},
		"another class":         {"overlays/another-class", "projectcontour-internal", "{ingressClass: {name: contour-internal}, envoy: {kind: Deployment}}"},
		"cert-manager":          {"overlays/cert-manager", "projectcontour", "certificates: {source: cert-manager}"},
		"watched namespaces":    {"overlays/watched-namespaces", "projectcontour", "watchNamespaces: [projectcontour, default]"},
		"provisioner":           {"overlays/gateway-provisioner", "projectcontour", "gatewayProvisioner: {enabled: true}"},
		"provisioner and cert-manager": {
			"overlays/gateway-provisioner-cert-manager", "projectcontour", "{certificates: {source: cert-manager}, gatewayProvisioner: {enabled: true}}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := comparable(kustomized(t, c.kustomization)), comparable(rendered(t, "contour", c.namespace, c.values))
			if len(want) < 20 {
				t.Fatalf("%d objects", len(want))
			}
			for id := range want {
				if diff := cmp.Diff(want[id], got[id]); diff != "" {
					t.Errorf("%s (-manifests +chart):\n%s", id, diff)
				}
			}
			for id := range got {
				if want[id] == nil {
					t.Errorf("%s is not in the manifests", id)
				}
			}
		})
	}
}

// The chart with the Gateway API has the permissions of manifests/gateway-api, and the controller uses them.
func TestGatewayAPI(t *testing.T) {
	got := rendered(t, "contour", "projectcontour", "gatewayAPI: {enabled: true}")
	for id, want := range kustomized(t, "gateway-api") {
		if diff := cmp.Diff(want, got[id]); diff != "" {
			t.Errorf("%s (-manifests +chart):\n%s", id, diff)
		}
	}
	args := container(t, got["Deployment projectcontour contour"], "contour")["args"].([]any)
	if !slices.Contains(args, any("--gateway-api")) {
		t.Errorf("arguments %v", args)
	}
}

// The chart contour-crds has the CustomResourceDefinitions of the manifests, which helm keeps.
func TestCRDsEqualManifests(t *testing.T) {
	got, want := rendered(t, "contour-crds", "any", ""), kustomized(t, "base")
	maps.DeleteFunc(want, func(id string, _ object) bool { return !strings.HasPrefix(id, "CustomResourceDefinition ") })
	if len(want) != 5 {
		t.Fatalf("%d CustomResourceDefinitions", len(want))
	}
	for id, o := range got {
		annotations := o["metadata"].(object)["annotations"].(object)
		if annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s: helm would delete it", id)
		}
		delete(annotations, "helm.sh/resource-policy")
	}
	for id := range want {
		if diff := cmp.Diff(want[id], got[id]); diff != "" {
			t.Errorf("%s (-manifests +chart):\n%.1000s", id, diff)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d CustomResourceDefinitions, want %d", len(got), len(want))
	}
}

func TestLint(t *testing.T) {
	for _, chart := range []string{"contour", "contour-crds"} {
		result := lint.RunAll(filepath.Join("..", "..", "charts", chart), nil, "projectcontour")
		for _, m := range result.Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %s", chart, m)
			}
		}
	}
}

// container returns a container of the pods of a workload.
func container(t *testing.T, workload object, name string) object {
	t.Helper()
	spec := pod(t, workload)
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := spec[list].([]any)
		for _, c := range containers {
			if c.(object)["name"] == name {
				return c.(object)
			}
		}
	}
	t.Fatalf("no container %s", name)
	return nil
}

func pod(t *testing.T, workload object) object {
	t.Helper()
	if workload == nil {
		t.Fatal("no such workload")
	}
	return workload["spec"].(object)["template"].(object)["spec"].(object)
}
