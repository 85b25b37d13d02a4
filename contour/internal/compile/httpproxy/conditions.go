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

// conditions are the match conditions of a route or inclusion. A path with the Value "" matches every request.
type conditions struct {
	path    ir.PathMatch
	headers []ir.HeaderMatch
	query   []ir.QueryMatch
}

// empty reports whether the conditions match every request.
func (c conditions) empty() bool {
	return c.path.Value == "" && len(c.headers) == 0 && len(c.query) == 0
}

// trivial reports whether the conditions match every path that starts with a slash.
func (c conditions) trivial() bool {
	return len(c.headers) == 0 && len(c.query) == 0 && strings.Trim(c.path.Value, "/") == ""
}

// size returns the approximate size of the conditions in bytes.
func (c conditions) size() int {
	const each = 64
	n := len(c.path.Value) + each*(len(c.headers)+len(c.query))
	for _, h := range c.headers {
		n += len(h.Name) + len(h.Value)
	}
	for _, q := range c.query {
		n += len(q.Name) + len(q.Value)
	}
	return n
}

// match returns the conditions as the match of a route.
func (c conditions) match() ir.Match {
	m := ir.Match{Path: c.path, Headers: c.headers, Query: c.query}
	if m.Path.Value == "" {
		m.Path.Value = "/"
	}
	return m
}

// key returns a string that is equal for equal conditions, and only for these.
func (c conditions) key() string {
	m := c.match()
	m.Path.Value = collapse(m.Path.Value)
	return fmt.Sprintf("%#v", m)
}

// reading is what can be read of a list of conditions.
type reading struct {
	conditions                // the valid ones
	paths      []ir.PathMatch // the path conditions as far as they can be read, without the prefix "/"
	valid      bool           // all of the list can be used, together
}

// conditions converts a list of conditions, without those of the inclusions above it. t is the type of diagnostics about its path.
func (p *proxy) conditions(list []contourv1.MatchCondition, at path, t report.Type) reading {
	var own reading
	own.valid = p.pathCondition(&own, list, at, t)
	for i := range list {
		if h := list[i].Header; h != nil {
			own.valid = p.headerCondition(&own.conditions, h, at.at(i).dot("header")) && own.valid
		}
		if q := list[i].QueryParameter; q != nil {
			own.valid = p.queryCondition(&own.conditions, q, at.at(i).dot("queryParameter")) && own.valid
		}
	}
	own.sort()
	var sound, also bool
	own.headers, sound = p.checkHeaders(own.headers, at)
	own.query, also = p.checkQuery(own.query, at)
	own.valid = own.valid && sound && also
	return own
}

// pathCondition converts the path condition of a list, which may have one.
func (p *proxy) pathCondition(own *reading, list []contourv1.MatchCondition, at path, t report.Type) bool {
	f := subCondition{t, report.PathMatchConditionsNotValid}
	ok := true
	for i := range list {
		for _, c := range pathsOf(&list[i]) {
			field := at.at(i).dot(c.field)
			match := ir.PathMatch{Kind: c.kind, Value: c.value}
			problem := validate.PathMatch(match, p.regex)
			own.addPath(match, problem == "")
			switch {
			case t == report.TypeInclude && c.kind != ir.PathPrefix:
				problem = "is not allowed on an inclusion, which allows only prefix"
			case own.path.Value != "":
				problem = "is an additional condition on the path; at most one is allowed"
			}
			if problem != "" {
				p.errorf(f, field, "The condition %s %s %s.", c.field, quoted(c.value), problem)
				ok = false
				continue
			}
			own.path = match
		}
	}
	return ok
}

// addPath notes what can be read of a path condition, which is all of it if it is sound.
func (r *reading) addPath(m ir.PathMatch, sound bool) {
	if !sound {
		m = validate.ReadablePath(m)
	}
	if m != (ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}) {
		r.paths = append(r.paths, m)
	}
}

// specifiedPath is a path condition as specified.
type specifiedPath struct {
	field string
	kind  ir.PathKind
	value string
}

