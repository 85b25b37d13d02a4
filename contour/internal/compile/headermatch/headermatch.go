// Package headermatch converts conditions of an HTTPProxy on headers to the model.
//
// The input is one condition, the output a match for each operator, and the problems of the condition; the caller reports them.
package headermatch

import (
	"fmt"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// Problem is an error in a condition.
type Problem struct {
	Field   string // of the condition; "" for the condition itself
	Message string // a sentence
}

// Convert returns the operators of the condition that can be used, and the problems of the others. All of them must match. regex
// checks a regular expression.
func Convert(h *contourv1.HeaderMatchCondition, regex func(string) validate.Problem) ([]ir.HeaderMatch, []Problem) {
	if problem := validate.HeaderMatchName(h.Name); problem != "" {
		return nil, []Problem{{"name", fmt.Sprintf("%s %s.", report.Quote(h.Name), problem)}}
	}
	all := operators(h)
	if len(all) == 0 {
		return nil, []Problem{{"", fmt.Sprintf("The condition on header %s has no operator, such as present or exact; at least one is required.", report.Quote(h.Name))}}
	}
	var matches []ir.HeaderMatch
	var problems []Problem
	for _, o := range all {
		if problem := validate.MatchValue(o.match.Kind, o.match.Value, regex); problem != "" {
			problems = append(problems, Problem{o.field, fmt.Sprintf("The value %s %s.", report.Quote(o.match.Value), problem)})
			continue
		}
		matches = append(matches, o.match)
	}
	return matches, problems
}

// operator is an operator of a condition as specified.
type operator struct {
	field string
	set   bool
	match ir.HeaderMatch
}

// operators returns the operators that are set. Header names are case-insensitive.
func operators(h *contourv1.HeaderMatchCondition) []operator {
	all := [...]operator{
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
	var out []operator
	for _, o := range all {
		if o.set {
			o.match.Name = strings.ToLower(h.Name)
			out = append(out, o)
		}
	}
	return out
}
