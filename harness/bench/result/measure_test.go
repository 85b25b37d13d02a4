package result

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/bench/proc"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	for _, test := range []struct {
		of   []time.Duration
		q    float64
		want time.Duration
	}{
		{hundred, 0, 1},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred[:3], 0.5, 99},
		{hundred[:1], 0.99, 100},
	} {
		if got := Quantile(test.of, test.q); got != test.want {
			t.Errorf("quantile %v of %d: got %d, want %d", test.q, len(test.of), got, test.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("quantile has sorted what it was given")
	}
}

// record returns what a Recorder of scenario "edit" emits.
func record(do func(Recorder)) []Measure {
	var got []Measure
	do(Recorder{"edit", func(m Measure) { got = append(got, m) }})
	return got
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	got := record(func(r Recorder) {
		r.Latencies("seen", []time.Duration{3 * time.Millisecond, time.Millisecond, 1_000_400 * time.Nanosecond})
		r.Latencies("nothing", nil)
		r.Value("bytes", "kB", 1.23456, "as text")
		r.Count("requests", 7)
		r.Seconds("took", 1500*time.Millisecond)
		r.Failed(errors.New("no answer"))
	})
	want := []Measure{
		{Scenario: "edit", Name: "seen", Unit: "ms", Value: 1, Spread: &Spread{P99: 3, Max: 3, Samples: 3}},
		{Scenario: "edit", Name: "bytes", Unit: "kB", Value: 1.235, Detail: "as text"},
		{Scenario: "edit", Name: "requests", Value: 7},
		{Scenario: "edit", Name: "took", Unit: "s", Value: 1.5},
		{Scenario: "edit", Name: "failed", Error: "no answer"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	WriteHeading(&b, Size{N: 20, API: "httpproxy"})
	for _, m := range record(func(r Recorder) {
		r.Latencies("seen", []time.Duration{time.Millisecond, 2 * time.Millisecond})
		r.Value("memory", "MiB", 12.5, "at rest")
		r.Failed(errors.New("one\ntwo"))
	}) {
		WriteLine(&b, m)
	}
	want := `
N = 20, httpproxy
scenario  measure                                          value or p50        p99        max    of
edit      seen                                                    1 ms           2          2     2
edit      memory                                               12.5 MiB  at rest
edit      FAILED: one
          two
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	report := Report{
		Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Machine: proc.ThisMachine(),
		Runs: []Size{{N: 20, API: "ingress", Measures: record(func(r Recorder) {
			r.Latencies("seen", []time.Duration{time.Millisecond})
			r.Failed(errors.New("no answer"))
		})}},
	}
	if report.Failed() != 1 {
		t.Errorf("%d failed measures, want 1", report.Failed())
	}
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := report.WriteJSON(path); err != nil {
		t.Fatal(err)
	}
	read, err := ReadJSON(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, read); diff != "" {
		t.Error(diff)
	}
}

func TestMedianOfRatios(t *testing.T) {
	t.Parallel()
	var got []Measure
	r := Recorder{Scenario: "s", Emit: func(m Measure) { got = append(got, m) }}
	r.Median("ratio", "", Ratios([]float64{2, 9, 4}, []float64{2, 3, 2}))
	r.Median("nothing", "", nil)
	want := []Measure{{Scenario: "s", Name: "ratio", Value: 2, Range: &Range{Low: 1, High: 3, Runs: 3}, Detail: "1 to 3 in 3 rounds"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
