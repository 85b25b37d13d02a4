package compile

import (
	"cmp"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
)

// comparePrecedence puts the route first that is to be tried first. The order is that of HTTPProxy: exact paths,
// then regular expressions, then prefixes; the longer before the shorter; more conditions before fewer; at last
// any order, so that the result does not depend on the order of objects.
func comparePrecedence(a, b *ir.Match) int {
	return cmp.Or(
		comparePath(a.Path, b.Path),
		compareBool(matchesMethod(a), matchesMethod(b)),
		cmp.Compare(len(b.Headers), len(a.Headers)),
		cmp.Compare(len(b.Query), len(a.Query)),
		slices.CompareFunc(a.Headers, b.Headers, compareHeader),
		slices.CompareFunc(a.Query, b.Query, compareQuery),
	)
}

// pathRank orders the kinds of path: both kinds of prefix rank the same, their lengths decide.
func pathRank(k ir.PathKind) int {
	switch k {
	case ir.PathExact:
		return 0
	case ir.PathRegex:
		return 1
	case ir.PathPrefix, ir.PathSegment:
		return 2
	}
	return 3
}

func comparePath(a, b ir.PathMatch) int {
	return cmp.Or(
		cmp.Compare(pathRank(a.Kind), pathRank(b.Kind)),
		cmp.Compare(len(b.Value), len(a.Value)),
		strings.Compare(b.Value, a.Value),
		compareBool(a.Kind == ir.PathSegment, b.Kind == ir.PathSegment),
	)
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

// valueRank puts the narrower way of comparing first.
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
