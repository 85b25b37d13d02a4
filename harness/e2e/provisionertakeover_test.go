//go:build local

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

// The objects that Contour's provisioner made for a Gateway become those that ours makes, in place: the Service keeps its UID, addresses,
// node ports and annotations, and nothing of Contour's pods is left in the new ones.
func TestObjectsOfContourAreTakenOver(t *testing.T) {
	p := startProvisioner(t, "takeover")
	p.createAs("contour", "testdata/takeover/contour-gateway.yaml")
	p.patch("services", "envoy-web", `{"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.78"}]}}}`, "status")
	service := p.ref("v1", "Service", "envoy-web")
	before := p.get(t.Context(), service)
	daemons := p.get(t.Context(), p.ref("apps/v1", "DaemonSet", "envoy-web"))
	p.apply(twoListeners, "web")
	p.apply(twoListeners, "fresh")
	p.untilSame("DaemonSet", "spec", "template")
	p.untilSame("Service", "spec", "ports")
	if after := p.get(t.Context(), p.ref("apps/v1", "DaemonSet", "envoy-web")); after.GetUID() != daemons.GetUID() {
		t.Error("the pods of Contour were deleted before others were ready")
	}
	gatewayObject(p.fixture, "Gateway", "web").until("has the address of Contour's Service", func(o *kube.Object) string {
		if text := fmt.Sprint(o.Object["status"]); !strings.Contains(text, "192.0.2.78") || strings.Contains(text, "NoResources") {
			return text
		}
		return ""
	})
	after := p.get(t.Context(), service)
	kept := func(o *kube.Object) string {
		spec := o.Object["spec"].(map[string]any)
		text := fmt.Sprint(o.GetUID(), spec["clusterIP"], spec["healthCheckNodePort"], o.Object["status"], o.GetAnnotations()["service.beta.kubernetes.io/aws-load-balancer-proxy-protocol"])
		for _, port := range spec["ports"].([]any) {
			text += fmt.Sprint(" ", port.(map[string]any)["port"], "=", port.(map[string]any)["nodePort"])
		}
		return text
	}
	if diff := cmp.Diff(kept(before), kept(after)); diff != "" {
		t.Errorf("what load balancers know of the Service (-before +after):\n%s", diff)
	}
	p.apply(oneListener, "web")
	p.until(service, "has the port of the listener that is left", func(o *kube.Object) string {
		ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
		if len(ports) != 1 || ports[0].(map[string]any)["port"] != int64(80) {
			return fmt.Sprint(ports)
		}
		return ""
	})
}

const (
	oneListener = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s}
spec:
  gatewayClassName: takeover
  listeners:
  - {name: http, port: 80, protocol: HTTP}
`
	twoListeners = oneListener + `  - {name: more, port: 443, protocol: HTTP}
`
)

// createAs creates the objects of a file with the field manager of another client.
func (p provisioned) createAs(manager, path string) {
	p.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	objects, err := kube.Parse(string(text))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range objects {
		of := o.GroupVersionKind()
		resource := schema.GroupVersionResource{Group: of.Group, Version: of.Version, Resource: strings.ToLower(of.Kind) + "s"}
		if _, err := p.client.Resource(resource).Namespace(p.namespace).Create(p.t.Context(), o, metav1.CreateOptions{FieldManager: manager}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// untilSame waits until a field of the object of the Gateway "web" is that of the Gateway "fresh", apart from the names and the node ports.
func (p provisioned) untilSame(kind string, fields ...string) {
	p.t.Helper()
	version := map[string]string{"DaemonSet": "apps/v1", "Service": "v1"}[kind]
	read := func(o *kube.Object, name string) string {
		if o == nil {
			return ""
		}
		field, _, _ := unstructured.NestedFieldNoCopy(o.Object, fields...)
		if ports, ok := field.([]any); ok {
			for _, port := range ports {
				delete(port.(map[string]any), "nodePort")
			}
		}
		text, err := json.MarshalIndent(field, "", " ")
		if err != nil {
			p.t.Fatal(err)
		}
		return strings.ReplaceAll(strings.ReplaceAll(string(text), "-"+name, "-NAME"), "\""+name+"\"", "\"NAME\"")
	}
	p.until(p.ref(version, kind, "envoy-web"), "is what a new Gateway has", func(o *kube.Object) string {
		fresh := p.get(p.t.Context(), p.ref(version, kind, "envoy-fresh"))
		if fresh == nil {
			return "there is no other one"
		}
		want := strings.ReplaceAll(read(fresh, "fresh"), "/fresh", "/NAME")
		return cmp.Diff(want, strings.ReplaceAll(read(o, "web"), "/web", "/NAME"))
	})
}

// Gateways have objects whatever the lengths of their names are, and one of the same name in another namespace has its own.
func TestProvisionedNames(t *testing.T) {
	p := startProvisioner(t, "names")
	other := provisioned{newFixture(t, p.s), p.client}
	names := []string{"a", strings.Repeat("b", 63), strings.Repeat(strings.Repeat("c", 62)+".", 4)[:251] + "-d"}
	for _, at := range []provisioned{p, other} {
		for _, name := range names {
			at.apply(strings.Replace(oneListener, "takeover", "names", 1), name)
		}
	}
	for _, at := range []provisioned{p, other} {
		for _, name := range names {
			gatewayObject(at.fixture, "Gateway", name).until("has objects", func(o *kube.Object) string {
				return want(o, 1, "Accepted=True/Accepted", "Programmed=False/AddressNotAssigned")
			})
		}
		for _, kind := range []string{"Service", "DaemonSet", "Secret", "ServiceAccount"} {
			at.untilCount(kind, len(names))
		}
	}
	for _, name := range names {
		if err := p.s.Kube.Delete(t.Context(), gatewayObject(p.fixture, "Gateway", name).ref); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{"Service", "DaemonSet", "Secret", "ServiceAccount"} {
		p.untilCount(kind, 0)
		other.untilCount(kind, len(names))
	}
}

// untilCount waits until the namespace has so many objects of a kind of fleets.
func (p provisioned) untilCount(kind string, want int) {
	p.t.Helper()
	of := schema.GroupVersionKind{Version: "v1", Kind: kind}
	if kind == "DaemonSet" {
		of.Group = "apps"
	}
	err := poll.Until(p.t.Context(), seen, fmt.Sprint(want, " objects of kind ", kind), func(ctx context.Context) (bool, string, error) {
		list, err := p.s.Kube.List(ctx, of, p.namespace)
		there := []string{}
		for i := range list {
			if list[i].GetLabels()["projectcontour.io/owning-gateway-name"] != "" && list[i].GetDeletionTimestamp() == nil {
				there = append(there, list[i].GetName())
			}
		}
		return len(there) == want, fmt.Sprint(there), err //nolint:wrapcheck // poll says for what
	})
	if err != nil {
		p.t.Error(err)
	}
}
