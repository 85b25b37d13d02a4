package httpproxy

import (
	"strings"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// expressions is the regular expressions of a root and of what it includes.
type expressions struct {
	verdicts map[string]validate.Expression // of those that were checked
	effort   validate.Effort
	cost     int // of the routes so far
	ofHost   int // cost of the expression that each route of a wildcard host has
}

// regex checks a regular expression.
func (c *compiler) regex(expr string) validate.Problem {
	verdict, known := c.expressions.verdicts[expr]
	if !known {
		if problem := c.expressions.effort.Unchecked(); problem != "" {
			return problem
		}
		verdict = c.env.Expressions.Get(c.reader, expr)
		c.expressions.effort.Add(expr, verdict, c.budgets.HostExpressions)
		if c.expressions.verdicts == nil {
			c.expressions.verdicts = map[string]validate.Expression{}
		}
		c.expressions.verdicts[expr] = verdict
	}
	return verdict.Within(c.budgets.ExpressionSize)
}

// joinedRegex checks an expression for paths that begins with a literal text, as joinRegex makes it of one that was checked.
// An expression that the text could change is checked again.
func (c *compiler) joinedRegex(above, own, joined string) validate.Problem {
	const manyGroups = 500
	if above == "" {
		return "" // it is own
	}
	if strings.Contains(own, `\Q`) || strings.Count(own, "(") > manyGroups {
		return c.regex(joined)
	}
	return ""
}

// expressionCost is the cost of the regular expressions of a route with those conditions, of which own is the path that the
// route itself has.
func (c *compiler) expressionCost(all conditions, own ir.PathMatch) int {
	cost := c.expressions.ofHost
	if all.path.Kind == ir.PathRegex && all.path.Value != "" {
		cost += c.expressions.verdicts[own.Value].Cost + (len(all.path.Value)-len(own.Value))/8
	}
	for _, h := range all.headers {
		if h.Kind == ir.StringRegex {
			cost += c.expressions.verdicts[h.Value].Cost
		}
	}
	for _, q := range all.query {
		if q.Kind == ir.StringRegex {
			cost += c.expressions.verdicts[q.Value].Cost
		}
	}
	return cost
}

// affordsExpressions counts regular expressions of that cost, and reports whether they are within the budget of a host.
func (c *compiler) affordsExpressions(cost int) bool {
	if most := c.budgets.HostExpressions; most > 0 && c.expressions.cost+cost > most {
		return false
	}
	c.expressions.cost += cost
	return true
}

// affordsRoute counts the regular expressions of a route with those conditions, of which own is the path that the route itself
// has.
func (b *builder) affordsRoute(all conditions, own ir.PathMatch, at path) bool {
	if b.affordsExpressions(b.expressionCost(all, own)) {
		return true
	}
	b.errorf(subCondition{report.TypeRoute, report.BudgetExceeded}, at,
		"The regular expressions of the host, with those of the route, cost more than %d.", b.budgets.HostExpressions)
	return false
}
