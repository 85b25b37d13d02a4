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

// fault is what kind of mistake it is.
type fault struct {
	Type   report.Type
	Reason report.Reason
}

// errorf tells the author of the proxy about something that is not served as asked.
func (p *proxy) errorf(f fault, at path, format string, args ...any) {
	p.diagnose(report.Error, f, at, fmt.Sprintf(format, args...))
}

// warnf tells the author of the proxy about something that is served, but not entirely as written.
func (p *proxy) warnf(f fault, at path, format string, args ...any) {
	p.diagnose(report.Warning, f, at, fmt.Sprintf(format, args...))
}

func (p *proxy) diagnose(s report.Severity, f fault, at path, message string) {
	p.report.Add(report.Diagnostic{
		Object: p.key, Severity: s, Type: f.Type, Reason: f.Reason, Field: string(at), Message: message,
	})
}

// quoted is a value of the user for a message.
func quoted(s string) string { return report.Quote(s) }
