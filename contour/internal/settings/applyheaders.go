package settings

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
)

// headers sets the default changes to headers.
func (a *applier) headers() {
	p, into := a.doc.spec.Policy, &a.cfg.Headers
	if p == nil {
		return
	}
	setField(&into.Ingress, p.ApplyToIngress)
	if p.RequestHeadersPolicy != nil {
		into.Requests = a.headerEdits("policy.requestHeaders", *p.RequestHeadersPolicy)
	}
	if p.ResponseHeadersPolicy != nil {
		into.Responses = a.headerEdits("policy.responseHeaders", *p.ResponseHeadersPolicy)
	}
}

func (a *applier) headerEdits(field string, p v1alpha1.HeadersPolicy) (out ir.HeaderEdits) {
	if n := max(len(p.Set), len(p.Remove)); n > validate.MaxDefaultHeaderEdits {
		a.errorf(field+".set", "There are %d changes to headers; at most %d are allowed.", n, validate.MaxDefaultHeaderEdits)
		return out
	}
	// A value is checked with names as long as they may be.
	longest := validate.Variables{Namespace: strings.Repeat("n", 63), Service: strings.Repeat("s", 63), Port: 65535}
	set := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(p.Set)) {
		name := a.headerName(field+".set", key, set)
		if problem := validate.HeaderValue(p.Set[key], longest.Expand(p.Set[key])); problem != "" {
			a.errorf(field+".set", "The value of header %s %s.", key, problem)
		}
		out.Set = append(out.Set, ir.Header{Name: name, Value: p.Set[key]})
	}
	removed := map[string]bool{}
	for _, key := range p.Remove {
		out.Remove = append(out.Remove, a.headerName(field+".remove", key, removed))
	}
	return out
}

// headerName returns the name of a header as the model has it.
func (a *applier) headerName(field, name string, seen map[string]bool) string {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch problem := validate.EditableHeader(name); {
	case problem != "":
		a.errorf(field, "%q %s.", name, problem)
	case canonical == "Host":
		a.errorf(field, "The header Host cannot be changed by default.")
	case seen[canonical]:
		a.errorf(field, "The header %q occurs twice.", name)
	}
	seen[canonical] = true
	return canonical
}
