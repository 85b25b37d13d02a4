package ingress

import (
	"fmt"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/report"
)

// maxMessage is the maximum number of characters of a message.
const maxMessage = 512

// fail reports a field that is not served as specified.
func (b *builder) fail(reason report.Reason, field, format string, args ...any) {
	b.diagnose(report.Error, reason, field, format, args...)
}

// warn reports a field that is served, but not entirely as specified.
func (b *builder) warn(reason report.Reason, field, format string, args ...any) {
	b.diagnose(report.Warning, reason, field, format, args...)
}

func (b *builder) diagnose(s report.Severity, reason report.Reason, field, format string, args ...any) {
	if !b.report.Wants(b.key, s) {
		return
	}
	b.report.Collect(report.Diagnostic{
		Object: b.key, Severity: s, Type: report.TypeIngress, Reason: reason, Field: field,
		Message: report.Shorten(fmt.Sprintf(format, args...), maxMessage),
	})
}

// secretReason returns the reason for a Secret that cannot be served.
func secretReason(f *ref.Failure) report.Reason {
	if f.Problem == ref.NotPermitted {
		return report.DelegationNotPermitted
	}
	return report.SecretNotValid
}

// quote returns a value of a user as messages contain it.
func quote(value string) string { return report.Quote(value) }
