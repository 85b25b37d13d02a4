package stagetest

import (
	"cmp"
	"slices"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// Line is the text form of a diagnostic.
type Line struct {
	Severity string        `json:"severity"`
	Type     report.Type   `json:"type"`
	Reason   report.Reason `json:"reason"`
	Field    string        `json:"field,omitempty"`
	Message  string        `json:"message"`
}

// Said is the text form of what is told about an object.
type Said struct {
	Status      string `json:"status,omitempty"` // of an HTTPProxy
	Diagnostics []Line `json:"diagnostics,omitempty"`
}

// Report is the text form of what is said about objects; objects of other controllers are null.
func Report(statuses map[kobj.Key]*status.Desired) ([]byte, error) {
	out := map[string]*Said{}
	for k, d := range statuses {
		out[k.String()] = said(d)
	}
	return yaml.Marshal(out)
}

func said(d *status.Desired) *Said {
	if d == nil {
		return nil
	}
	s := &Said{}
	if d.HTTPProxy() != nil {
		s.Status = d.HTTPProxy().CurrentStatus
	}
	for _, x := range d.Diagnostics {
		s.Diagnostics = append(s.Diagnostics, Line{
			Severity: x.Severity.String(), Type: x.Type, Reason: x.Reason, Field: x.Field, Message: x.Message,
		})
	}
	return s
}

// Reasons are the distinct reasons in the text form of a report.
func Reasons(text []byte) ([]report.Reason, error) {
	var objects map[string]*Said
	if err := yaml.Unmarshal(text, &objects); err != nil {
		return nil, err
	}
	var out []report.Reason
	for _, s := range objects {
		if s == nil {
			continue
		}
		for _, l := range s.Diagnostics {
			out = append(out, l.Reason)
		}
	}
	slices.SortFunc(out, cmp.Compare[report.Reason])
	return slices.Compact(out), nil
}
