//go:build local

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/asset"
	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// A controller that starts without the CRDs of the Gateway API serves Gateways once these are installed. Statuses say what is
// served, and follow what is changed.
func TestGateway(t *testing.T) {
	addresses := fmt.Sprintf("127.%d.%d.0/24", 201+os.Getpid()%50, os.Getpid()/50%250)
	s := beside(t, "gateway", testsystem.Options{ServeArgs: []string{"--gateway-api", "--gateway-addresses=" + addresses}})
	f := newFixture(t, s)
	installGatewayAPI(f)
	f.service("shop", f.server("shop", "0"))
	f.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: contour
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: odd, port: 8081, protocol: example.com/odd}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`)
	gateway := gatewayObject(f, "Gateway", "web")
	address := ""
	gateway.until("is programmed", func(o *kube.Object) string {
		list, _, _ := unstructured.NestedSlice(o.Object, "status", "addresses")
		if len(list) == 1 {
			address, _, _ = unstructured.NestedString(list[0].(map[string]any), "value")
		}
		return want(o, 1, "Accepted=True/ListenersNotValid", "Programmed=True/Programmed", "http:1 Accepted=True/Accepted", "http:1 Programmed=True/Programmed", "odd:0 Accepted=False/UnsupportedProtocol")
	})
	s.Traffic = traffic.Client{HTTP: address + ":8080"}
	f.answered(traffic.Request{Host: "shop.example"}, "shop")
	f.status(traffic.Request{Host: "other.example"}, 404)
	route := gatewayObject(f, "HTTPRoute", "shop")
	route.until("is accepted", func(o *kube.Object) string {
		return want(o, 1, "web Accepted=True/Accepted", "web ResolvedRefs=True/ResolvedRefs")
	})
	f.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web, sectionName: http}]
  hostnames: [shop.example]
  rules: [{backendRefs: [{name: missing, port: 80}]}]
`)
	f.status(traffic.Request{Host: "shop.example"}, 500)
	route.until("has a backend that does not exist", func(o *kube.Object) string {
		return want(o, 2, "web Accepted=True/Accepted", "web ResolvedRefs=False/BackendNotFound")
	})
	if err := s.Kube.Delete(t.Context(), kube.RefTo(route.get(t.Context()))); err != nil {
		t.Fatal(err)
	}
	f.status(traffic.Request{Host: "shop.example"}, 404)
	gateway.until("has no route", func(o *kube.Object) string { return want(o, 1, "http:0 Programmed=True/Programmed") })
}

// installGatewayAPI installs the CRDs of the module that the controller is built with.
func installGatewayAPI(f *fixture) {
	f.t.Helper()
	dir, err := asset.GatewayCRDs(f.t.Context(), "standard")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, kind := range []string{"GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute", "ReferenceGrant", "BackendTLSPolicy"} {
		plural := strings.ToLower(kind) + "s"
		switch {
		case strings.HasSuffix(kind, "Class"):
			plural = strings.ToLower(kind) + "es"
		case strings.HasSuffix(kind, "Policy"):
			plural = strings.TrimSuffix(strings.ToLower(kind), "y") + "ies"
		}
		text, err := os.ReadFile(filepath.Join(dir, "gateway.networking.k8s.io_"+plural+".yaml"))
		if err != nil {
			f.t.Fatal(err)
		}
		if _, err := f.s.Kube.ApplyYAML(f.t.Context(), "", string(text)); err != nil {
			f.t.Fatal(err)
		}
		if err := f.s.Kube.WaitForKind(f.t.Context(), schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: kind}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// object is an object of the Gateway API.
type object struct {
	f   *fixture
	ref kube.Ref
}

func gatewayObject(f *fixture, kind, name string) object {
	o := &kube.Object{}
	o.SetAPIVersion("gateway.networking.k8s.io/v1")
	o.SetKind(kind)
	o.SetNamespace(f.namespace)
	o.SetName(name)
	return object{f, kube.RefTo(o)}
}

func (o object) get(ctx context.Context) *kube.Object {
	o.f.t.Helper()
	is, err := o.f.s.Kube.Get(ctx, o.ref)
	if err != nil {
		o.f.t.Fatal(err)
	}
	return is
}

// until waits until check returns "".
func (o object) until(what string, check func(*kube.Object) string) {
	o.f.t.Helper()
	err := poll.Until(o.f.t.Context(), 30*time.Second, fmt.Sprint(o.ref, " ", what), func(ctx context.Context) (bool, string, error) {
		is, err := o.f.s.Kube.Get(ctx, o.ref)
		if err != nil {
			return false, "", err //nolint:wrapcheck // poll says for what
		}
		observed := check(is)
		return observed == "", observed, nil
	})
	if err != nil {
		o.f.t.Error(err)
	}
}

// want returns the conditions of an object unless they are of the generation, and those listed are among them, with the name of their
// listener and the number of its routes, or of their parent.
func want(o *kube.Object, generation int64, wanted ...string) string {
	var all []string
	add := func(prefix string, of map[string]any, fields ...string) {
		conditions, _, _ := unstructured.NestedSlice(of, append(fields, "conditions")...)
		for _, c := range conditions {
			c := c.(map[string]any)
			all = append(all, fmt.Sprintf("%s%v=%v/%v", prefix, c["type"], c["status"], c["reason"]))
			if c["observedGeneration"] != generation {
				all = append(all, fmt.Sprintf("%s%v is of generation %v", prefix, c["type"], c["observedGeneration"]))
				wanted = append(wanted, fmt.Sprintf("generation %d", generation))
			}
		}
	}
	add("", o.Object, "status")
	listeners, _, _ := unstructured.NestedSlice(o.Object, "status", "listeners")
	for _, l := range listeners {
		add(fmt.Sprintf("%v:%v ", l.(map[string]any)["name"], l.(map[string]any)["attachedRoutes"]), l.(map[string]any))
	}
	parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
	for _, p := range parents {
		name, _, _ := unstructured.NestedString(p.(map[string]any), "parentRef", "name")
		add(name+" ", p.(map[string]any))
	}
	text := strings.Join(all, ", ")
	for _, w := range wanted {
		if !strings.Contains(", "+text+",", ", "+w+",") {
			return w + " is not among: " + text
		}
	}
	return ""
}
