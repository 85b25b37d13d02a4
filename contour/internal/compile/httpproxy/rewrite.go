package httpproxy

import (
	"cmp"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// rewrite is the path rewriting of the route for the prefix that it has after inclusion; nil if no entry is for it.
func (b *builder) rewrite(m ir.PathMatch) *ir.PathRewrite {
	if b.spec.PathRewritePolicy == nil || len(b.spec.PathRewritePolicy.ReplacePrefix) == 0 {
		return nil
	}
	entries, at := b.spec.PathRewritePolicy.ReplacePrefix, b.at.dot("pathRewritePolicy").dot("replacePrefix")
	if m.Kind != ir.PathPrefix {
		b.reject(subCondition{report.TypePrefixReplace, report.MustHavePrefix}, at, "The route has no prefix that could be replaced.")
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
			b.reject(subCondition{report.TypePrefixReplace, report.AmbiguousReplacement}, at.at(i), "Two replacements are for no prefix in particular.")
			return false
		case seen[e.Prefix]:
			b.reject(subCondition{report.TypePrefixReplace, report.DuplicateReplacement}, at.at(i), "Two replacements are for the prefix %s.", quoted(e.Prefix))
			return false
		}
		seen[e.Prefix] = true
	}
	return true
}

// pathText says whether a text can be put in the place of a path.
func pathText(s string) validate.Problem {
	return cmp.Or(validate.Path(s), validate.PathLength(s))
}

// replacement is what to put in the place of the matched prefix so that where the two parts of a path
// meet there is one slash, if the prefix ended there: /a -> /b/ puts /b, /a/ -> /b puts /b/.
func replacement(matched, written string) string {
	trimmed := strings.TrimRight(collapse(written), "/")
	if trimmed == "" || strings.HasSuffix(matched, "/") {
		return trimmed + "/"
	}
	return trimmed
}

// expand adds the routes without which a replacement would put slashes amiss.
//
// One slash in the place of /a is right for /a itself and for /ab, but makes //b of /a/b: every route for the prefix /a
// is repeated for /a/, so that the order among them stays, unless the host has routes for /a/ of its own.
// A replacement of /a/ is meant for /a as well: a route for it is added unless the host has one for /a.
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

// expansion is what expand has to know of all routes of a host.
type expansion struct {
	prefixes map[string]bool // prefixes that routes are for
	exact    map[string]bool // paths that routes are for
	split    map[string]bool // prefixes without a slash at the end, of which one is replaced by a slash
}

// newExpansion is nil if no route has its path replaced.
func newExpansion(routes []route) *expansion {
	e := &expansion{prefixes: map[string]bool{}, exact: map[string]bool{}, split: map[string]bool{}}
	replaces := false
	for _, rt := range routes {
		switch rt.Match.Path.Kind {
		case ir.PathPrefix:
			e.prefixes[rt.Match.Path.Value] = true
		case ir.PathExact:
			e.exact[rt.Match.Path.Value] = true
		case ir.PathSegment, ir.PathRegex:
		}
		r := replaced(rt)
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

// variant is the route to add for rt, if one is needed.
func (e *expansion) variant(rt route) (route, bool) {
	prefix := rt.Match.Path.Value
	if rt.Match.Path.Kind != ir.PathPrefix {
		return route{}, false
	}
	bare, slashed := strings.CutSuffix(prefix, "/")
	switch {
	case e.split[prefix] && !e.prefixes[prefix+"/"]:
		return moved(rt, ir.PathMatch{Kind: ir.PathPrefix, Value: prefix + "/"}), true
	case slashed && bare != "" && rt.Forward != nil && rt.Forward.Rewrite != nil &&
		!e.prefixes[bare] && !e.exact[bare] && !strings.ContainsAny(bare, "?#"):
		return moved(rt, ir.PathMatch{Kind: ir.PathSegment, Value: bare}), true
	}
	return route{}, false
}

// replaced is what the route puts in the place of its prefix, "" if it leaves it.
func replaced(rt route) string {
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

// moved is the route for another prefix, with what it puts in the place of it adapted.
func moved(rt route, to ir.PathMatch) route {
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
