package endpoint

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// udpTarget is the port "dns" for UDP of a Service with endpoints at the addresses, and another port for TCP of the same name.
func udpTarget(weight uint32, addresses ...string) Target {
	udp, tcp := corev1.ProtocolUDP, corev1.ProtocolTCP
	s := &discoveryv1.EndpointSlice{Ports: []discoveryv1.EndpointPort{port(ptr("dns"), ptr(int32(53)), &tcp), port(ptr("dns"), ptr(int32(5353)), &udp)}}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return Target{Weight: weight, Port: Port{Name: "dns", Slices: []*discoveryv1.EndpointSlice{s}, UDP: true}}
}

// Endpoints share the weight of their target, and the weight of what is not there is dropped.
func TestDatagrams(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		targets []Target
		lost    uint32
		want    []string
	}{
		{nil, 0, nil},
		{nil, 3, nil},
		{[]Target{udpTarget(1)}, 1, nil},
		{[]Target{udpTarget(1, "10.0.0.1")}, 0, []string{"10.0.0.1:5353 1000000"}},
		{[]Target{udpTarget(7, "10.0.0.1", "10.0.0.2"), udpTarget(3, "10.0.0.3")}, 0, []string{"10.0.0.1:5353 350000", "10.0.0.2:5353 350000", "10.0.0.3:5353 300000"}},
		{[]Target{udpTarget(7, "10.0.0.1"), udpTarget(3, "10.0.0.1")}, 0, []string{"10.0.0.1:5353 1000000"}},
		{[]Target{udpTarget(5, "10.0.0.1"), udpTarget(3)}, 2, []string{"10.0.0.1:5353 500000", "127.0.0.1:1 500000"}},
		{[]Target{udpTarget(1<<31, "10.0.0.1"), udpTarget(1<<31 - 2)}, 1, []string{"10.0.0.1:5353 500000", "127.0.0.1:1 499999"}},
	} {
		var got []string
		for _, l := range Datagrams("x", row.targets, row.lost).GetEndpoints() {
			for _, e := range l.GetLbEndpoints() {
				a := e.GetEndpoint().GetAddress().GetSocketAddress()
				got = append(got, fmt.Sprintf("%s:%d %d", a.GetAddress(), a.GetPortValue(), e.GetLoadBalancingWeight().GetValue()))
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%d targets, %d lost: %v, want %v", len(row.targets), row.lost, got, row.want)
		}
	}
}
