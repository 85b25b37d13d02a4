package compile

import (
	"fmt"
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// affordable returns the contributions to a hostname without the routes whose regular expressions exceed the budget of the
// virtual host k, with a diagnostic on each object that loses routes. Contributions are counted in order of precedence. An
// object is within the budget by itself; several may exceed it.
func (c *Compile) affordable(r *memo.Reader, k ir.HostKey, claims []*contrib.Contribution) ([]*contrib.Contribution, []report.Diagnostic) {
	sum := 0
	for _, claim := range claims {
		if claim.Key == k {
			sum += claim.Expressions
		}
	}
	if sum == 0 {
		return claims, nil
	}
	most := c.store.Settings.Budgets.Get(r).HostExpressions
	if most == 0 || sum <= most {
		return claims, nil
	}
	ordered := slices.Clone(claims)
	slices.SortStableFunc(ordered, (*contrib.Contribution).Compare)
	var over []report.Diagnostic
	sum = 0
	for i, claim := range ordered {
		if claim.Key != k {
			continue
		}
		if sum+claim.Expressions <= most {
			sum += claim.Expressions
			continue
		}
		without := *claim
		without.Routes, without.Expressions = withoutExpressions(claim.Routes), 0
		ordered[i] = &without
		over = append(over, report.Diagnostic{
			Object: claim.Object, Type: c.apis[claim.Object.Kind].Types.Conflict, Reason: report.BudgetExceeded, Field: "spec",
			Message: fmt.Sprintf("The regular expressions of host %q, with those of older objects, cost more than %d; the routes with such paths are not served.", k.Hostname, most),
		})
	}
	return ordered, over
}

// withoutExpressions is the routes that have no regular expression.
func withoutExpressions(routes []ir.Route) []ir.Route {
	return slices.DeleteFunc(slices.Clone(routes), func(rt ir.Route) bool {
		return rt.Match.Path.Kind == ir.PathRegex ||
			slices.ContainsFunc(rt.Match.Headers, func(h ir.HeaderMatch) bool { return h.Kind == ir.StringRegex }) ||
			slices.ContainsFunc(rt.Match.Query, func(q ir.QueryMatch) bool { return q.Kind == ir.StringRegex })
	})
}
