package httpproxy

import (
	"cmp"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// rewrite returns the path rewrite of the route for the prefix that it has after inclusion; nil if no entry applies to it.
func (b *builder) rewrite(m ir.PathMatch) *ir.PathRewrite {
	if b.spec.PathRewritePolicy == nil || len(b.spec.PathRewritePolicy.ReplacePrefix) == 0 {
		return nil
	}
	entries, at := b.spec.PathRewritePolicy.ReplacePrefix, b.at.dot("pathRewritePolicy").dot("replacePrefix")
	if m.Kind != ir.PathPrefix {
		b.reject(subCondition{report.TypePrefixReplace, report.MustHavePrefix}, at, "The route has no prefix condition; replacePrefix requires one.")
		return nil
	}
	if !b.checkReplacements(entries, at) {
		return nil
	}
	var general *ir.PathRewrite
	for _, e := range entries {
		r := &ir.PathRewrite{Prefix: replacement(m.Value, e.Replacement)}
		switch e.Prefix {
		case m.Value:
			return r
		case "":
			general = r
		}
	}
	return general
}

func (b *builder) checkReplacements(entries []contourv1.ReplacePrefix, at path) bool {
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		if problem := pathText(e.Replacement); problem != "" {
			b.reject(subCondition{report.TypePrefixReplace, report.ReplacementNotValid}, at.at(i).dot("replacement"),
				"The replacement %s %s.", quoted(e.Replacement), problem)
			return false
		}
		switch {
		case seen[e.Prefix] && e.Prefix == "":
			b.reject(subCondition{report.TypePrefixReplace, report.AmbiguousReplacement}, at.at(i), "Two replacements have no prefix; at most one is allowed.")
			return false
		case seen[e.Prefix]:
			b.reject(subCondition{report.TypePrefixReplace, report.DuplicateReplacement}, at.at(i), "Two replacements have the prefix %s; prefixes must be unique.", quoted(e.Prefix))
			return false
		}
		seen[e.Prefix] = true
	}
	return true
}

// pathText checks that a string can replace a path or its prefix.
func pathText(s string) validate.Problem {
	return cmp.Or(validate.Path(s), validate.PathLength(s))
}

// replacement returns the string that replaces the matched prefix, so that a path has one slash between it and the rest:
// /a -> /b/ becomes /b, /a/ -> /b becomes /b/.
func replacement(matched, specified string) string {
	trimmed := strings.TrimRight(collapse(specified), "/")
	if trimmed == "" || strings.HasSuffix(matched, "/") {
		return trimmed + "/"
	}
	return trimmed
}

// expand adds the routes without which a replacement would produce too many or too few slashes.
//
// The replacement of /a by / is correct for /a and /ab, but changes /a/b to //b. Every route for the prefix /a is
// therefore repeated for /a/, in the same order, unless the host has routes for /a/ of its own.
// A replacement of /a/ applies to /a as well: a route for /a is added unless the host has one.
func expand(routes []route) []route {
	e := newExpansion(routes)
	if e == nil {
		return routes
	}
	out := make([]route, 0, len(routes)+len(e.split))
	for _, rt := range routes {
		out = append(out, rt)
		if v, ok := e.variant(rt); ok {
			out = append(out, v)
		}
	}
	return out
}

// expansion contains the paths of all routes of a host that expand depends on.
type expansion struct {
	prefixes map[string]bool // prefixes of routes
	exact    map[string]bool // exact paths of routes
	split    map[string]bool // prefixes without a trailing slash that a route replaces by a slash
}

// newExpansion returns nil if no route replaces its prefix.
func newExpansion(routes []route) *expansion {
	e := &expansion{prefixes: map[string]bool{}, exact: map[string]bool{}, split: map[string]bool{}}
	replaces := false
	for _, rt := range routes {
		switch rt.Match.Path.Kind {
		case ir.PathPrefix:
			e.prefixes[rt.Match.Path.Value] = true
		case ir.PathExact:
			e.exact[rt.Match.Path.Value] = true
		case ir.PathSegment, ir.PathRegex, ir.PathMethod:
		}
		r := replacementOf(rt)
		replaces = replaces || r != ""
		if r == "/" && !strings.HasSuffix(rt.Match.Path.Value, "/") {
			e.split[rt.Match.Path.Value] = true
		}
	}
	if !replaces {
		return nil
	}
	return e
}

// variant returns the route to add for rt, if one is needed.
func (e *expansion) variant(rt route) (route, bool) {
	prefix := rt.Match.Path.Value
	if rt.Match.Path.Kind != ir.PathPrefix {
		return route{}, false
	}
	bare, slashed := strings.CutSuffix(prefix, "/")
	switch {
	case e.split[prefix] && !e.prefixes[prefix+"/"]:
		return withPath(rt, ir.PathMatch{Kind: ir.PathPrefix, Value: prefix + "/"}), true
	case slashed && bare != "" && rt.Forward != nil && rt.Forward.Rewrite != nil &&
		!e.prefixes[bare] && !e.exact[bare] && !strings.ContainsAny(bare, "?#"):
		return withPath(rt, ir.PathMatch{Kind: ir.PathSegment, Value: bare}), true
	}
	return route{}, false
}

// replacementOf returns the string by which the route replaces its prefix, "" if it does not.
func replacementOf(rt route) string {
	switch {
	case rt.Match.Path.Kind != ir.PathPrefix:
		return ""
	case rt.Forward != nil && rt.Forward.Rewrite != nil:
		return rt.Forward.Rewrite.Prefix
	case rt.Redirect != nil:
		return rt.Redirect.Prefix
	}
	return ""
}

// withPath returns the route for another path, with its replacement adapted.
func withPath(rt route, to ir.PathMatch) route {
	rt.Match.Path = to
	if rt.Forward != nil && rt.Forward.Rewrite != nil {
		f := *rt.Forward
		f.Rewrite = &ir.PathRewrite{Prefix: replacement(to.Value, f.Rewrite.Prefix)}
		rt.Forward = &f
	}
	if rt.Redirect != nil && rt.Redirect.Prefix != "" {
		r := *rt.Redirect
		r.Prefix = replacement(to.Value, r.Prefix)
		rt.Redirect = &r
	}
	return rt
}
