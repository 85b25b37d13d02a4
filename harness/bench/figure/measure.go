// Package figure contains the results of a benchmark: measures, the report that contains
// them, and their text.
//
// It takes values and latencies and makes Measures with their unit and, for
// latencies, the median and the tail, as JSON and as lines of a table. What could not be
// measured is a Measure too, with its error. The package measures nothing itself.
package figure

import (
	"math"
	"slices"
	"time"
)

// Measure is one figure.
type Measure struct {
	Scenario string `json:"scenario"`
	Name     string `json:"name"`
	// Unit is ms, s, kB, MB, MiB, or empty for a count.
	Unit string `json:"unit,omitempty"`
	// Value is the figure; of a distribution, its median.
	Value float64 `json:"value"`
	// Spread is nil unless it is a distribution.
	Spread *Spread `json:"spread,omitempty"`
	// Range is nil unless the figure is the median of several runs.
	Range *Range `json:"range,omitempty"`
	// Detail is for people.
	Detail string `json:"detail,omitempty"`
	// Error is why the rest of the scenario could not be measured; there is no value then.
	Error string `json:"error,omitempty"`
}

// Spread describes a distribution, in the unit of its measure.
type Spread struct {
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	Samples int     `json:"samples"`
}

// Range is the lowest and the highest Value of several runs.
type Range struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Runs int     `json:"runs"`
}

// Recorder makes measures of one scenario.
type Recorder struct {
	Scenario string
	// Emit gets each of them.
	Emit func(Measure)
}

// Value records a single figure; detail may be empty.
func (r Recorder) Value(name, unit string, v float64, detail string) {
	r.Emit(Measure{Scenario: r.Scenario, Name: name, Unit: unit, Value: round(v), Detail: detail})
}

// Count records a number of things.
func (r Recorder) Count(name string, n int) { r.Value(name, "", float64(n), "") }

// Seconds records a single duration in s.
func (r Recorder) Seconds(name string, d time.Duration) { r.Value(name, "s", d.Seconds(), "") }

// Failed records that the rest of the scenario could not be measured.
func (r Recorder) Failed(err error) {
	r.Emit(Measure{Scenario: r.Scenario, Name: "failed", Error: err.Error()})
}

// Latencies records a distribution in ms; without samples there is nothing to record.
func (r Recorder) Latencies(name string, d []time.Duration) {
	if len(d) == 0 {
		return
	}
	r.Emit(Measure{
		Scenario: r.Scenario, Name: name, Unit: "ms", Value: round(Milliseconds(quantile(d, 0.5))),
		Spread: &Spread{
			P99:     round(Milliseconds(quantile(d, 0.99))),
			Max:     round(Milliseconds(quantile(d, 1))),
			Samples: len(d),
		},
	})
}

// quantile is the smallest of the durations (at least one) that at least the share q of them does not exceed.
func quantile(d []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// Milliseconds is the number that measures in ms have.
func Milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// round keeps three decimals: more would be below the precision of the measurement.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }
