package result

import (
	"fmt"
	"io"
	"strings"
)

// WriteHeading writes the heading of the lines of a size.
func WriteHeading(w io.Writer, s Size) {
	fmt.Fprintf(w, "\nN = %d, %s\n%-9s %-46s %14s %10s %10s %5s\n",
		s.N, s.API, "scenario", "measure", "value or p50", "p99", "max", "of")
}

// WriteLine writes a measure as a line of a table.
func WriteLine(w io.Writer, m Measure) {
	fmt.Fprintf(w, "%-9s ", m.Scenario)
	if m.Error != "" {
		fmt.Fprintf(w, "FAILED: %s\n", strings.ReplaceAll(m.Error, "\n", "\n          "))
		return
	}
	fmt.Fprintf(w, "%-46s %10.5g %-3s", m.Name, m.Value, m.Unit)
	if m.Spread != nil {
		fmt.Fprintf(w, " %10.5g %10.5g %5d", m.Spread.P99, m.Spread.Max, m.Spread.Samples)
	}
	if m.Detail != "" {
		fmt.Fprintf(w, "  %s", m.Detail)
	}
	fmt.Fprintln(w)
}

// Key names a measure.
type Key struct{ Scenario, Name string }

// Key is the measure's.
func (m Measure) Key() Key { return Key{m.Scenario, m.Name} }

// Keys are the measures that any of the reports has, in the order of their scenarios, failures left out.
func Keys(reports ...Report) []Key {
	var scenarios []string
	names := map[string][]Key{}
	seen := map[Key]bool{}
	for _, r := range reports {
		for _, size := range r.Runs {
			for _, m := range size.Measures {
				if m.Error != "" || seen[m.Key()] {
					continue
				}
				if seen[m.Key()] = true; names[m.Scenario] == nil {
					scenarios = append(scenarios, m.Scenario)
				}
				names[m.Scenario] = append(names[m.Scenario], m.Key())
			}
		}
	}
	var keys []Key
	for _, s := range scenarios {
		keys = append(keys, names[s]...)
	}
	return keys
}

// Find returns the measure, or nil if it was not taken.
func (s Size) Find(k Key) *Measure {
	for i, m := range s.Measures {
		if m.Key() == k && m.Error == "" {
			return &s.Measures[i]
		}
	}
	return nil
}

// Unit is that of a measure, empty if the report does not have it.
func (r Report) Unit(k Key) string {
	for _, size := range r.Runs {
		if m := size.Find(k); m != nil {
			return m.Unit
		}
	}
	return ""
}

// Missing is the cell of a measure that was not taken.
const Missing = "n/a"

// Cell is a measure in few characters: the value, or median / 99th percentile.
func Cell(m *Measure) string {
	if m == nil {
		return Missing
	}
	if m.Spread == nil {
		return Number(m.Value)
	}
	return Number(m.Value) + " / " + Number(m.Spread.P99)
}

// Number has three significant digits.
func Number(v float64) string {
	switch {
	case v == 0 || v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

// WriteTable writes all measures, a column for each size; of scenarios that have cases, those with their most important figures.
func WriteTable(w io.Writer, r Report) {
	fmt.Fprintf(w, "\n%-9s %-46s %-4s", "scenario", "measure", "unit")
	for _, size := range r.Runs {
		fmt.Fprintf(w, " %17s", fmt.Sprintf("N = %d", size.N))
	}
	fmt.Fprintln(w)
	for _, k := range Keys(r) {
		if names, _ := Figures(k.Scenario); names != nil {
			continue
		}
		fmt.Fprintf(w, "%-9s %-46s %-4s", k.Scenario, k.Name, r.Unit(k))
		for _, size := range r.Runs {
			fmt.Fprintf(w, " %17s", Cell(size.Find(k)))
		}
		fmt.Fprintln(w)
	}
	for _, size := range r.Runs {
		WriteCases(w, size, "hostile")
	}
}
