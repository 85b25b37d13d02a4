package httpproxy

import (
	"cmp"
	"math"
	"net/textproto"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxLimitHeaders is the maximum number of headers that a local rate limit of Envoy adds to its responses.
const maxLimitHeaders = 10

// localRateLimit converts the local part of a rate limit policy; nil if there is none, false if it is invalid.
func (p *proxy) localRateLimit(policy *contourv1.RateLimitPolicy, at path, t report.Type) (*ir.LocalRateLimit, bool) {
	if policy == nil || policy.Local == nil {
		return nil, true
	}
	l := limitReader{proxy: p, spec: policy.Local, at: at.dot("local"), condition: subCondition{t, report.RateLimitPolicyNotValid}, ok: true}
	out := &ir.LocalRateLimit{
		Requests: l.spec.Requests, Burst: l.spec.Burst, Interval: l.interval(), Code: l.code(), Headers: l.headers(),
	}
	if out.Requests == 0 || uint64(out.Requests)+uint64(out.Burst) > math.MaxUint32 {
		l.errorf(l.at.dot("requests"), "The number of requests %d must be at least 1, and its sum with the burst %d at most %d.", out.Requests, out.Burst, uint32(math.MaxUint32))
	}
	if !l.ok {
		return nil, false
	}
	return out, true
}

// limitReader converts one local rate limit.
type limitReader struct {
	proxy     *proxy
	spec      *contourv1.LocalRateLimitPolicy
	at        path
	condition subCondition
	ok        bool
}

func (l *limitReader) errorf(at path, format string, args ...any) {
	l.proxy.errorf(l.condition, at, format, args...)
	l.ok = false
}

func (l *limitReader) interval() time.Duration {
	switch l.spec.Unit {
	case "second":
		return time.Second
	case "minute":
		return time.Minute
	case "hour":
		return time.Hour
	}
	l.errorf(l.at.dot("unit"), "The unit %s is not one of second, minute and hour.", quoted(l.spec.Unit))
	return 0
}

// code returns the status code of the responses, 429 if it is not set.
func (l *limitReader) code() uint32 {
	code := cmp.Or(l.spec.ResponseStatusCode, 429)
	if problem := validate.RateLimitCode(code); problem != "" {
		l.errorf(l.at.dot("responseStatusCode"), "The status code %d %s.", code, problem)
	}
	return code
}

// headers returns the headers of the responses. Their values are literal.
func (l *limitReader) headers() []ir.Header {
	at := l.at.dot("responseHeadersToAdd")
	if n := len(l.spec.ResponseHeadersToAdd); n > maxLimitHeaders {
		l.errorf(at, "There are %d headers; at most %d are allowed.", n, maxLimitHeaders)
		return nil
	}
	var out []ir.Header
	seen := map[string]bool{}
	for i, h := range l.spec.ResponseHeadersToAdd {
		name, value := textproto.CanonicalMIMEHeaderKey(h.Name), validate.Escape(h.Value)
		nameProblem, valueProblem := validate.EditableHeader(h.Name), validate.HeaderValue(h.Value, value)
		switch {
		case nameProblem != "":
			l.errorf(at.at(i).dot("name"), "%s %s.", quoted(h.Name), nameProblem)
		case name == "Host":
			l.errorf(at.at(i).dot("name"), "The header Host cannot be set on responses.")
		case seen[name]:
			l.errorf(at.at(i).dot("name"), "The header %s occurs twice.", quoted(h.Name))
		case valueProblem != "":
			l.errorf(at.at(i).dot("value"), "The value %s of header %s %s.", quoted(h.Value), quoted(h.Name), valueProblem)
		}
		seen[name] = true
		out = append(out, ir.Header{Name: name, Value: value})
	}
	return out
}
