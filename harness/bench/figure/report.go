package figure

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"contour.example/harness/bench/proc"
)

// Report is everything that one invocation has measured.
type Report struct {
	Date    time.Time    `json:"date"`
	Machine proc.Machine `json:"machine"`
	// Versions by program, as far as they are known.
	Versions map[string]string `json:"versions,omitempty"`
	// Note is what the caller wants to remember of it.
	Note string `json:"note,omitempty"`
	Runs []Size `json:"runs"`
}

// Size is what was measured of one number of objects.
type Size struct {
	N        int       `json:"n"`
	API      string    `json:"api"`
	Measures []Measure `json:"measures"`
}

// Failed is how many scenarios could not be measured to their end.
func (r Report) Failed() int {
	failed := 0
	for _, size := range r.Runs {
		for _, m := range size.Measures {
			if m.Error != "" {
				failed++
			}
		}
	}
	return failed
}

// WriteJSON writes the report to a file.
func (r Report) WriteJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// WriteHeading writes the heading of the lines of a size.
func WriteHeading(w io.Writer, s Size) {
	fmt.Fprintf(w, "\nN = %d, %s\n%-9s %-44s %14s %10s %10s %5s\n",
		s.N, s.API, "scenario", "measure", "value or p50", "p99", "max", "of")
}

// WriteLine writes a measure as a line of a table.
func WriteLine(w io.Writer, m Measure) {
	fmt.Fprintf(w, "%-9s ", m.Scenario)
	if m.Error != "" {
		fmt.Fprintf(w, "FAILED: %s\n", strings.ReplaceAll(m.Error, "\n", "\n          "))
		return
	}
	fmt.Fprintf(w, "%-44s %10.5g %-3s", m.Name, m.Value, m.Unit)
	if m.Spread != nil {
		fmt.Fprintf(w, " %10.5g %10.5g %5d", m.Spread.P99, m.Spread.Max, m.Spread.Samples)
	}
	if m.Detail != "" {
		fmt.Fprintf(w, "  %s", m.Detail)
	}
	fmt.Fprintln(w)
}
