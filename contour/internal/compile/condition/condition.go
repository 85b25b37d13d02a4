// Package condition converts the diagnostics of an object of projectcontour.io to its condition Valid.
//
// Its input is the sorted diagnostics of one object, its output a condition with a limited number of sub-conditions, without
// a transition time. It does not decide what is an error.
package condition

import (
	"fmt"
	"strings"
	"unicode/utf8"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/report"
)

// The reasons of the condition Valid.
const (
	reasonValid        = "Valid"
	reasonErrorPresent = "ErrorPresent"
)

// Limits of the contents of a status. They are far below the limits of the API server, so that the status of an object
// with thousands of errors can be stored and read.
const (
	maxDiagnostics = 16   // of one severity
	maxText        = 1024 // bytes of one diagnostic
)

// Valid returns the condition Valid of an object of that generation with these diagnostics. The message is that of an object
// without errors.
func Valid(generation int64, diagnostics []report.Diagnostic, message string) contourv1.DetailedCondition {
	errors, warnings := bySeverity(diagnostics)
	c := contourv1.DetailedCondition{Errors: subConditions(errors), Warnings: subConditions(warnings)}
	c.Type = contourv1.ValidConditionType
	c.ObservedGeneration = generation
	c.Status, c.Reason, c.Message = contourv1.ConditionTrue, reasonValid, message
	if len(errors) > 0 {
		c.Status, c.Reason, c.Message = contourv1.ConditionFalse, reasonErrorPresent, countErrors(len(errors))
	}
	return c
}

func countErrors(n int) string {
	if n == 1 {
		return "There is 1 error, see the errors of condition Valid."
	}
	return fmt.Sprintf("There are %d errors, see the errors of condition Valid.", n)
}

func bySeverity(diagnostics []report.Diagnostic) (errors, warnings []report.Diagnostic) {
	for _, d := range diagnostics {
		if d.Severity == report.Warning {
			warnings = append(warnings, d)
		} else {
			errors = append(errors, d)
		}
	}
	return errors, warnings
}

// group identifies the diagnostics of one sub-condition.
type group struct {
	Type   report.Type
	Reason report.Reason
}

// subConditions returns one sub-condition for each type and reason, in the order they first occur. They contain at most
// maxDiagnostics diagnostics, if possible one of every type and reason, and the number of the others.
func subConditions(diagnostics []report.Diagnostic) []contourv1.SubCondition {
	var order []group
	texts := map[group][]string{}
	omitted := map[group]int{}
	included := selectDiagnostics(diagnostics)
	for i, d := range diagnostics {
		g := group{d.Type, d.Reason}
		if included[i] {
			if texts[g] == nil {
				order = append(order, g)
			}
			texts[g] = append(texts[g], text(d))
		} else {
			omitted[g]++
		}
	}
	var subs []contourv1.SubCondition
	for _, g := range order {
		subs = append(subs, contourv1.SubCondition{
			Type: string(g.Type), Status: contourv1.ConditionTrue, Reason: string(g.Reason),
			Message: join(texts[g], omitted[g]),
		})
	}
	return subs
}

// selectDiagnostics reports for each diagnostic whether the status includes it: first one of each type and reason, then
// the others.
func selectDiagnostics(diagnostics []report.Diagnostic) []bool {
	included, room := make([]bool, len(diagnostics)), maxDiagnostics
	seen := map[group]bool{}
	for i, d := range diagnostics {
		if g := (group{d.Type, d.Reason}); !seen[g] && room > 0 {
			seen[g], included[i] = true, true
			room--
		}
	}
	for i := range diagnostics {
		if !included[i] && room > 0 {
			included[i] = true
			room--
		}
	}
	return included
}

func join(texts []string, omitted int) string {
	if omitted > 0 {
		texts = append(texts, fmt.Sprintf("And %d more.", omitted))
	}
	return strings.Join(texts, " ")
}

// text returns the text of a diagnostic: the field, if there is one, and the message. It is valid UTF-8: a text that the
// API server changes to store it would differ from the stored one forever.
func text(d report.Diagnostic) string {
	s := d.Message
	if d.Field != "" {
		s = d.Field + ": " + s
	}
	return shorten(strings.ToValidUTF8(s, "\uFFFD"))
}

func shorten(s string) string {
	const ellipsis = "..."
	if len(s) <= maxText {
		return s
	}
	end := maxText - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
