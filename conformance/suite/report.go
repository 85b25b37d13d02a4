package suite

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Implementation is the controller that was tested.
type Implementation struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// About is the environment of a run.
type About struct {
	Implementation Implementation `json:"implementation"`
	// Provider of the cluster, and the version of its API server.
	Provider   string `json:"provider,omitempty"`
	Kubernetes string `json:"kubernetes,omitempty"`
	// Backends describes the endpoints that answered the requests.
	Backends string `json:"backends,omitempty"`
}

// Report is the outcome of a suite. It contains no times, so that it changes only when an outcome does.
type Report struct {
	About `json:",inline"`
	Suite string `json:"suite"`
	// Core, Extended and Improvements count each test once.
	Core         Counts        `json:"core"`
	Extended     Counts        `json:"extended"`
	Improvements Counts        `json:"improvements"`
	Tests        []ReportEntry `json:"tests"`
}

// Counts of tests; Run is those that passed or failed.
type Counts struct {
	Run     int `json:"run"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// ReportEntry is one test.
type ReportEntry struct {
	Name        string   `json:"name"`
	Sentence    string   `json:"sentence"`
	Features    []string `json:"features"`
	Improvement string   `json:"improvement,omitempty"`
	Outcome     Outcome  `json:"outcome"`
	Reason      string   `json:"reason,omitempty"`
}

// NewReport sums up those of the results that are of the suite, in their order.
func NewReport(about About, suite string, results []Result) Report {
	r := Report{About: about, Suite: suite}
	for _, result := range results {
		if path.Dir(result.Test.Name) != suite {
			continue
		}
		r.counts(result.Test).add(result.Outcome)
		entry := ReportEntry{
			Name: result.Test.Name, Sentence: result.Test.Sentence, Improvement: result.Test.Improvement,
			Outcome: result.Outcome, Reason: result.Reason,
		}
		for _, f := range result.Test.Features {
			entry.Features = append(entry.Features, f.Name)
		}
		r.Tests = append(r.Tests, entry)
	}
	return r
}

// Write writes the report as YAML to <dir>/<suite>.yaml.
func (r Report) Write(dir string) error {
	text, err := yaml.Marshal(r)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, r.Suite+".yaml"), text, 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// Failed is how many tests did not pass.
func (r Report) Failed() int { return r.Core.Failed + r.Extended.Failed + r.Improvements.Failed }

// String is one line for a log.
func (r Report) String() string {
	return fmt.Sprintf("%s: core %s; extended %s; improvements %s", r.Suite, r.Core, r.Extended, r.Improvements)
}

func (r *Report) counts(t Test) *Counts {
	switch {
	case t.Improvement != "":
		return &r.Improvements
	case t.Level() == Extended:
		return &r.Extended
	default:
		return &r.Core
	}
}

func (c *Counts) add(o Outcome) {
	switch o {
	case Skipped:
		c.Skipped++
		return
	case Passed:
		c.Passed++
	case Failed:
		c.Failed++
	}
	c.Run++
}

// String is like "12 passed, 1 failed, 0 skipped".
func (c Counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
}
