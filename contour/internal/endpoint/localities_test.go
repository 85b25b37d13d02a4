package endpoint_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"contour.example/contour/internal/endpoint"
)

// inLocality returns a target with a locality and the addresses.
func inLocality(name string, weight uint32, addresses ...string) endpoint.Target {
	t := target(weight, addresses...)
	t.Locality = name
	return t
}

// Each target is a locality, whose endpoints share its weight; one of weight 0 has none. An address is in one locality, with the sum of its weights.
func TestLocalities(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		targets []endpoint.Target
		want    []string
	}{
		{"no targets", nil, nil},
		{"no endpoints", []endpoint.Target{inLocality("a", 1), inLocality("b", 0)}, nil},
		{
			"weights",
			[]endpoint.Target{inLocality("a", 3, "10.0.0.1", "10.0.0.2", "10.0.0.3"), inLocality("b", 1, "10.0.0.4")},
			[]string{"a 750000", "10.0.0.1 250000", "10.0.0.2 250000", "10.0.0.3 250000", "b 250000", "10.0.0.4 250000"},
		},
		{
			"weight 0",
			[]endpoint.Target{inLocality("a", 0, "10.0.0.1"), inLocality("b", 1, "10.0.0.2")},
			[]string{"a 0", "10.0.0.1 0", "b 1000000", "10.0.0.2 1000000"},
		},
		{"only weight 0", []endpoint.Target{inLocality("a", 0, "10.0.0.1"), inLocality("b", 1)}, []string{"a 0", "10.0.0.1 0"}},
		{
			"without endpoints",
			[]endpoint.Target{inLocality("a", 1, "10.0.0.1"), inLocality("b", 1<<32-2)},
			[]string{"a 1000000", "10.0.0.1 1000000"},
		},
		{
			"an address of two",
			[]endpoint.Target{inLocality("a", 1, "10.0.0.1"), inLocality("b", 1, "10.0.0.1", "10.0.0.2")},
			[]string{"a 750000", "10.0.0.1 750000", "b 250000", "10.0.0.2 250000"},
		},
		{
			"an address of one without weight",
			[]endpoint.Target{inLocality("a", 0, "10.0.0.1", "10.0.0.3"), inLocality("b", 1, "10.0.0.1", "10.0.0.2")},
			[]string{"a 0", "10.0.0.3 0", "b 1000000", "10.0.0.1 500000", "10.0.0.2 500000"},
		},
		{"only an address of another", []endpoint.Target{inLocality("a", 1, "10.0.0.1"), inLocality("b", 0, "10.0.0.1")}, []string{"a 1000000", "10.0.0.1 1000000"}},
	} {
		cla := endpoint.Localities("x", row.targets)
		if err := cla.ValidateAll(); err != nil || cla.GetClusterName() != "x" {
			t.Errorf("%s: the name is %q, and it is valid: %v", row.name, cla.GetClusterName(), err)
		}
		var got []string
		for _, l := range cla.GetEndpoints() {
			got = append(got, fmt.Sprint(l.GetLocality().GetSubZone(), " ", l.GetLoadBalancingWeight().GetValue()))
			for _, e := range l.GetLbEndpoints() {
				got = append(got, fmt.Sprint(e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress(), " ", e.GetLoadBalancingWeight().GetValue()))
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// For any targets, the weights of the localities and of their endpoints are those that endpoints have without localities.
func TestLocalitiesHaveTheSharesOfWeighted(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var targets []endpoint.Target
		for i := range 2 + rnd.IntN(3) {
			var addresses []string
			for range rnd.IntN(4) {
				addresses = append(addresses, fmt.Sprintf("10.0.0.%d", rnd.IntN(6)))
			}
			targets = append(targets, inLocality(fmt.Sprint(i), 1+rnd.Uint32N(1<<(1+rnd.IntN(31))-1), addresses...))
		}
		want := map[string]uint32{}
		for _, l := range endpoint.Weighted("x", targets).GetEndpoints() {
			for _, e := range l.GetLbEndpoints() {
				want[e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress()] = e.GetLoadBalancingWeight().GetValue()
			}
		}
		n := 0
		for _, l := range endpoint.Localities("x", targets).GetEndpoints() {
			sum := uint32(0)
			for _, e := range l.GetLbEndpoints() {
				n++
				a, w := e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress(), e.GetLoadBalancingWeight().GetValue()
				if sum += w; w != want[a] {
					t.Fatalf("%v: %s has the weight %d, without localities %d", targets, a, w, want[a])
				}
			}
			if sum != l.GetLoadBalancingWeight().GetValue() {
				t.Fatalf("%v: the weight of locality %s is %d, that of its endpoints %d", targets, l.GetLocality().GetSubZone(), l.GetLoadBalancingWeight().GetValue(), sum)
			}
		}
		if n != len(want) {
			t.Fatalf("%v: %d endpoints, want %d", targets, n, len(want))
		}
	}
}
