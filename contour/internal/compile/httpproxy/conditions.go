package httpproxy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxMatches bounds the conditions on headers, and those on query parameters, of one route.
const maxMatches = 64

// conditions is what a request has to meet. A path with the Value "" asks for nothing.
type conditions struct {
	path    ir.PathMatch
	headers []ir.HeaderMatch
	query   []ir.QueryMatch
}

// empty reports whether every request meets the conditions.
func (c conditions) empty() bool {
	return c.path.Value == "" && len(c.headers) == 0 && len(c.query) == 0
}

// trivial reports whether the conditions say no more than that a path starts with a slash.
func (c conditions) trivial() bool {
	return len(c.headers) == 0 && len(c.query) == 0 && strings.Trim(c.path.Value, "/") == ""
}

// size is about how many bytes the conditions take.
func (c conditions) size() int {
	n := len(c.path.Value)
	for _, h := range c.headers {
		n += len(h.Name) + len(h.Value)
	}
	for _, q := range c.query {
		n += len(q.Name) + len(q.Value)
	}
	return n
}

// match is the conditions as those of a route.
func (c conditions) match() ir.Match {
	m := ir.Match{Path: c.path, Headers: c.headers, Query: c.query}
	if m.Path.Value == "" {
		m.Path.Value = "/"
	}
	return m
}

// key is equal for equal conditions and different for different ones.
func (c conditions) key() string {
	m := c.match()
	m.Path.Value = collapse(m.Path.Value)
	return fmt.Sprintf("%#v", m)
}

// conditions reads a list of conditions by itself, without what stands above it. t is the type of problems with its path.
func (p *proxy) conditions(list []contourv1.MatchCondition, at path, t report.Type) (conditions, bool) {
	own := conditions{}
	ok := p.pathCondition(&own, list, at, t)
	for i := range list {
		if h := list[i].Header; h != nil {
			ok = p.headerCondition(&own, h, at.at(i).dot("header")) && ok
		}
		if q := list[i].QueryParameter; q != nil {
			ok = p.queryCondition(&own, q, at.at(i).dot("queryParameter")) && ok
		}
	}
	own.sort()
	return own, ok
}

// pathCondition reads the one path condition that a list may have.
func (p *proxy) pathCondition(own *conditions, list []contourv1.MatchCondition, at path, t report.Type) bool {
	f := subCondition{t, report.PathMatchConditionsNotValid}
	ok := true
	for i := range list {
		for _, c := range pathsOf(&list[i]) {
			field := at.at(i).dot(c.field)
			problem := validate.PathMatch(ir.PathMatch{Kind: c.kind, Value: c.value})
			switch {
			case t == report.TypeInclude && c.kind != ir.PathPrefix:
				problem = "is not possible on an inclusion, only prefix"
			case own.path.Value != "":
				problem = "is one condition on the path too many"
			}
			if problem != "" {
				p.errorf(f, field, "The condition %s %s %s.", c.field, quoted(c.value), problem)
				ok = false
				continue
			}
			own.path = ir.PathMatch{Kind: c.kind, Value: c.value}
		}
	}
	return ok
}

// writtenPath is a path condition as written.
type writtenPath struct {
	field string
	kind  ir.PathKind
	value string
}

func pathsOf(c *contourv1.MatchCondition) []writtenPath {
	var out []writtenPath
	for _, w := range [...]writtenPath{
		{"prefix", ir.PathPrefix, c.Prefix},
		{"exact", ir.PathExact, c.Exact},
		{"regex", ir.PathRegex, c.Regex},
	} {
		if w.value != "" {
			out = append(out, w)
		}
	}
	return out
}

// join puts the conditions of a list below those of the inclusions above it.
func (p *proxy) join(above, own conditions, at path, t report.Type) (conditions, bool) {
	c := conditions{
		path:    joinPaths(above.path, own.path),
		headers: slices.Concat(above.headers, own.headers),
		query:   slices.Concat(above.query, own.query),
	}
	ok := p.checkPath(c.path, at, t)
	ok = p.checkHeaders(c.headers, at) && ok
	ok = p.checkQuery(c.query, at) && ok
	c.sort()
	return c, ok
}

func (p *proxy) checkPath(m ir.PathMatch, at path, t report.Type) bool {
	problem := validate.PathLength(m.Value)
	if problem == "" && m.Kind == ir.PathRegex {
		problem = validate.Regex(m.Value)
	}
	if problem == "" {
		return true
	}
	p.errorf(subCondition{t, report.PathMatchConditionsNotValid}, at, "The path %s, with what the inclusions say, %s.", quoted(m.Value), problem)
	return false
}

// joinPaths appends a path condition to the prefix of the inclusions above it.
func joinPaths(above, own ir.PathMatch) ir.PathMatch {
	switch {
	case own.Value == "":
		return above
	case own.Kind == ir.PathRegex:
		return ir.PathMatch{Kind: ir.PathRegex, Value: joinRegex(strings.TrimRight(above.Value, "/"), own.Value)}
	}
	return ir.PathMatch{Kind: own.Kind, Value: collapse(above.Value + own.Value)}
}

// joinRegex is an expression for the literal prefix followed by what expr matches.
func joinRegex(prefix, expr string) string {
	if prefix != "" && strings.Contains(expr, "|") {
		expr = "(?:" + expr + ")"
	}
	return regexp.QuoteMeta(prefix) + expr
}

// collapse makes one slash of each run of slashes.
func collapse(s string) string {
	if !strings.Contains(s, "//") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] != '/' || i == 0 || s[i-1] != '/' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// sort gives equal sets of conditions the same form.
func (c *conditions) sort() {
	slices.SortFunc(c.headers, compareHeaders)
	c.headers = slices.Compact(c.headers)
	slices.SortFunc(c.query, compareQuery)
	c.query = slices.Compact(c.query)
}

func compareHeaders(a, b ir.HeaderMatch) int {
	return cmp.Or(
		strings.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Value, b.Value),
		compareBools(a.Invert, b.Invert), compareBools(a.IgnoreCase, b.IgnoreCase), compareBools(a.MissingAsEmpty, b.MissingAsEmpty),
	)
}

func compareQuery(a, b ir.QueryMatch) int {
	return cmp.Or(
		strings.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Value, b.Value),
		compareBools(a.IgnoreCase, b.IgnoreCase),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
