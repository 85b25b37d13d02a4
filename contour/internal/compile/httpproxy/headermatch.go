package httpproxy

import (
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// headerCondition converts a condition on a header. All its operators must match.
func (p *proxy) headerCondition(own *conditions, h *contourv1.HeaderMatchCondition, at path) bool {
	f := subCondition{report.TypeRoute, report.HeaderMatchConditionsNotValid}
	if problem := validate.HeaderMatchName(h.Name); problem != "" {
		p.errorf(f, at.dot("name"), "%s %s.", quoted(h.Name), problem)
		return false
	}
	operators := headerOperators(h)
	if len(operators) == 0 {
		p.errorf(f, at, "The condition on header %s has no operator, such as present or exact; at least one is required.", quoted(h.Name))
		return false
	}
	ok := true
	for _, o := range operators {
		if problem := validate.MatchValue(o.match.Kind, o.match.Value); problem != "" {
			p.errorf(f, at.dot(o.field), "The value %s %s.", quoted(o.match.Value), problem)
			ok = false
			continue
		}
		own.headers = append(own.headers, o.match)
	}
	return ok
}

// headerOperator is an operator of a header condition as specified.
type headerOperator struct {
	field string
	set   bool
	match ir.HeaderMatch
}

// headerOperators returns the operators that are set. Header names are case-insensitive.
func headerOperators(h *contourv1.HeaderMatchCondition) []headerOperator {
	all := [...]headerOperator{
		{"present", h.Present, ir.HeaderMatch{Kind: ir.StringPresent}},
		{"notpresent", h.NotPresent, ir.HeaderMatch{Kind: ir.StringPresent, Invert: true}},
		{"contains", h.Contains != "", ir.HeaderMatch{Kind: ir.StringContains, Value: h.Contains, IgnoreCase: h.IgnoreCase}},
		{"notcontains", h.NotContains != "", ir.HeaderMatch{
			Kind: ir.StringContains, Value: h.NotContains, IgnoreCase: h.IgnoreCase, Invert: true, MissingAsEmpty: h.TreatMissingAsEmpty,
		}},
		{"exact", h.Exact != "", ir.HeaderMatch{Kind: ir.StringExact, Value: h.Exact, IgnoreCase: h.IgnoreCase}},
		{"notexact", h.NotExact != "", ir.HeaderMatch{
			Kind: ir.StringExact, Value: h.NotExact, IgnoreCase: h.IgnoreCase, Invert: true, MissingAsEmpty: h.TreatMissingAsEmpty,
		}},
		{"regex", h.Regex != "", ir.HeaderMatch{Kind: ir.StringRegex, Value: h.Regex}},
	}
	var out []headerOperator
	for _, o := range all {
		if o.set {
			o.match.Name = strings.ToLower(h.Name)
			out = append(out, o)
		}
	}
	return out
}

// checkHeaders reports conditions on headers that no request can match together.
func (p *proxy) checkHeaders(matches []ir.HeaderMatch, at path) bool {
	f := subCondition{report.TypeRoute, report.HeaderMatchConditionsNotValid}
	if len(matches) > maxMatches {
		p.errorf(f, at, "There are more than %d conditions on headers.", maxMatches)
		return false
	}
	for i, a := range matches {
		for _, b := range matches[:i] {
			if contradict(a, b) {
				p.errorf(f, at, "The conditions on header %s contradict each other.", quoted(a.Name))
				return false
			}
		}
	}
	return true
}

// contradict reports whether two conditions on a header exclude each other, or both require an exact value.
func contradict(a, b ir.HeaderMatch) bool {
	switch {
	case a.Name != b.Name || a.Kind != b.Kind:
		return false
	case a.Kind == ir.StringExact && !a.Invert && !b.Invert:
		return true
	}
	return a.Kind != ir.StringRegex && a.Invert != b.Invert && a.Value == b.Value
}
