package pipeline_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// The leader reports that a Gateway is programmed, also if the only Envoy of its fleet is connected to another replica: a pod is ready. It
// waits for the answers of an Envoy that is connected to it.
func TestAGatewayIsServedByAnotherReplica(t *testing.T) {
	t.Parallel()
	c := gatewayConfig()
	c.Gateways.Provision = true
	s := newSystem(t, c)
	s.Step(append(gatewayService(), gatewayClass(), gatewayOf("a", "web", 1, 1, nil, nil, "80"), serviceOfFleet("web", "web")))
	gateway := kobj.Of(kobj.Gateway, "a", "web")
	expect := func(when string, programmed bool) {
		t.Helper()
		s.Step(nil)
		if got := s.complaintsOf(gateway); strings.Contains(got, "Programmed=Pending") == programmed {
			t.Errorf("%s: want programmed %t, got %q", when, programmed, got)
		}
	}
	expect("no pod exists", false)
	s.Step([]store.Change{podOfFleet("web", false)})
	expect("a pod is not ready", false)
	s.Step([]store.Change{podOfFleet("web", true)})
	expect("a pod is ready", true)
	envoy := s.fleets.Get("gw/a/web").Watch("envoy-web-x")
	expect("an Envoy is connected, and has not answered", false)
	envoy.Close()
	expect("the Envoy has left for another replica", true)
	s.Step([]store.Change{serviceOfFleet("web", "other")})
	expect("the Service is that of something else", false)
	s.Step([]store.Change{serviceOfFleet("web", "web"), podOfFleet("web", false)})
	envoy = s.fleets.Get("gw/a/web").Watch("envoy-web-x")
	for _, c := range envoy.All() {
		envoy.Accept([]*table.Version{c.Version})
	}
	expect("an Envoy has accepted the listener", true)
}

// The same holds for the fleet that Gateways share, whose Service the configuration names.
func TestAGatewayOfTheSharedFleetIsServedByAnotherReplica(t *testing.T) {
	t.Parallel()
	c := gatewayConfig("10.0.0.0/24")
	c.Status.EnvoyService.Namespace, c.Status.EnvoyService.Name = "a", "envoy-shared"
	s := newSystem(t, c)
	s.Step([]store.Change{gatewayClass(), gatewayOf("a", "web", 1, 1, nil, []string{"10.0.0.7"}, "80")})
	expect := func(when string, programmed bool) {
		t.Helper()
		s.Step(nil)
		if got := s.complaintsOf(kobj.Of(kobj.Gateway, "a", "web")); strings.Contains(got, "Programmed=Pending") == programmed {
			t.Errorf("%s: want programmed %t, got %q", when, programmed, got)
		}
	}
	expect("no pod exists", false)
	s.Step([]store.Change{podOfFleet("shared", true)})
	expect("a pod is ready", true)
	envoy := s.fleets.Get(ir.DefaultFleet).Watch("envoy-x")
	expect("an Envoy is connected, and has not answered", false)
	envoy.Close()
	expect("the Envoy has left for another replica", true)
	s.Step([]store.Change{podOfFleet("shared", false)})
	expect("no pod is ready", false)
}

// serviceOfFleet is the Service of the fleet of a Gateway in the namespace a, with the label of a Gateway.
func serviceOfFleet(gateway, label string) store.Change {
	o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{
		Namespace: "a", Name: "envoy-" + gateway, Labels: map[string]string{"projectcontour.io/owning-gateway-name": label},
	}}
	o.Spec.Type = corev1.ServiceTypeLoadBalancer
	o.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80}}
	o.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.10"}}
	return store.Change{Key: kobj.Of(kobj.Service, "a", o.Name), Object: o}
}

// podOfFleet is the endpoint of that Service.
func podOfFleet(gateway string, ready bool) store.Change {
	o := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Namespace: "a", Name: "envoy-" + gateway + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: "envoy-" + gateway},
	}, AddressType: discoveryv1.AddressTypeIPv4}
	o.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.9"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}}
	o.Ports = []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(80))}}
	return store.Change{Key: kobj.Of(kobj.EndpointSlice, "a", o.Name), Object: o}
}
