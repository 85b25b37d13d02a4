package status

import (
	"encoding/json"
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/report"
)

// document is the text form of a Desired.
type document struct {
	Object      string         `json:"object"`
	Generation  int64          `json:"generation,omitempty"`
	Status      map[string]any `json:"status"`
	Diagnostics []line         `json:"diagnostics,omitempty"`
}

// line is the text form of a diagnostic.
type line struct {
	Severity string `json:"severity"`
	Type     string `json:"type"`
	Reason   string `json:"reason"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message"`
}

// YAML returns the text form of statuses, one document each, ordered by object, without those that are nil.
func YAML(statuses []*Desired) ([]byte, error) {
	statuses = slices.DeleteFunc(slices.Clone(statuses), func(d *Desired) bool { return d == nil })
	slices.SortFunc(statuses, func(a, b *Desired) int { return a.Key.Compare(b.Key) })
	var out []byte
	for i, d := range statuses {
		text, err := d.yaml()
		if err != nil {
			return nil, fmt.Errorf("status of %s: %w", d.Key, err)
		}
		if i > 0 {
			out = append(out, "---\n"...)
		}
		out = append(out, text...)
	}
	return out, nil
}

func (d *Desired) yaml() ([]byte, error) {
	fields, err := d.fields()
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(document{
		Object: d.Key.String(), Generation: d.Generation, Status: fields, Diagnostics: lines(d.Diagnostics),
	})
}

// fields returns the fields of the status as in the API, without transition times, which the status writer sets.
func (d *Desired) fields() (map[string]any, error) {
	data, err := json.Marshal(d.Status)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	withoutTimes(fields)
	return fields, nil
}

// withoutTimes removes transition times, on all levels.
func withoutTimes(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "lastTransitionTime")
		for _, field := range v {
			withoutTimes(field)
		}
	case []any:
		for _, item := range v {
			withoutTimes(item)
		}
	}
}

func lines(diagnostics []report.Diagnostic) []line {
	var out []line
	for _, d := range diagnostics {
		out = append(out, line{
			Severity: d.Severity.String(), Type: string(d.Type), Reason: string(d.Reason), Field: d.Field, Message: d.Message,
		})
	}
	return out
}
