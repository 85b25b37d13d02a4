package semantic

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// matches reports whether the request matches a route.
func (x *exchange) matches(m *routev3.RouteMatch) (bool, error) {
	unmet, err := x.unmet(m)
	return unmet == (Condition{}) && err == nil, err
}

// unmet returns the first condition of a route that the request does not meet, the zero value if it meets all of them.
func (x *exchange) unmet(m *routev3.RouteMatch) (Condition, error) {
	if err := checkFields(m, "prefix path safe_regex path_separated_prefix headers cookies query_parameters filter_state"); err != nil {
		return Condition{}, err
	}
	if ok, err := x.matchesPath(m); !ok || err != nil {
		return Condition{Kind: "path"}, err
	}
	for _, s := range m.GetFilterState() {
		if ok, err := x.matchesState(s); !ok || err != nil {
			return Condition{Kind: "connection"}, err
		}
	}
	for _, h := range m.GetHeaders() {
		if ok, err := x.matchesHeader(h); !ok || err != nil {
			return Condition{Kind: "header", Name: h.GetName()}, err
		}
	}
	for _, c := range m.GetCookies() {
		if ok, err := x.matchesCookie(c); !ok || err != nil {
			return Condition{Kind: "cookie", Name: c.GetName()}, err
		}
	}
	for _, q := range m.GetQueryParameters() {
		if ok, err := x.matchesQuery(q); !ok || err != nil {
			return Condition{Kind: "query parameter", Name: q.GetName()}, err
		}
	}
	return Condition{}, nil
}

func (x *exchange) matchesPath(m *routev3.RouteMatch) (bool, error) {
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		return strings.HasPrefix(x.path, p.Prefix), nil
	case *routev3.RouteMatch_Path:
		return x.path == p.Path, nil
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return x.path == p.PathSeparatedPrefix || strings.HasPrefix(x.path, p.PathSeparatedPrefix+"/"), nil
	case *routev3.RouteMatch_SafeRegex:
		return matchesFully(p.SafeRegex, x.path)
	}
	return false, errors.New("the model does not support the path match")
}

// matchesState compares a value that a filter of the connection has set.
func (x *exchange) matchesState(m *matcherv3.FilterStateMatcher) (bool, error) {
	value, present := x.state[m.GetKey()]
	ok, err := matchesString(m.GetStringMatch(), value)
	return present && ok, err
}

// headerName returns the name under which Envoy finds a header of a request: the host is that of HTTP/2.
func headerName(name string) string {
	if name = strings.ToLower(name); name == "host" {
		return ":authority"
	}
	return name
}

// matchesHeader compares a header. A missing header matches no condition on its value, not even an inverted one,
// unless the condition treats it as empty.
func (x *exchange) matchesHeader(h *routev3.HeaderMatcher) (bool, error) {
	if err := checkFields(h, "name string_match present_match invert_match treat_missing_header_as_empty"); err != nil {
		return false, err
	}
	value, present := x.headers[headerName(h.GetName())]
	switch s := h.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_PresentMatch:
		return (present == s.PresentMatch) != h.GetInvertMatch(), nil
	case *routev3.HeaderMatcher_StringMatch:
		if !present && !h.GetTreatMissingHeaderAsEmpty() {
			return false, nil
		}
		ok, err := matchesString(s.StringMatch, value)
		return ok != h.GetInvertMatch(), err
	}
	return false, fmt.Errorf("the model does not support the match of header %s", h.GetName())
}

// matchesCookie compares the value of a cookie.
func (x *exchange) matchesCookie(c *routev3.CookieMatcher) (bool, error) {
	if err := checkFields(c, "name string_match"); err != nil {
		return false, err
	}
	value, present := x.cookie(c.GetName())
	ok, err := matchesString(c.GetStringMatch(), value)
	return present && ok, err
}

// matchesQuery compares the first value of a query parameter, as sent.
func (x *exchange) matchesQuery(q *routev3.QueryParameterMatcher) (bool, error) {
	if err := checkFields(q, "name string_match present_match"); err != nil {
		return false, err
	}
	value, present := x.parameter(q.GetName())
	switch s := q.GetQueryParameterMatchSpecifier().(type) {
	case *routev3.QueryParameterMatcher_PresentMatch:
		return present == s.PresentMatch, nil
	case *routev3.QueryParameterMatcher_StringMatch:
		if !present {
			return false, nil
		}
		return matchesString(s.StringMatch, value)
	}
	return false, fmt.Errorf("the model does not support the match of query parameter %s", q.GetName())
}

func (x *exchange) parameter(name string) (value string, present bool) {
	for pair := range strings.SplitSeq(strings.TrimPrefix(x.query, "?"), "&") {
		if n, v, _ := strings.Cut(pair, "="); n == name && pair != "" {
			return v, true
		}
	}
	return "", false
}

func matchesString(m *matcherv3.StringMatcher, value string) (bool, error) {
	if err := checkFields(m, "exact prefix suffix contains safe_regex ignore_case"); err != nil {
		return false, err
	}
	fold := func(s string) string { return s }
	if m.GetIgnoreCase() {
		fold = strings.ToLower
	}
	value = fold(value)
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return value == fold(p.Exact), nil
	case *matcherv3.StringMatcher_Prefix:
		return strings.HasPrefix(value, fold(p.Prefix)), nil
	case *matcherv3.StringMatcher_Suffix:
		return strings.HasSuffix(value, fold(p.Suffix)), nil
	case *matcherv3.StringMatcher_Contains:
		return strings.Contains(value, fold(p.Contains)), nil
	case *matcherv3.StringMatcher_SafeRegex:
		if m.GetIgnoreCase() {
			return false, errors.New("ignore_case has no effect on expressions")
		}
		return matchesFully(p.SafeRegex, value)
	}
	return false, errors.New("the model does not support the string match")
}

// matchesFully reports whether the expression matches the whole text, like a full match of RE2.
func matchesFully(m *matcherv3.RegexMatcher, text string) (bool, error) {
	if err := checkFields(m, "regex"); err != nil {
		return false, err
	}
	re, err := regexp.Compile(`\A(?:` + m.GetRegex() + `)\z`)
	if err != nil {
		return false, fmt.Errorf("expression: %w", err)
	}
	return re.MatchString(text), nil
}
