// Package result contains the results of a benchmark: measures, the report that contains
// them, and their text.
//
// It takes values and latencies and makes Measures with their unit and, for
// latencies, the median and the tail, as JSON and as lines of a table. What could not be
// measured is a Measure too, with its error. The package measures nothing itself.
package result

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Measure is one figure.
type Measure struct {
	Scenario string `json:"scenario"`
	Name     string `json:"name"`
	// Unit is ms, us, s, kB, MB, MiB, or empty for a count.
	Unit string `json:"unit,omitempty"`
	// Value is the figure; of a distribution, its median.
	Value float64 `json:"value"`
	// Spread is nil unless it is a distribution.
	Spread *Spread `json:"spread,omitempty"`
	// Range is nil unless the figure is the median of several runs or rounds.
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
		Scenario: r.Scenario, Name: name, Unit: "ms", Value: round(Milliseconds(Quantile(d, 0.5))),
		Spread: &Spread{
			P99:     round(Milliseconds(Quantile(d, 0.99))),
			Max:     round(Milliseconds(Quantile(d, 1))),
			Samples: len(d),
		},
	})
}

// Distribution records a distribution of n durations whose quantiles are known.
func (r Recorder) Distribution(name string, p50, p99, highest time.Duration, n int) {
	r.Emit(Measure{
		Scenario: r.Scenario, Name: name, Unit: "ms", Value: round(Milliseconds(p50)),
		Spread: &Spread{P99: round(Milliseconds(p99)), Max: round(Milliseconds(highest)), Samples: n},
	})
}

// Verdict records how many bounds something exceeds, and which.
func (r Recorder) Verdict(name string, exceeded []string) {
	r.Value(name, "", float64(len(exceeded)), strings.Join(exceeded, "; "))
}

// Median records the median of several samples of a figure, with their range; without samples there is nothing to record.
func (r Recorder) Median(name, unit string, samples []float64) {
	if len(samples) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(samples))
	low, high := round(sorted[0]), round(sorted[len(sorted)-1])
	r.Emit(Measure{
		Scenario: r.Scenario, Name: name, Unit: unit, Value: middle(sorted),
		Range:  &Range{Low: low, High: high, Runs: len(sorted)},
		Detail: fmt.Sprintf("%.5g to %.5g in %d rounds", low, high, len(sorted)),
	})
}

// Ratios divides each sample by the one beside it.
func Ratios(samples, by []float64) []float64 {
	var ratios []float64
	for i := range min(len(samples), len(by)) {
		ratios = append(ratios, samples[i]/by[i])
	}
	return ratios
}

// Quantile is the smallest of the durations (at least one) that at least the share q of them does not exceed.
func Quantile(d []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// Milliseconds is the number that measures in ms have.
func Milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// round keeps three decimals: more would be below the precision of the measurement.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }
