package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// queryCondition converts a condition on a query parameter, which has exactly one operator.
func (p *proxy) queryCondition(own *conditions, q *contourv1.QueryParameterMatchCondition, at path) bool {
	f := subCondition{report.TypeRoute, report.QueryParameterMatchConditionsNotValid}
	if problem := validate.QueryName(q.Name); problem != "" {
		p.errorf(f, at.dot("name"), "%s %s.", quoted(q.Name), problem)
		return false
	}
	operators := queryOperators(q)
	if len(operators) != 1 {
		p.errorf(f, at, "The condition on query parameter %s has %d operators; exactly one is required.", quoted(q.Name), len(operators))
		return false
	}
	o := operators[0]
	if problem := validate.MatchValue(o.match.Kind, o.match.Value, p.regex); problem != "" {
		p.errorf(f, at.dot(o.field), "The value %s %s.", quoted(o.match.Value), problem)
		return false
	}
	own.query = append(own.query, o.match)
	return true
}

// queryOperator is an operator of a condition on a query parameter as specified.
type queryOperator struct {
	field string
	set   bool
	match ir.QueryMatch
}

// queryOperators returns the operators that are set. IgnoreCase has no effect on expressions and on present.
func queryOperators(q *contourv1.QueryParameterMatchCondition) []queryOperator {
	text := func(k ir.StringKind, value string) ir.QueryMatch {
		return ir.QueryMatch{Kind: k, Value: value, IgnoreCase: q.IgnoreCase}
	}
	all := [...]queryOperator{
		{"exact", q.Exact != "", text(ir.StringExact, q.Exact)},
		{"prefix", q.Prefix != "", text(ir.StringPrefix, q.Prefix)},
		{"suffix", q.Suffix != "", text(ir.StringSuffix, q.Suffix)},
		{"contains", q.Contains != "", text(ir.StringContains, q.Contains)},
		{"regex", q.Regex != "", ir.QueryMatch{Kind: ir.StringRegex, Value: q.Regex}},
		{"present", q.Present, ir.QueryMatch{Kind: ir.StringPresent}},
	}
	var out []queryOperator
	for _, o := range all {
		if o.set {
			o.match.Name = q.Name
			out = append(out, o)
		}
	}
	return out
}

// checkQuery finds conditions on query parameters that no request can meet together. It returns those without them, and
// whether all can be used. Equal conditions are there once.
func (p *proxy) checkQuery(matches []ir.QueryMatch, at path) (sound []ir.QueryMatch, ok bool) {
	f := subCondition{report.TypeRoute, report.QueryParameterMatchConditionsNotValid}
	if len(matches) > maxMatches {
		p.errorf(f, at, "There are more than %d conditions on query parameters.", maxMatches)
		return nil, false
	}
	sound, contradictory := consistent(matches, contradictQuery)
	if contradictory < 0 {
		return matches, true
	}
	p.errorf(f, at, "There are two exact conditions on query parameter %s.", quoted(matches[contradictory].Name))
	return sound, false
}

// contradictQuery reports whether no value of a query parameter meets both conditions.
func contradictQuery(a, b ir.QueryMatch) bool {
	return a.Name == b.Name && a.Kind == ir.StringExact && b.Kind == ir.StringExact && !sameText(a.Value, b.Value, a.IgnoreCase || b.IgnoreCase)
}
