package suite

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"contour.example/harness/traffic"
)

// Check says what is wrong with an answer, or nothing.
type Check func(traffic.Answer) (wrong string)

// From wants status 200 from the backend of that name.
func From(backend string) Check {
	return func(a traffic.Answer) string {
		if a.Status != http.StatusOK || a.Backend() != backend {
			return fmt.Sprintf("%s, want 200 from backend %s", a, backend)
		}
		return ""
	}
}

// Status wants one of the codes.
func Status(codes ...int) Check {
	return func(a traffic.Answer) string {
		if !slices.Contains(codes, a.Status) {
			return fmt.Sprintf("%s, want status %d", a, codes)
		}
		return ""
	}
}

// Body wants that exact body.
func Body(want string) Check {
	return func(a traffic.Answer) string {
		if string(a.Body) != want {
			return fmt.Sprintf("%s, want body %q", a, want)
		}
		return ""
	}
}

// Redirect wants the status and, in Location, the URL; a port that is the scheme's own may be
// there or not.
func (t *T) Redirect(code int, location string) Check {
	want := t.Expand(location)
	return func(a traffic.Answer) string {
		got := plainPort(a.Headers.Get("Location"))
		if a.Status != code || got != want {
			return fmt.Sprintf("status %d to %q, want %d to %q", a.Status, got, code, want)
		}
		return ""
	}
}

func plainPort(location string) string {
	for scheme, port := range map[string]string{"http://": ":80", "https://": ":443"} {
		rest, ok := strings.CutPrefix(location, scheme)
		host, path, _ := strings.Cut(rest, "/")
		if plain, found := strings.CutSuffix(host, port); ok && found {
			return scheme + plain + "/" + path
		}
	}
	return location
}

// Header wants the header in the answer; an empty value wants it absent.
func Header(name, want string) Check {
	return func(a traffic.Answer) string { return wrongHeader("the answer", a.Headers, name, want) }
}

// Sent wants that the backend got the header; an empty value wants it absent.
func Sent(name, want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil {
			return a.String() + ", want it from a backend"
		}
		return wrongHeader("the backend's request", a.Echo.Headers, name, want)
	}
}

// SentPath wants that the backend was asked for the path.
func SentPath(want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Path != want {
			return fmt.Sprintf("%s, which was asked for %+v, want path %q", a, a.Echo, want)
		}
		return ""
	}
}

// SentHost wants that the backend was asked for the host.
func SentHost(want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Host != want {
			return fmt.Sprintf("%s, which was asked for %+v, want host %q", a, a.Echo, want)
		}
		return ""
	}
}

// SentMethod wants that the backend was asked with the method.
func SentMethod(want string) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Method != want {
			return fmt.Sprintf("%s, which was asked for %+v, want method %q", a, a.Echo, want)
		}
		return ""
	}
}

// SentProtocol wants that the backend was spoken to in the protocol, such as HTTP/1.1, over TLS or not.
func SentProtocol(want string, overTLS bool) Check {
	return func(a traffic.Answer) string {
		if a.Echo == nil || a.Echo.Proto != want || (a.Echo.TLS != nil) != overTLS {
			return fmt.Sprintf("%s, which was asked for %+v, want %s and TLS %t", a, a.Echo, want, overTLS)
		}
		return ""
	}
}

// CertifiedFor wants that the proxy's certificate is for the host, whichever was asked for.
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
