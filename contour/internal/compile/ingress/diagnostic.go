package ingress

import (
	"fmt"
	"strconv"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/report"
)

// The most runes of a user's value, and of a message of another package, that a diagnostic repeats.
const (
	maxQuoted  = 64
	maxMessage = 512
)

// fail notes that something asked for is not served as asked.
func (b *builder) fail(reason report.Reason, field, format string, args ...any) {
	b.diagnose(report.Error, reason, field, fmt.Sprintf(format, args...))
}

// warn notes that something is served, but not entirely as written.
func (b *builder) warn(reason report.Reason, field, format string, args ...any) {
	b.diagnose(report.Warning, reason, field, fmt.Sprintf(format, args...))
}

func (b *builder) diagnose(s report.Severity, reason report.Reason, field, message string) {
	b.report.Add(report.Diagnostic{
		Object: b.key, Severity: s, Type: report.TypeIngress, Reason: reason, Field: field, Message: cut(message, maxMessage),
	})
}

// secretReason is the reason for a Secret that cannot be served.
func secretReason(f *ref.Failure) report.Reason {
	if f.Problem == ref.NotPermitted {
		return report.DelegationNotPermitted
	}
	return report.SecretNotValid
}

// quote is a value as messages repeat it: quoted, and no longer than a reader wants.
func quote(value string) string { return strconv.Quote(cut(value, maxQuoted)) }

// cut shortens a text to a number of runes.
func cut(text string, limit int) string {
	runes := 0
	for i := range text {
		if runes == limit {
			return text[:i] + "…"
		}
		runes++
	}
	return text
}
