package console

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/xds/table"
)

// maxLines is how many diagnostics of one object are printed.
const maxLines = 20

// line is a diagnostic of an object, a problem of a file or a rejection by Envoy.
type line struct {
	file     string // of a problem of a file
	object   string
	field    string
	reason   report.Reason
	severity report.Severity
	message  string

	more bool // it counts lines that are not printed
	at   dir.Position
}

// equal compares lines without their positions, which edits of other lines and files change.
func (l line) equal(o line) bool {
	l.at, o.at = dir.Position{}, dir.Position{}
	return l == o
}

func (l line) String() string {
	return Line(l.at.String(), l.severity.String(), l.object, l.field, string(l.reason), l.message)
}

// resolved is what is printed when the line does not hold any more.
func (l line) resolved() string {
	what := string(l.reason)
	if what == "" {
		what = l.message
	}
	return Line(l.at.File, "resolved", l.object, l.field, what)
}

// Line joins what is not empty. Characters that are not printable become blanks: a
// manifest must not control the terminal, nor the direction of its text.
func Line(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.Join(parts, ": "))
}

// printed holds the lines that were printed and still hold, by the object that they are about.
type printed map[kobj.Key][]line

// replace records the lines about an object that hold now, and returns what to print: the new ones and those resolved.
func (p printed) replace(about kobj.Key, now []line) (text []string) {
	before := p[about]
	for _, l := range now {
		if !slices.ContainsFunc(before, l.equal) {
			text = append(text, l.String())
		}
	}
	for _, l := range before {
		if !l.more && !slices.ContainsFunc(now, l.equal) {
			text = append(text, l.resolved())
		}
	}
	if p[about] = now; len(now) == 0 {
		delete(p, about)
	}
	return text
}

func diagnosticLines(diagnostics []report.Diagnostic, positions dir.Positions) []line {
	var lines []line
	for i, d := range diagnostics {
		l := line{object: d.Object.String(), field: d.Field, reason: d.Reason, severity: d.Severity, message: d.Message}
		l.at, _ = positions.Position(d.Object, d.Field)
		if i == maxLines {
			l.field, l.reason, l.more = "", "", true
			l.message = fmt.Sprintf("There are %d more diagnostics.", len(diagnostics)-i)
			return append(lines, l)
		}
		lines = append(lines, l)
	}
	return lines
}

func problemLines(problems []dir.Problem) []line {
	var lines []line
	for _, p := range problems {
		l := line{file: p.File, field: p.Field, severity: report.Error, message: p.Message, at: dir.Position{File: p.File, Line: p.Line}}
		if p.Object != (kobj.Key{}) {
			l.object = p.Object.String()
		}
		lines = append(lines, l)
	}
	return lines
}

// rejectionLines are the rejections without an origin: a status reports the others. An address in use
// is printed once for each listener, without regard to the origins: it is not an error of an object.
func (c *Console) rejectionLines(rejections []table.Rejection) []line {
	inUse := map[table.Ref]bool{}
	var lines []line
	for _, r := range rejections {
		if r.Ref.Type == table.Listener && strings.Contains(r.ErrorDetail, "Address already in use") && !inUse[r.Ref] {
			inUse[r.Ref] = true
			lines = append(lines, line{message: "Envoy cannot listen: " + c.listener(r.Ref.Name).InUse})
		}
	}
	for _, r := range rejections {
		if len(r.Origins) == 0 && !inUse[r.Ref] {
			lines = append(lines, line{message: fmt.Sprintf("Envoy rejects %s: %s", r.Ref, r.ErrorDetail)})
		}
	}
	return lines
}

func (c *Console) listener(name string) Listener {
	switch name {
	case classic.HTTP().Name:
		return c.options.HTTP
	case classic.HTTPS().Name:
		return c.options.HTTPS
	}
	return c.options.Stats
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), compare)
}
