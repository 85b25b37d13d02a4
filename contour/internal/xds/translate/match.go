package translate

import (
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"contour.example/contour/internal/ir"
)

// routeMatch converts the match of a route to Envoy's matcher, on a host with that name.
func routeMatch(of ir.Route, hostname string) *routev3.RouteMatch {
	rm, m := &routev3.RouteMatch{}, of.Match
	setPath(rm, m.Path)
	if suffix, ok := strings.CutPrefix(hostname, "*."); ok && !of.Subdomains {
		rm.Headers = append(rm.Headers, oneLabel(suffix))
	}
	for _, h := range m.Headers {
		rm.Headers = append(rm.Headers, headerMatcher(h))
	}
	for _, q := range m.Query {
		rm.QueryParameters = append(rm.QueryParameters, queryMatcher(q))
	}
	return rm
}

// setPath sets the match of the path.
func setPath(rm *routev3.RouteMatch, p ir.PathMatch) {
	switch p.Kind {
	case ir.PathExact:
		rm.PathSpecifier = &routev3.RouteMatch_Path{Path: p.Value}
	case ir.PathRegex:
		rm.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: re2(p.Value)}
	case ir.PathMethod:
		rm.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: re2("/[^/]+/" + regexp.QuoteMeta(p.Value))}
	case ir.PathSegment:
		setSegments(rm, p.Value)
	default:
		rm.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: p.Value}
	}
}

// setSegments matches whole segments. Envoy's matcher for segments supports neither the root, for which a prefix is used,
// nor characters that end a path, for which a prefix that matches nothing is used.
func setSegments(rm *routev3.RouteMatch, value string) {
	path := segments(value)
	switch {
	case path == "":
		rm.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/"}
	case len(path) < 2 || strings.ContainsAny(path, "?#"):
		rm.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: path}
	default:
		rm.PathSpecifier = &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: path}
	}
}

// segments returns a path prefix without trailing slashes, which are not significant; "" is the root.
func segments(path string) string { return strings.TrimRight(path, "/") }

// oneLabel limits a wildcard host to names with exactly one label in place of the star: in Envoy it matches any number.
func oneLabel(suffix string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: ":authority",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: matching(
			`(?i)[a-z0-9]([-a-z0-9]*[a-z0-9])?\.` + regexp.QuoteMeta(suffix) + `(:[0-9]+)?`,
		)},
	}
}

func headerMatcher(h ir.HeaderMatch) *routev3.HeaderMatcher {
	hm := &routev3.HeaderMatcher{Name: h.Name, InvertMatch: h.Invert, TreatMissingHeaderAsEmpty: h.MissingAsEmpty}
	if h.Kind == ir.StringPresent {
		hm.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
	} else {
		hm.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: stringMatcher(h.Kind, h.Value, h.IgnoreCase)}
	}
	return hm
}

func queryMatcher(q ir.QueryMatch) *routev3.QueryParameterMatcher {
	qm := &routev3.QueryParameterMatcher{Name: q.Name}
	if q.Kind == ir.StringPresent {
		qm.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: true}
	} else {
		qm.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_StringMatch{StringMatch: stringMatcher(q.Kind, q.Value, q.IgnoreCase)}
	}
	return qm
}

// stringMatcher returns the matcher of a value. Envoy rejects a prefix, suffix or contains match of "", which matches every value.
func stringMatcher(kind ir.StringKind, value string, ignoreCase bool) *matcherv3.StringMatcher {
	if value == "" && (kind == ir.StringPrefix || kind == ir.StringSuffix || kind == ir.StringContains) {
		return matching("(?s).*")
	}
	sm := &matcherv3.StringMatcher{IgnoreCase: ignoreCase}
	switch kind {
	case ir.StringPrefix:
		sm.MatchPattern = &matcherv3.StringMatcher_Prefix{Prefix: value}
	case ir.StringSuffix:
		sm.MatchPattern = &matcherv3.StringMatcher_Suffix{Suffix: value}
	case ir.StringContains:
		sm.MatchPattern = &matcherv3.StringMatcher_Contains{Contains: value}
	case ir.StringRegex:
		return matchingCase(value, ignoreCase)
	default:
		sm.MatchPattern = &matcherv3.StringMatcher_Exact{Exact: value}
	}
	return sm
}

// matchingCase returns the matcher of a regular expression, for which Envoy has no option to ignore case.
func matchingCase(regex string, ignoreCase bool) *matcherv3.StringMatcher {
	if ignoreCase {
		regex = "(?i)" + regex
	}
	return matching(regex)
}

func matching(regex string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: re2(regex)}}
}

// re2 returns a regular expression that the whole value must match.
func re2(regex string) *matcherv3.RegexMatcher { return &matcherv3.RegexMatcher{Regex: regex} }
