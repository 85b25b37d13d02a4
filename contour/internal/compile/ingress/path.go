package ingress

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// pathOf returns the path as specified, "/" if there is none.
func pathOf(p *networkingv1.HTTPIngressPath) string {
	if p.Path == "" {
		return "/"
	}
	return p.Path
}

// match converts the path and its type; false if the path cannot be served, with a match of what can be read of it.
func (b *builder) match(field string, p *networkingv1.HTTPIngressPath) (ir.PathMatch, bool) {
	path, kind := pathOf(p), networkingv1.PathTypeImplementationSpecific
	if p.PathType != nil {
		kind = *p.PathType
	}
	isRegex := kind == networkingv1.PathTypeImplementationSpecific && strings.ContainsAny(path, "^+*[]%")
	if problem := b.pathProblem(path, isRegex); problem != "" {
		b.fail(report.PathNotValid, field+".path", "Path %s %s.", quote(path), problem)
		return readable(path, isRegex), false
	}
	switch kind {
	case networkingv1.PathTypePrefix:
		return segments(path), true
	case networkingv1.PathTypeExact:
		return ir.PathMatch{Kind: ir.PathExact, Value: path}, true
	case networkingv1.PathTypeImplementationSpecific:
		if isRegex {
			return ir.PathMatch{Kind: ir.PathRegex, Value: path}, true
		}
		return ir.PathMatch{Kind: ir.PathPrefix, Value: path}, true
	}
	b.fail(report.PathNotValid, field+".pathType", "Path type %s is not Exact, Prefix or ImplementationSpecific.", quote(string(kind)))
	return readable(path, false), false
}

// readable is what can be read of a path that cannot be served.
func readable(path string, isRegex bool) ir.PathMatch {
	kind := ir.PathPrefix
	if isRegex {
		kind = ir.PathRegex
	}
	return validate.ReadablePath(ir.PathMatch{Kind: kind, Value: path})
}

// segments returns a match of whole path segments; trailing slashes have no effect, and "/" matches every path.
func segments(path string) ir.PathMatch {
	path = strings.TrimRight(path, "/")
	if path == "" {
		return ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}
	}
	return ir.PathMatch{Kind: ir.PathSegment, Value: path}
}

// pathProblem returns the problem of a path; "" if it is valid.
func (b *builder) pathProblem(path string, isRegex bool) validate.Problem {
	if problem := validate.Path(path); problem != "" {
		return problem
	}
	if !isRegex && strings.ContainsAny(path, "?#") {
		return "contains ? or #, which are not part of a path"
	}
	if !isRegex {
		return ""
	}
	if problem := b.regex(path); problem != "" {
		return "is a regular expression that " + problem
	}
	return ""
}

// regex checks a regular expression.
func (b *builder) regex(expr string) validate.Problem {
	if problem := b.effort.Unchecked(); problem != "" {
		return problem
	}
	verdict := b.env.Expressions.Get(b.reader, expr)
	b.effort.Add(expr, verdict, b.budgets.HostExpressions)
	return verdict.Within(b.budgets.ExpressionSize)
}

// affords counts the regular expressions of a route of the host, and reports whether they are within the budget of a host.
func (b *builder) affords(h *host, field string, m ir.PathMatch) bool {
	cost, most := validate.WildcardCost(h.name), b.budgets.HostExpressions
	if m.Kind == ir.PathRegex {
		cost += b.env.Expressions.Get(b.reader, m.Value).Cost
	}
	if most > 0 && h.expressions+cost > most {
		b.fail(report.BudgetExceeded, field+".path", "The regular expressions of host %s, with this one, cost more than %d.", quote(h.name), most)
		return false
	}
	h.expressions += cost
	return true
}
