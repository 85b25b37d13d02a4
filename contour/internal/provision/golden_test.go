package provision

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// request is the input of a case: a Gateway, and the ContourDeployments of its class and its own.
type request struct {
	Namespace   string                                `json:"namespace"`
	Name        string                                `json:"name"`
	UID         types.UID                             `json:"uid"`
	Ports       []Port                                `json:"ports"`
	Addresses   []string                              `json:"addresses"`
	Assign      bool                                  `json:"assign"`
	Labels      map[string]string                     `json:"labels"`
	Annotations map[string]string                     `json:"annotations"`
	Class       contourv1alpha1.ContourDeploymentSpec `json:"class"`
	Gateway     contourv1alpha1.ContourDeploymentSpec `json:"gateway"`
}

func (r request) fleet(t *testing.T) *Fleet {
	t.Helper()
	p, err := ParametersOf(&contourv1alpha1.ContourDeployment{Spec: r.Class}).Override(ParametersOf(&contourv1alpha1.ContourDeployment{Spec: r.Gateway}))
	if err != nil {
		t.Fatal(err)
	}
	return &Fleet{
		Gateway: kobj.Name{Namespace: r.Namespace, Name: r.Name}, UID: r.UID, Class: "contour", Ports: r.Ports,
		Addresses: r.Addresses, Assign: r.Assign, Labels: r.Labels, Annotations: r.Annotations, Parameters: p,
	}
}

func options() Options {
	return Options{
		Controller: "projectcontour.io/gateway-controller", EnvoyImage: "envoy:1", ContourImage: "contour:1",
		XDSAddress: "contour.projectcontour", XDSPort: 8001, Namespace: "projectcontour", DrainSeconds: 60,
	}
}

// The objects of each case are those of its golden file.
func TestObjects(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatal(err, cases)
	}
	for _, in := range cases {
		t.Run(filepath.Base(in), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			var r request
			if err := yaml.UnmarshalStrict(text, &r); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, o := range Objects(r.fleet(t), options()) {
				text, err := yaml.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n" + string(text))
			}
			golden := strings.TrimSuffix(in, ".in.yaml") + ".out.yaml"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// Names have the form of those of Services, and differ for different Gateways of a namespace.
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60)
	seen := map[string]string{}
	for _, gateway := range []string{"web", "0", "web.example.com", "web-example-com", long, long + "b", long + "c", strings.Repeat(long+".", 4)} {
		for _, name := range append(ServiceNames(gateway, []string{"192.0.2.1", "192.0.2.2"}, true), objectName("envoycert-", gateway)) {
			if name != objectName("", name) {
				t.Errorf("%q is not the name of a Service", name)
			}
			if other, ok := seen[name]; ok {
				t.Errorf("Gateways %q and %q have objects named %q", gateway, other, name)
			}
			seen[name] = gateway
		}
	}
	if got := ServiceNames("web", nil, false); !cmp.Equal(got, []string{"envoy-web"}) {
		t.Errorf("the Service of a Gateway without addresses is %q, not that of Contour", got)
	}
}

// The objects are bounded, and the pods do not depend on listeners and addresses: an edit of those replaces no pod.
func TestPodsDoNotDependOnListeners(t *testing.T) {
	t.Parallel()
	few := request{Namespace: "a", Name: "web", Ports: []Port{{Number: 80}}}.fleet(t)
	many := request{Namespace: "a", Name: "web"}.fleet(t)
	for i := range int32(64) {
		many.Ports = append(many.Ports, Port{Number: 1000 + i, UDP: i%2 > 0})
	}
	for i := range 100 {
		many.Addresses = append(many.Addresses, strings.Repeat("1", i+1))
	}
	builders := [2]builder{{few, options(), &few.Parameters.Envoy}, {many, options(), &many.Parameters.Envoy}}
	if diff := cmp.Diff(builders[0].template(), builders[1].template()); diff != "" {
		t.Errorf("pods with other listeners (-few +many):\n%s", diff)
	}
	if got := len(Objects(many, options())); got != MaxAddresses+3 {
		t.Errorf("%d objects, want %d", got, MaxAddresses+3)
	}
}

// No label or annotation of a tenant replaces one that identifies the objects or selects the pods.
func TestIdentityPrecedesTheLabelsOfTenants(t *testing.T) {
	t.Parallel()
	f := request{Namespace: "a", Name: "web"}.fleet(t)
	f.Labels = map[string]string{GatewayLabel: "other", "app": "envoy-other", "gateway.networking.k8s.io/gateway-name": "other", "team": "a"}
	f.Annotations = map[string]string{ControllerAnnotation: "other"}
	f.Parameters.Labels, f.Parameters.Envoy.PodAnnotations = f.Labels, f.Annotations
	b := builder{f, options(), &f.Parameters.Envoy}
	template := b.template()
	for _, o := range append(Objects(f, options()), &corev1.PodTemplate{ObjectMeta: template.ObjectMeta}) {
		if o.GetLabels()[GatewayLabel] != "web" || o.GetLabels()["gateway.networking.k8s.io/gateway-name"] != "web" || o.GetLabels()["team"] != "a" {
			t.Errorf("%s has the labels %v", o.GetName(), o.GetLabels())
		}
		if got := o.GetAnnotations()[ControllerAnnotation]; got != options().Controller {
			t.Errorf("%s has the controller %q", o.GetName(), got)
		}
	}
	if template.Labels["app"] != "envoy-web" {
		t.Errorf("the pods have the label app=%s, which their workload does not select", template.Labels["app"])
	}
}
