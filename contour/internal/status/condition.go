package status

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/report"
)

// The values of HTTPProxy's status.currentStatus.
const (
	Valid    = "valid"
	Invalid  = "invalid"
	Orphaned = "orphaned"
)

// The reasons of the condition Valid.
const (
	reasonValid        = "Valid"
	reasonErrorPresent = "ErrorPresent"
)

// Limits of what a status holds, far below those of the API server: an object with thousands of mistakes
// still gets a status that can be read and stored.
const (
	maxSaid = 16   // diagnostics of one severity
	maxText = 1024 // bytes of one diagnostic
)

// proxyStatus is the status of an HTTPProxy about which all this is said, sorted.
func proxyStatus(generation int64, said []report.Diagnostic, addresses []corev1.LoadBalancerIngress) *contourv1.HTTPProxyStatus {
	valid := validCondition(generation, said)
	s := &contourv1.HTTPProxyStatus{
		CurrentStatus: Valid,
		Description:   valid.Message,
		LoadBalancer:  corev1.LoadBalancerStatus{Ingress: addresses},
		Conditions:    []contourv1.DetailedCondition{valid},
	}
	if valid.Status == contourv1.ConditionTrue {
		return s
	}
	s.CurrentStatus = Invalid
	if i := slices.IndexFunc(said, func(d report.Diagnostic) bool { return d.Type == report.TypeOrphaned }); i >= 0 {
		s.CurrentStatus, s.Description = Orphaned, said[i].Message
	}
	return s
}

func validCondition(generation int64, said []report.Diagnostic) contourv1.DetailedCondition {
	errors, warnings := bySeverity(said)
	c := contourv1.DetailedCondition{Errors: subConditions(errors), Warnings: subConditions(warnings)}
	c.Type = contourv1.ValidConditionType
	c.ObservedGeneration = generation
	c.Status, c.Reason, c.Message = contourv1.ConditionTrue, reasonValid, "Valid HTTPProxy"
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

func bySeverity(said []report.Diagnostic) (errors, warnings []report.Diagnostic) {
	for _, d := range said {
		if d.Severity == report.Warning {
			warnings = append(warnings, d)
		} else {
			errors = append(errors, d)
		}
	}
	return errors, warnings
}

// kind is what the diagnostics of one sub-condition have in common.
type kind struct {
	Type   report.Type
	Reason report.Reason
}

// subConditions makes one sub-condition for each type and reason, in the order they first occur. At most
// maxSaid diagnostics are told, of every type and reason at least one where there is room; the rest are counted.
func subConditions(said []report.Diagnostic) []contourv1.SubCondition {
	var order []kind
	texts := map[kind][]string{}
	hidden := map[kind]int{}
	told := choose(said)
	for i, d := range said {
		k := kind{d.Type, d.Reason}
		if told[i] {
			if texts[k] == nil {
				order = append(order, k)
			}
			texts[k] = append(texts[k], text(d))
		} else {
			hidden[k]++
		}
	}
	var subs []contourv1.SubCondition
	for _, k := range order {
		subs = append(subs, contourv1.SubCondition{
			Type: string(k.Type), Status: contourv1.ConditionTrue, Reason: string(k.Reason),
			Message: join(texts[k], hidden[k]),
		})
	}
	return subs
}

// choose says for each diagnostic whether it is told: first one of each type and reason, then the others.
func choose(said []report.Diagnostic) []bool {
	told, room := make([]bool, len(said)), maxSaid
	seen := map[kind]bool{}
	for i, d := range said {
		if k := (kind{d.Type, d.Reason}); !seen[k] && room > 0 {
			seen[k], told[i] = true, true
			room--
		}
	}
	for i := range said {
		if !told[i] && room > 0 {
			told[i] = true
			room--
		}
	}
	return told
}

func join(texts []string, hidden int) string {
	if hidden > 0 {
		texts = append(texts, fmt.Sprintf("And %d more.", hidden))
	}
	return strings.Join(texts, " ")
}

// text is a diagnostic as a status tells it: the field, if there is one, and the sentence. It is valid UTF-8:
// what the API server would have to change to store it would look different for ever.
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
