package suite

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"contour.example/harness/traffic"
)

// Check returns what is wrong with an answer, or "".
type Check func(traffic.Answer) (wrong string)

// From requires status 200 from the backend of that name.
func From(backend string) Check {
	return func(a traffic.Answer) string {
		if a.Status != http.StatusOK || a.Backend() != backend {
			return fmt.Sprintf("%s, want 200 from backend %s", a, backend)
		}
		return ""
	}
}

// Status requires one of the codes.
func Status(codes ...int) Check {
	return func(a traffic.Answer) string {
		if !slices.Contains(codes, a.Status) {
			return fmt.Sprintf("%s, want status %d", a, codes)
		}
		return ""
	}
}

// Error requires a status of an error, 4xx or 5xx.
func Error(a traffic.Answer) string {
	if a.Status < http.StatusBadRequest {
		return a.String() + ", want status 4xx or 5xx"
	}
	return ""
}

// Body requires that exact body.
func Body(want string) Check {
	return func(a traffic.Answer) string {
		if string(a.Body) != want {
			return fmt.Sprintf("%s, want body %q", a, want)
		}
		return ""
	}
}

// Redirect requires the status and, in Location, the URL; a port that is the scheme's default may be
// present or absent.
func (t *T) Redirect(code int, location string) Check {
	want := t.Expand(location)
	return func(a traffic.Answer) string {
		got := withoutDefaultPort(a.Headers.Get("Location"))
		if a.Status != code || got != want {
			return fmt.Sprintf("status %d to %q, want %d to %q", a.Status, got, code, want)
		}
		return ""
	}
}

func withoutDefaultPort(location string) string {
	for scheme, port := range map[string]string{"http://": ":80", "https://": ":443"} {
		rest, ok := strings.CutPrefix(location, scheme)
		host, path, _ := strings.Cut(rest, "/")
		if bare, found := strings.CutSuffix(host, port); ok && found {
			return scheme + bare + "/" + path
		}
	}
	return location
}

// Header requires the header in the answer; an empty value requires it to be absent.
func Header(name, want string) Check {
	return func(a traffic.Answer) string { return wrongHeader("the answer", a.Headers, name, want) }
}

// Cookie requires that the answer sets a cookie with the name, domain, Secure and SameSite of want, whatever their order.
func Cookie(want http.Cookie) Check {
	return func(a traffic.Answer) string {
		header := &http.Response{Header: a.Headers}
		for _, got := range header.Cookies() {
			if got.Name == want.Name && got.Domain == want.Domain && got.Secure == want.Secure && got.SameSite == want.SameSite {
				return ""
			}
		}
		return fmt.Sprintf("the answer has Set-Cookie %q, want %s", a.Headers["Set-Cookie"], want.String())
	}
}

// Sent requires that the backend received the header; an empty value requires it to be absent.
func Sent(name, want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil {
			return a.String() + ", want it from a backend"
		}
		return wrongHeader("the backend's request", a.Echo.Headers, name, want)
	}
}

// SentPath requires that the backend received the path.
func SentPath(want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Path != want {
			return fmt.Sprintf("%s, which received %+v, want path %q", a, a.Echo, want)
		}
		return ""
	}
}

// SentHost requires that the backend received the host.
func SentHost(want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Host != want {
			return fmt.Sprintf("%s, which received %+v, want host %q", a, a.Echo, want)
		}
		return ""
	}
}

// SentMethod requires that the backend received the method.
func SentMethod(want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Method != want {
			return fmt.Sprintf("%s, which received %+v, want method %q", a, a.Echo, want)
		}
		return ""
	}
}

// SentProtocol requires that the backend received the request in the protocol, such as HTTP/1.1, with TLS or without.
func SentProtocol(want string, overTLS bool) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Proto != want || (a.Echo.TLS != nil) != overTLS {
			return fmt.Sprintf("%s, which received %+v, want %s and TLS %t", a, a.Echo, want, overTLS)
		}
		return ""
	}
}

// CertifiedFor requires that the proxy's certificate is for the host, independent of the requested one.
func CertifiedFor(host string) Check {
	return func(a traffic.Answer) string {
		if a.TLS == nil {
			return a.String() + ", want it over TLS"
		}
		if err := a.TLS.PeerCertificates[0].VerifyHostname(host); err != nil {
			return err.Error()
		}
		return ""
	}
}

func wrongHeader(where string, got http.Header, name, want string) string {
	if value := strings.Join(got.Values(name), ","); value != want {
		return fmt.Sprintf("header %s of %s is %q, want %q", name, where, value, want)
	}
	return ""
}
