package compile

import (
	"fmt"
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// affordable returns the contributions to a hostname without the routes that exceed a budget of the virtual host k, with a
// diagnostic on each object that loses routes. Contributions are counted in order of precedence. An object is within the
// budgets by itself; several may exceed them.
func (c *Compile) affordable(r *memo.Reader, k ir.HostKey, claims []*contrib.Contribution) ([]*contrib.Contribution, []report.Diagnostic) {
	budgets := c.store.Settings.Budgets.Get(r)
	if withinHost(k, claims, budgets) {
		return claims, nil
	}
	ordered := slices.Clone(claims)
	slices.SortStableFunc(ordered, (*contrib.Contribution).Compare)
	var over []report.Diagnostic
	routes, expressions := 0, 0
	for i, claim := range ordered {
		if claim.Key != k {
			continue
		}
		without := *claim
		problem := ""
		switch {
		case exceeds(routes+claim.Weight, budgets.ObjectRoutes):
			without.Routes, without.Weight, without.Expressions = nil, 0, 0
			problem = fmt.Sprintf("The routes of host %q, with those of older objects, are more than %d; those of the object are not served.", k.Hostname, budgets.ObjectRoutes)
		case exceeds(expressions+claim.Expressions, budgets.HostExpressions):
			without.Routes, without.Expressions = withoutExpressions(claim.Routes), 0
			problem = fmt.Sprintf("The regular expressions of host %q, with those of older objects, cost more than %d; the routes with such paths are not served.", k.Hostname, budgets.HostExpressions)
		}
		routes += without.Weight
		expressions += without.Expressions
		if problem == "" {
			continue
		}
		ordered[i] = &without
		over = append(over, report.Diagnostic{
			Object: claim.Object, Type: c.apis[claim.Object.Kind].Types.Conflict, Reason: report.BudgetExceeded, Field: "spec", Message: problem,
		})
	}
	return ordered, over
}

// withinHost reports whether all contributions to the virtual host k together are within its budgets.
func withinHost(k ir.HostKey, claims []*contrib.Contribution, b config.Budgets) bool {
	routes, expressions := 0, 0
	for _, claim := range claims {
		if claim.Key == k {
			routes += claim.Weight
			expressions += claim.Expressions
		}
	}
	return !exceeds(routes, b.ObjectRoutes) && !exceeds(expressions, b.HostExpressions)
}

// exceeds reports whether n is more than a budget, where 0 bounds nothing.
func exceeds(n, most int) bool { return most > 0 && n > most }

// withoutExpressions is the routes that have no regular expression.
func withoutExpressions(routes []ir.Route) []ir.Route {
	return slices.DeleteFunc(slices.Clone(routes), func(rt ir.Route) bool {
		return rt.Match.Path.Kind == ir.PathRegex ||
			slices.ContainsFunc(rt.Match.Headers, func(h ir.HeaderMatch) bool { return h.Kind == ir.StringRegex }) ||
			slices.ContainsFunc(rt.Match.Query, func(q ir.QueryMatch) bool { return q.Kind == ir.StringRegex })
	})
}
