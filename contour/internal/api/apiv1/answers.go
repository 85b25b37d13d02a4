package apiv1

import (
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/semantic"
)

// Diagnostic is something to say about an object or a file.
type Diagnostic struct {
	Object *Object `json:"object,omitempty"`
	preview.Finding
}

// DiagnosticsOf returns the documents of findings.
func DiagnosticsOf(found []preview.Finding) []Diagnostic {
	out := make([]Diagnostic, 0, len(found))
	for _, x := range found {
		out = append(out, Diagnostic{ObjectOf(x.Object), x})
	}
	return out
}

// Findings returns what the documents are about.
func Findings(of []Diagnostic) []preview.Finding {
	out := make([]preview.Finding, 0, len(of))
	for _, x := range of {
		x.Finding.Object = x.Object.Key()
		out = append(out, x.Finding)
	}
	return out
}

// Step is one step on the way of a request, or a route.
type Step struct {
	Object *Object `json:"object,omitempty"`
	preview.Step
}

func stepsOf(from []preview.Step) []Step {
	out := make([]Step, 0, len(from))
	for _, s := range from {
		out = append(out, Step{ObjectOf(s.Object), s})
	}
	return out
}

func steps(of []Step) []preview.Step {
	var out []preview.Step
	for _, s := range of {
		s.Step.Object = s.Object.Key()
		out = append(out, s.Step)
	}
	return out
}

// Explanation is what happens to a request, and why.
type Explanation struct {
	Type
	Verdict  string          `json:"verdict"`
	Answer   semantic.Answer `json:"answer"`
	Steps    []Step          `json:"steps"`
	NotTaken []Step          `json:"notTaken"`
	Others   []Diagnostic    `json:"others"`
}

// ExplanationOf returns the document of an explanation.
func ExplanationOf(x preview.Explanation) Explanation {
	return Explanation{TypeOf("Explanation"), x.Verdict, x.Answer, stepsOf(x.Steps), stepsOf(x.Passed), DiagnosticsOf(x.Others)}
}

// Explanation returns what the document is about.
func (e *Explanation) Explanation() preview.Explanation {
	return preview.Explanation{
		Verdict: e.Verdict, Answer: e.Answer, Steps: steps(e.Steps), Passed: steps(e.NotTaken), Others: Findings(e.Others),
	}
}

// Route is a route of a host.
type Route struct {
	Object *Object `json:"object,omitempty"`
	preview.ServedRoute
}

// HostRoutes is a host with its routes, in the order in which they are compared with requests.
type HostRoutes struct {
	Objects []Object `json:"objects,omitempty"`
	preview.ServedHost
	Routes []Route `json:"routes"`
}

// HostRoutesOf returns the documents of hosts.
func HostRoutesOf(hosts []preview.ServedHost) []HostRoutes {
	items := make([]HostRoutes, 0, len(hosts))
	for _, h := range hosts {
		j := HostRoutes{ServedHost: h, Routes: []Route{}}
		for _, k := range h.Objects {
			j.Objects = append(j.Objects, *ObjectOf(k))
		}
		for _, r := range h.Routes {
			j.Routes = append(j.Routes, Route{ObjectOf(r.Object), r})
		}
		items = append(items, j)
	}
	return items
}

// ServedHosts returns what the documents are about.
func ServedHosts(of []HostRoutes) []preview.ServedHost {
	out := make([]preview.ServedHost, 0, len(of))
	for _, h := range of {
		s := h.ServedHost
		s.Objects, s.Routes = nil, nil
		for _, o := range h.Objects {
			s.Objects = append(s.Objects, o.Key())
		}
		for _, r := range h.Routes {
			r.ServedRoute.Object = r.Object.Key()
			s.Routes = append(s.Routes, r.ServedRoute)
		}
		out = append(out, s)
	}
	return out
}
