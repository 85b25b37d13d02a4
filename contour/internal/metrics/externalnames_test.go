package metrics

import (
	"maps"
	"testing"
)

// The numbers are those at the time when they are read, without any lookup since.
func TestExternalNames(t *testing.T) {
	m := New(Options{})
	states := map[string]int{"resolved": 2, "stale": 0}
	m.ExternalNames(func() map[string]int { return states })
	for _, n := range []int{2, 0} {
		states["resolved"] = n
		families, err := m.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, f := range families {
			if f.GetName() != "contour_external_names" {
				continue
			}
			for _, x := range f.Metric {
				got[x.Label[0].GetValue()] = int(x.Gauge.GetValue())
			}
		}
		if !maps.Equal(got, states) {
			t.Errorf("got %v, want %v", got, states)
		}
	}
}
