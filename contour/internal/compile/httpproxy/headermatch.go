package httpproxy

import (
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/headermatch"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// headerCondition converts a condition on a header. All its operators must match.
func (p *proxy) headerCondition(own *conditions, h *contourv1.HeaderMatchCondition, at path) bool {
	matches, problems := headermatch.Convert(h, p.regex)
	for _, problem := range problems {
		field := at
		if problem.Field != "" {
			field = at.dot(problem.Field)
		}
		p.errorf(subCondition{report.TypeRoute, report.HeaderMatchConditionsNotValid}, field, "%s", problem.Message)
	}
	own.headers = append(own.headers, matches...)
	return len(problems) == 0
}

// checkHeaders finds conditions on headers that no request can meet together. It returns those without them, and whether all
// can be used. Equal conditions are there once.
func (p *proxy) checkHeaders(matches []ir.HeaderMatch, at path) (sound []ir.HeaderMatch, ok bool) {
	f := subCondition{report.TypeRoute, report.HeaderMatchConditionsNotValid}
	if len(matches) > maxMatches {
		p.errorf(f, at, "There are more than %d conditions on headers.", maxMatches)
		return nil, false
	}
	sound, contradictory := consistent(matches, contradict)
	if contradictory < 0 {
		return matches, true
	}
	p.errorf(f, at, "The conditions on header %s contradict each other.", quoted(matches[contradictory].Name))
	return sound, false
}

// consistent is the conditions without those that exclude another one of them, and the place of the first of these, -1 if
// there is none.
func consistent[T any](matches []T, exclude func(a, b T) bool) (sound []T, first int) {
	first = -1
	for i, a := range matches {
		excluded := slices.ContainsFunc(matches, func(b T) bool { return exclude(a, b) })
		switch {
		case !excluded:
			sound = append(sound, a)
		case first < 0:
			first = i
		}
	}
	return sound, first
}

// contradict reports whether no value of a header meets both conditions.
func contradict(a, b ir.HeaderMatch) bool {
	switch {
	case a.Name != b.Name || a.Kind != b.Kind || a.Kind == ir.StringRegex || a.Invert && b.Invert:
		return false
	case !a.Invert && !b.Invert:
		return a.Kind == ir.StringExact && !sameText(a.Value, b.Value, a.IgnoreCase || b.IgnoreCase)
	case a.Invert:
		a, b = b, a
	}
	// b excludes all values that a permits, unless a permits the text in other cases than b excludes.
	return sameText(a.Value, b.Value, b.IgnoreCase) && (b.IgnoreCase || !a.IgnoreCase || !strings.ContainsFunc(a.Value, isLetter))
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// sameText compares as Envoy does, which takes only letters of ASCII for equal in both cases.
func sameText(a, b string, ignoreCase bool) bool {
	if !ignoreCase || len(a) != len(b) {
		return a == b
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
