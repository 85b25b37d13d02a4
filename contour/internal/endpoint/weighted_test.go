package endpoint_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/endpoint"
)

// target returns a target with the addresses.
func target(weight uint32, addresses ...string) endpoint.Target {
	s := &discoveryv1.EndpointSlice{Ports: []discoveryv1.EndpointPort{{Name: new("web"), Port: new(int32(80)), Protocol: new(corev1.ProtocolTCP)}}}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return endpoint.Target{Weight: weight, Port: endpoint.Port{Name: "web", Slices: []*discoveryv1.EndpointSlice{s}}}
}

// The endpoints of a target share its weight; an address of two targets has the weights of both.
func TestTargetsShareTheirWeight(t *testing.T) {
	t.Parallel()
	cla := endpoint.Weighted("x", []endpoint.Target{
		target(3, "10.0.0.1", "10.0.0.2", "10.0.0.3"), target(1, "10.0.0.4"), target(1<<32 - 1), target(1<<32 - 1),
	})
	if n := len(cla.GetEndpoints()); n != 1 || len(cla.GetEndpoints()[0].GetLbEndpoints()) != 4 {
		t.Fatalf("the assignment is %v", cla)
	}
	if w := cla.GetEndpoints()[0].GetLbEndpoints()[0].GetLoadBalancingWeight().GetValue(); w != 250_000 {
		t.Errorf("the weight beside targets without endpoints is %d, want 250000", w)
	}
	cla = endpoint.Weighted("x", []endpoint.Target{target(3, "10.0.0.1", "10.0.0.2", "10.0.0.3"), target(1, "10.0.0.3", "10.0.0.4")})
	var got []uint32
	for _, e := range cla.GetEndpoints()[0].GetLbEndpoints() {
		got = append(got, e.GetLoadBalancingWeight().GetValue())
	}
	if want := [4]uint32{250_000, 250_000, 375_000, 125_000}; len(got) != 4 || [4]uint32(got) != want {
		t.Errorf("the weights are %v, want %v", got, want)
	}
	if e := endpoint.Weighted("x", []endpoint.Target{target(7, "10.0.0.1")}).GetEndpoints()[0].GetLbEndpoints()[0]; e.GetLoadBalancingWeight() != nil {
		t.Errorf("the only target has a weight: %v", e)
	}
	if cla := endpoint.Weighted("x", nil); len(cla.GetEndpoints()) != 0 {
		t.Errorf("without targets the assignment is %v", cla)
	}
}