func pathsOf(c *contourv1.MatchCondition) []specifiedPath {
	var out []specifiedPath
	for _, w := range [...]specifiedPath{
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

// join combines the conditions of a list with those of the inclusions above it, and reports whether requests can match both.
func (p *proxy) join(above, own conditions, at path, t report.Type) (conditions, bool) {
	c := above.and(own)
	ok := p.checkPath(c.path, p.joinedProblem(above.path, own.path, c.path), at, t)
	_, sound := p.checkHeaders(c.headers, at)
	_, also := p.checkQuery(c.query, at)
	return c, ok && sound && also
}

// and is the conditions with more below them.
func (c conditions) and(own conditions) conditions {
	out := conditions{
		path:    joinPaths(c.path, own.path),
		headers: slices.Concat(c.headers, own.headers),
		query:   slices.Concat(c.query, own.query),
	}
	out.sort()
	return out
}

// maxReadable bounds the path conditions of one list that are answered each for itself if the list is not valid.
const maxReadable = 4

// refused is the routes that answer 500 in the place of those that conditions are for which cannot be used: the requests
// that meet what can be read of them, so that these do not reach a broader route. Nothing is read of conditions that no
// request under the inclusions above can meet.
func (p *proxy) refused(above conditions, own reading) []route {
	paths := own.paths
	if len(paths) == 0 || len(paths) > maxReadable {
		paths = []ir.PathMatch{{}}
	}
	var out []route
	for _, at := range paths {
		c := above.and(conditions{path: at, headers: own.headers, query: own.query})
		if !c.satisfiable() {
			return nil
		}
		c = p.withinLimits(c, above, at)
		rt := p.failing(c.match(), 500)
		if c.key() == above.key() { // nothing can be read: another route for all these requests counts instead
			if above.trivial() {
				continue
			}
			rt.placeholder = true
		}
		out = append(out, rt)
	}
	return out
}

// withoutExpressions is what can be read of the conditions without regular expressions.
func (r reading) withoutExpressions() reading {
	paths := make([]ir.PathMatch, 0, len(r.paths))
	for _, m := range r.paths {
		if m.Kind == ir.PathRegex {
			m = validate.ReadablePath(m)
		}
		paths = append(paths, m)
	}
	r.paths, r.conditions = paths, r.conditions.withoutExpressions()
	return r
}

// withoutExpressions is the conditions without regular expressions.
func (c conditions) withoutExpressions() conditions {
	if c.path.Kind == ir.PathRegex {
		c.path = ir.PathMatch{}
	}
	c.headers = slices.DeleteFunc(slices.Clone(c.headers), func(h ir.HeaderMatch) bool { return h.Kind == ir.StringRegex })
	c.query = slices.DeleteFunc(slices.Clone(c.query), func(q ir.QueryMatch) bool { return q.Kind == ir.StringRegex })
	return c
}

// satisfiable reports whether a request can meet the conditions on headers and query parameters.
func (c conditions) satisfiable() bool {
	_, header := consistent(c.headers, contradict)
	_, query := consistent(c.query, contradictQuery)
	return header < 0 && query < 0
}

// withinLimits is the conditions without those, of a part that is beyond its limit, which are not among the ones above. The path of c
// is that of the ones above joined with own.
func (p *proxy) withinLimits(c, above conditions, own ir.PathMatch) conditions {
	if p.joinedProblem(above.path, own, c.path) != "" {
		c.path = above.path
	}
	if len(c.headers) > maxMatches {
		c.headers = above.headers
	}
	if len(c.query) > maxMatches {
		c.query = above.query
	}
	return c
}

// joinedProblem is why a path cannot be used that joinPaths makes of two that can.
func (p *proxy) joinedProblem(above, own, joined ir.PathMatch) validate.Problem {
	problem := validate.PathLength(joined.Value)
	if problem == "" && joined.Kind == ir.PathRegex {
		problem = p.joinedRegex(above.Value, own.Value, joined.Value)
	}
	return problem
}

func (p *proxy) checkPath(m ir.PathMatch, problem validate.Problem, at path, t report.Type) bool {
	if problem == "" {
		return true
	}
	p.errorf(subCondition{t, report.PathMatchConditionsNotValid}, at, "The path %s, which includes the prefixes of the inclusions, %s.", quoted(m.Value), problem)
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

// joinRegex returns an expression that matches the literal prefix followed by a match of expr.
func joinRegex(prefix, expr string) string {
	if prefix != "" && strings.Contains(expr, "|") {
		expr = "(?:" + expr + ")"
	}
	return regexp.QuoteMeta(prefix) + expr
}

// collapse replaces each run of slashes by one slash.
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

// sort brings the conditions into canonical order, without duplicates.
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
