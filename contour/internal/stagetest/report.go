package stagetest

import (
	"cmp"
	"slices"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// Diagnostic is the text form of a diagnostic.
type Diagnostic struct {
	Severity string        `json:"severity"`
	Type     report.Type   `json:"type"`
	Reason   report.Reason `json:"reason"`
	Field    string        `json:"field,omitempty"`
	Message  string        `json:"message"`
}

// ObjectReport is the text form of the diagnostics of an object.
type ObjectReport struct {
	Status      string       `json:"status,omitempty"` // of an HTTPProxy
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
}

// Report returns the text form of the reports of objects; the report of an object of another controller is null.
func Report(statuses map[kobj.Key]*status.Desired) ([]byte, error) {
	out := map[string]*ObjectReport{}
	for k, d := range statuses {
		out[k.String()] = objectReport(d)
	}
	return yaml.Marshal(out)
}

func objectReport(d *status.Desired) *ObjectReport {
	if d == nil {
		return nil
	}
	r := &ObjectReport{}
	if d.HTTPProxy() != nil {
		r.Status = d.HTTPProxy().CurrentStatus
	}
	for _, x := range d.Diagnostics {
		r.Diagnostics = append(r.Diagnostics, Diagnostic{
			Severity: x.Severity.String(), Type: x.Type, Reason: x.Reason, Field: x.Field, Message: x.Message,
		})
	}
	return r
}

// Reasons returns the distinct reasons in the text form of a report.
func Reasons(text []byte) ([]report.Reason, error) {
	var objects map[string]*ObjectReport
	if err := yaml.Unmarshal(text, &objects); err != nil {
		return nil, err
	}
	var out []report.Reason
	for _, r := range objects {
		if r == nil {
			continue
		}
		for _, d := range r.Diagnostics {
			out = append(out, d.Reason)
		}
	}
	slices.SortFunc(out, cmp.Compare[report.Reason])
	return slices.Compact(out), nil
}
