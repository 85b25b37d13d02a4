package result

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sized(n int, measures ...Measure) Size { return Size{N: n, API: "ingress", Measures: measures} }

func TestMedian(t *testing.T) {
	t.Parallel()
	seen := func(p50, p99, highest float64) Measure {
		return Measure{Scenario: "edit", Name: "seen", Unit: "ms", Value: p50, Spread: &Spread{P99: p99, Max: highest, Samples: 5}}
	}
	bytes := func(v float64) Measure { return Measure{Scenario: "edit", Name: "bytes", Unit: "kB", Value: v} }
	failed := Measure{Scenario: "idle", Name: "failed", Error: "no answer"}
	got := Median([]Size{sized(7, seen(3, 9, 10), bytes(4)), sized(7, seen(1, 30, 50), failed), sized(7, bytes(2), seen(2, 8, 9))})
	want := sized(7,
		Measure{
			Scenario: "edit", Name: "seen", Unit: "ms", Value: 2,
			Spread: &Spread{P99: 9, Max: 50, Samples: 15}, Range: &Range{Low: 1, High: 3, Runs: 3},
		},
		Measure{Scenario: "edit", Name: "bytes", Unit: "kB", Value: 3, Range: &Range{Low: 2, High: 4, Runs: 2}},
		failed,
	)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	one := sized(7, bytes(1))
	if diff := cmp.Diff(one, Median([]Size{one})); diff != "" {
		t.Error(diff)
	}
}

// A measure that one size lacks is n/a there, and stays with its scenario.
func TestTable(t *testing.T) {
	t.Parallel()
	m := func(scenario, name string, v float64) Measure {
		return Measure{Scenario: scenario, Name: name, Unit: "ms", Value: v}
	}
	var b bytes.Buffer
	WriteTable(&b, Report{Runs: []Size{
		sized(10, m("edit", "seen", 1234.5), m("idle", "CPU", 0.01234), Measure{Scenario: "idle", Name: "failed", Error: "e"}),
		sized(20, Measure{Scenario: "edit", Name: "seen", Unit: "ms", Value: 2, Spread: &Spread{P99: 3}}, m("edit", "bytes", 0)),
	}})
	want := `
scenario  measure                                        unit            N = 10            N = 20
edit      seen                                           ms                1234             2 / 3
edit      bytes                                          ms                 n/a                 0
idle      CPU                                            ms              0.0123               n/a
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
