package scenario

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"contour.example/harness/backend"
	"contour.example/harness/traffic"
)

// traffic returns the request in the form of the client.
func (q Request) traffic() (traffic.Request, error) {
	u, err := url.Parse(q.URL)
	if err != nil {
		return traffic.Request{}, fmt.Errorf("request: %w", err)
	}
	r := traffic.Request{Method: q.Method, Host: u.Host, Path: u.RequestURI(), HTTP2: q.HTTP2, Headers: http.Header{}}
	for name, value := range q.Headers {
		r.Headers.Set(name, value)
	}
	switch u.Scheme {
	case "http", "ws":
		return r, nil
	case "https", "wss", "tls":
		r.TLS = &traffic.TLS{}
		return r, nil
	default:
		return traffic.Request{}, fmt.Errorf("request %s: want http, https, ws, wss or tls", q.URL)
	}
}

// wrong returns the difference between an answer and the expected one, or "".
func (w Want) wrong(a traffic.Answer) string {
	if a.Status != w.Status {
		return fmt.Sprintf("%s, want status %d", a, w.Status)
	}
	if w.Backend != "" && a.Backend() != w.Backend {
		return fmt.Sprintf("%s, want backend %s", a, w.Backend)
	}
	if !strings.Contains(string(a.Body), w.Body) {
		return fmt.Sprintf("%s, want %q in the body", a, w.Body)
	}
	if wrong := wrongHeaders(w.Headers, a.Headers); wrong != "" {
		return wrong
	}
	return w.wrongAtBackend(a.Echo)
}

// wrongAtBackend compares what the backend received.
func (w Want) wrongAtBackend(e *backend.Echo) string {
	if w.Path == "" && w.Host == "" && len(w.RequestHeaders) == 0 {
		return ""
	}
	if e == nil {
		return "no backend answered"
	}
	if w.Path != "" && e.Path != w.Path {
		return fmt.Sprintf("the backend got path %q, want %q", e.Path, w.Path)
	}
	if w.Host != "" && e.Host != w.Host {
		return fmt.Sprintf("the backend got host %q, want %q", e.Host, w.Host)
	}
	if wrong := wrongHeaders(w.RequestHeaders, e.Headers); wrong != "" {
		return "the backend got " + wrong
	}
	return ""
}

// wrongHeaders compares the expected headers; an empty value means absent.
func wrongHeaders(want map[string]string, got http.Header) string {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if value := strings.Join(got.Values(name), ","); value != want[name] {
			return fmt.Sprintf("header %s %q, want %q", name, value, want[name])
		}
	}
	return ""
}

// lacks returns what of want is not in got, or "". path is for the message.
func lacks(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		return lacksKeys(path, want, got)
	case []any:
		return lacksElements(path, want, got)
	default:
		if number(want) != number(got) {
			return fmt.Sprintf("%s is %v, want %v", path, got, want)
		}
		return ""
	}
}

func lacksKeys(path string, want map[string]any, got any) string {
	object, ok := got.(map[string]any)
	if !ok {
		return fmt.Sprintf("%s is %v, want an object", path, got)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if wrong := lacks(path+"."+key, want[key], object[key]); wrong != "" {
			return wrong
		}
	}
	return ""
}

func lacksElements(path string, want []any, got any) string {
	list, ok := got.([]any)
	if !ok {
		return fmt.Sprintf("%s is %v, want a list", path, got)
	}
	for _, element := range want {
		found := slices.ContainsFunc(list, func(g any) bool { return lacks("", element, g) == "" })
		if !found {
			return fmt.Sprintf("%s has no element like %v: %v", path, element, got)
		}
	}
	return ""
}

// number makes whole numbers of JSON and of objects comparable.
func number(v any) any {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v
}
