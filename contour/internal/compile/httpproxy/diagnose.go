package httpproxy

import (
	"fmt"
	"strconv"

	"contour.example/contour/internal/report"
)

// path is the path of a field, such as spec.routes[2].services.
type path string

// dot returns the path of a field of the object at f.
func (f path) dot(name string) path { return f + "." + path(name) }

// at returns the path of an element of the list at f.
func (f path) at(i int) path { return f + "[" + path(strconv.Itoa(i)) + "]" }

// subCondition is the type and reason of a diagnostic, as in the sub-conditions of a status.
type subCondition struct {
	Type   report.Type
	Reason report.Reason
}

// errorf reports an error about a field of the proxy, which is not served as specified.
func (p *proxy) errorf(f subCondition, at path, format string, args ...any) {
	p.diagnose(report.Error, f, at, format, args...)
}

// warnf reports a warning about a field of the proxy, which is served, but not entirely as specified.
func (p *proxy) warnf(f subCondition, at path, format string, args ...any) {
	p.diagnose(report.Warning, f, at, format, args...)
}

func (p *proxy) diagnose(s report.Severity, f subCondition, at path, format string, args ...any) {
	if !p.report.Wants(p.key, s) {
		return
	}
	p.report.Collect(report.Diagnostic{
		Object: p.key, Severity: s, Type: f.Type, Reason: f.Reason, Field: string(at), Message: fmt.Sprintf(format, args...),
	})
}

// quoted returns a value of a user as messages contain it.
func quoted(s string) string { return report.Quote(s) }
