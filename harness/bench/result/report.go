package result

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"contour.example/harness/bench/proc"
)

// Report is everything that one invocation has measured.
type Report struct {
	// Name is what was measured, for people.
	Name    string       `json:"name,omitempty"`
	Date    time.Time    `json:"date"`
	Machine proc.Machine `json:"machine"`
	// Versions by program, as far as they are known.
	Versions map[string]string `json:"versions,omitempty"`
	// Parameters by name, those that figures depend on.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Note is an optional comment of the caller.
	Note string `json:"note,omitempty"`
	Runs []Size `json:"runs"`
}

// Size is what was measured of one number of objects.
type Size struct {
	N        int       `json:"n"`
	API      string    `json:"api"`
	Measures []Measure `json:"measures"`
}

// Failed is the number of scenarios that could not be measured completely.
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

// ReadJSON reads a report from a file.
func ReadJSON(path string) (Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Report{}, fmt.Errorf("report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return Report{}, fmt.Errorf("report %s: %w", path, err)
	}
	return r, nil
}
