package httpproxy

import (
	"fmt"
	"strconv"

	"contour.example/contour/internal/report"
)

// path is the path of a field, such as spec.routes[2].services.
type path string

// dot is the path of a field of the object at f.
func (f path) dot(name string) path { return f + "." + path(name) }

// at is the path of an element of the list at f.
func (f path) at(i int) path { return f + "[" + path(strconv.Itoa(i)) + "]" }

// subCondition is the type and reason of a diagnostic, as in the sub-conditions of a status.
type subCondition struct {
	Type   report.Type
	Reason report.Reason
}

// errorf reports on the proxy a field that is not served as specified.
func (p *proxy) errorf(f subCondition, at path, format string, args ...any) {
	p.diagnose(report.Error, f, at, fmt.Sprintf(format, args...))
}

// warnf reports on the proxy a field that is served, but not entirely as specified.
func (p *proxy) warnf(f subCondition, at path, format string, args ...any) {
	p.diagnose(report.Warning, f, at, fmt.Sprintf(format, args...))
}

func (p *proxy) diagnose(s report.Severity, f subCondition, at path, message string) {
	p.report.Add(report.Diagnostic{
		Object: p.key, Severity: s, Type: f.Type, Reason: f.Reason, Field: string(at), Message: message,
	})
}

// quoted is a value of the user for a message.
func quoted(s string) string { return report.Quote(s) }
