package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
)

// comparePrecedence orders routes by precedence. The order is that of HTTPProxy: exact paths,
// then regular expressions, then prefixes; longer before shorter; more conditions before fewer; then a
// fixed order, so that the order of objects has no effect.
func comparePrecedence(a, b *ir.Match) int {
	return cmp.Or(
		comparePath(a.Path, b.Path),
		compareCounts(a, b),
		slices.CompareFunc(a.Headers, b.Headers, compareHeader),
		slices.CompareFunc(a.Query, b.Query, compareQuery),
	)
}

// compareCounts orders matches with equal paths by the number of their conditions.
func compareCounts(a, b *ir.Match) int {
	return cmp.Or(
		compareBool(matchesMethod(a), matchesMethod(b)),
		cmp.Compare(len(b.Headers), len(a.Headers)),
		cmp.Compare(len(b.Query), len(a.Query)),
	)
}

// orderedBy returns the routes in order of precedence: of matches of equal precedence, the first one precedes if byAge, else a fixed
// order decides (ordered).
func orderedBy(byAge bool, routes []ir.Route) []ir.Route {
	if !byAge {
		return ordered(routes)
	}
	compare := func(a, b ir.Route) int {
		return cmp.Or(comparePath(a.Match.Path, b.Match.Path), compareCounts(&a.Match, &b.Match))
	}
	if slices.IsSortedFunc(routes, compare) && !hasEqualMatches(routes) {
		return routes
	}
	all := slices.Clone(routes)
	slices.SortStableFunc(all, compare)
	var seen matchSet[struct{}]
	return slices.Clip(slices.DeleteFunc(all, func(r ir.Route) bool {
		_, had := seen.add(&r.Match, struct{}{})
		return had
	}))
}

func hasEqualMatches(sorted []ir.Route) bool {
	var seen matchSet[struct{}]
	return slices.ContainsFunc(sorted, func(r ir.Route) bool {
		_, had := seen.add(&r.Match, struct{}{})
		return had
	})
}

// matchSet is the matches of a sequence that is ordered by compareByAge, with a value for each.
type matchSet[V any] struct {
	first *ir.Match // of those with the same precedence as the last one
	value V
	more  map[string]V // by text, of all with that precedence; nil if there is one only
}

// add adds a match unless there is an equal one, whose value it returns.
func (s *matchSet[V]) add(m *ir.Match, v V) (former V, had bool) {
	if s.first == nil || comparePath(s.first.Path, m.Path) != 0 || compareCounts(s.first, m) != 0 {
		s.first, s.value, s.more = m, v, nil
		return former, false
	}
	if s.more == nil {
		s.more = map[string]V{matchText(s.first): s.value}
	}
	text := matchText(m)
	if former, had = s.more[text]; !had {
		s.more[text] = v
	}
	return former, had
}

// matchText returns the same text for equal matches with equal paths, and no other.
func matchText(m *ir.Match) string {
	c := canonical(*m)
	return fmt.Sprintf("%#v %#v", c.Headers, c.Query)
}

// ordered returns the routes in order of precedence, one for each match: of routes with equal matches, the last one. The
// conditions of each match are in canonical order. Ordered routes are returned unchanged.
func ordered(routes []ir.Route) []ir.Route {
	if isOrdered(routes) {
		return routes
	}
	all := slices.Clone(routes)
	order := make([]*ir.Route, len(all)) // routes are large, so that they are not moved by the sort
	for i := range all {
		all[i].Match = canonical(all[i].Match)
		order[i] = &all[i]
	}
	slices.SortStableFunc(order, func(a, b *ir.Route) int { return comparePrecedence(&a.Match, &b.Match) })
	last := func(i int) bool { // of those with equal matches
		return i+1 == len(order) || comparePrecedence(&order[i].Match, &order[i+1].Match) != 0
	}
	n := 0
	for i := range order {
		if last(i) {
			n++
		}
	}
	out := make([]ir.Route, 0, n)
	for i := range order {
		if last(i) {
			out = append(out, *order[i])
		}
	}
	return out
}

func isOrdered(routes []ir.Route) bool {
	for i := range routes {
		m := &routes[i].Match
		if !slices.IsSortedFunc(m.Headers, compareHeader) || !slices.IsSortedFunc(m.Query, compareQuery) {
			return false
		}
		if i > 0 && comparePrecedence(&routes[i-1].Match, m) >= 0 {
			return false
		}
	}
	return true
}

// canonical orders the conditions of a match: all of them must be true, so their order has no effect.
func canonical(m ir.Match) ir.Match {
	m.Headers = slices.SortedFunc(slices.Values(m.Headers), compareHeader)
	m.Query = slices.SortedFunc(slices.Values(m.Query), compareQuery)
	return m
}

// pathRank orders the kinds of path. Both kinds of prefix have the same rank: their lengths determine the order. A match of the method
// of any service is more specific only than the prefix "/".
func pathRank(k ir.PathKind) int {
	switch k {
	case ir.PathExact:
		return 0
	case ir.PathRegex:
		return 1
	case ir.PathPrefix, ir.PathSegment, ir.PathMethod:
		return 2
	}
	return 3
}

func comparePath(a, b ir.PathMatch) int {
	return cmp.Or(
		cmp.Compare(pathRank(a.Kind), pathRank(b.Kind)),
		cmp.Compare(pathLength(b), pathLength(a)),
		compareBool(a.Kind == ir.PathMethod, b.Kind == ir.PathMethod),
		cmp.Compare(len(b.Value), len(a.Value)),
		strings.Compare(b.Value, a.Value),
		compareBool(a.Kind == ir.PathSegment, b.Kind == ir.PathSegment),
	)
}

// pathLength returns the number of characters that the path of a request begins with.
func pathLength(p ir.PathMatch) int {
	if p.Kind == ir.PathMethod {
		return 1
	}
	return len(p.Value)
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func matchesMethod(m *ir.Match) bool {
	return slices.ContainsFunc(m.Headers, func(h ir.HeaderMatch) bool { return h.Name == ":method" })
}

// valueRank orders the kinds of comparison, the most specific one first.
func valueRank(k ir.StringKind) int {
	return slices.Index([]ir.StringKind{
		ir.StringExact, ir.StringRegex, ir.StringPrefix, ir.StringSuffix, ir.StringContains, ir.StringPresent,
	}, k)
}

func compareHeader(a, b ir.HeaderMatch) int {
	return cmp.Or(
		cmp.Compare(valueRank(a.Kind), valueRank(b.Kind)),
		compareBool(b.Invert, a.Invert),
		cmp.Compare(len(b.Value), len(a.Value)),
		strings.Compare(a.Name, b.Name),
		strings.Compare(a.Value, b.Value),
		compareBool(a.IgnoreCase, b.IgnoreCase),
		compareBool(a.MissingAsEmpty, b.MissingAsEmpty),
	)
}

func compareQuery(a, b ir.QueryMatch) int {
	return cmp.Or(
		cmp.Compare(valueRank(a.Kind), valueRank(b.Kind)),
		cmp.Compare(len(b.Value), len(a.Value)),
		strings.Compare(a.Name, b.Name),
		strings.Compare(a.Value, b.Value),
		compareBool(a.IgnoreCase, b.IgnoreCase),
	)
}
