package issuer

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
)

const keyDocument = `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`

// fetchFrom fetches once, with the rules of a directory, which permit loopback.
// fetchFrom fetches within the timeout of the request, without one within half a minute.
func fetchFrom(t *testing.T, r jwks.Request, ca []byte) (ir.KeySet, outcome) {
	t.Helper()
	if r.Timeout == 0 {
		r.Timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), r.Timeout)
	defer cancel()
	return client{endpoints: func() ir.EndpointSettings { return ir.EndpointSettings{Loopback: true} }}.fetch(ctx, r, ca)
}

func TestFetch(t *testing.T) {
	var unwanted sync.Map // headers that were sent
	var elsewhere, opened atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { elsewhere.Add(1); fmt.Fprint(w, keyDocument) }))
	defer other.Close()
	mux := http.NewServeMux()
	answer := func(path string, f http.HandlerFunc) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			opened.Add(1)
			for _, h := range []string{"Authorization", "Cookie", "Accept-Encoding"} {
				if r.Header.Get(h) != "" {
					unwanted.Store(h, true)
				}
			}
			f(w, r)
		})
	}
	answer("/keys", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "*/*") { // as a server of text/plain requires
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		fmt.Fprint(w, keyDocument)
	})
	answer("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	answer("/large", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", jwks.MaxDocument+1)) })
	answer("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, strings.Repeat(" ", 1<<10))
		}
	})
	answer("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*maxHeaders))
		fmt.Fprint(w, keyDocument)
	})
	answer("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	answer("/drip", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	answer("/text", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the secret of another service") })
	answer("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, "\x1f\x8b")
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	for path, want := range map[string]jwks.Failure{
		"/keys": "", "/redirect": jwks.BadStatus, "/none": jwks.BadStatus, "/large": jwks.TooLarge, "/endless": jwks.TooLarge, "/headers": jwks.Unreachable,
		"/slow": jwks.TooSlow, "/drip": jwks.TooSlow, "/text": jwks.NotKeys, "/gzip": jwks.NotKeys,
	} {
		r := jwks.Request{URI: s.URL + path}
		if want == jwks.TooSlow {
			r.Timeout = 500 * time.Millisecond
		}
		keys, result := fetchFrom(t, r, nil)
		if result.failure != want || (keys == "") == (want == "") {
			t.Errorf("%s: got %q and %d bytes of keys (%v), want %q", path, result.failure, len(keys), result.err, want)
		}
		if result.err != nil && strings.Contains(result.err.Error(), "secret") {
			t.Errorf("%s: the error contains the response: %v", path, result.err)
		}
	}
	if elsewhere.Load() > 0 || opened.Load() != 9 {
		t.Errorf("%d redirects were followed, and %d requests arrived", elsewhere.Load(), opened.Load())
	}
	unwanted.Range(func(h, _ any) bool { t.Errorf("%v is sent", h); return true })
}

func TestFetchOverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, keyDocument) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS() // for example.com and 127.0.0.1
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	own := kobj.Name{Namespace: "a", Name: "ca"}
	for name, c := range map[string]struct {
		request jwks.Request
		ca      []byte
		want    jwks.Failure
	}{
		"the CA":                     {jwks.Request{CA: own}, ca, ""},
		"the CA and a subject name":  {jwks.Request{CA: own, Names: ir.NewList("other.org", "example.com")}, ca, ""},
		"the CA and another subject": {jwks.Request{CA: own, Names: ir.NewList("other.org")}, ca, jwks.Untrusted},
		"the roots of the system":    {jwks.Request{}, nil, jwks.Untrusted},
		"an empty CA":                {jwks.Request{CA: own}, nil, jwks.Untrusted},
	} {
		c.request.URI = s.URL
		if _, result := fetchFrom(t, c.request, c.ca); result.failure != c.want {
			t.Errorf("%s: got %q (%v), want %q", name, result.failure, result.err, c.want)
		}
	}
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, result := fetchFrom(t, jwks.Request{URI: "https://localhost:" + port, CA: own}, ca); result.failure != jwks.Untrusted {
		t.Errorf("a certificate for another host: got %q (%v)", result.failure, result.err)
	}
}

// A name is resolved to addresses of the family only; an address is taken as it is.
func TestLookupFamily(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, keyDocument) })) // on 127.0.0.1
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host   string
		family jwks.Family
		served bool
	}{
		{"localhost", jwks.FamilyAuto, true},
		{"localhost", jwks.FamilyV4, true},
		{"localhost", jwks.FamilyV6, false},
		{"127.0.0.1", jwks.FamilyV6, true},
	} {
		keys, result := fetchFrom(t, jwks.Request{URI: "http://" + c.host + ":" + port + "/keys", Family: c.family}, nil)
		if (keys != "") != c.served {
			t.Errorf("%s, family %d: got %d bytes of keys, %q (%v)", c.host, c.family, len(keys), result.failure, result.err)
		}
	}
}

// No connection is opened to an address that is not permitted, whether it is in the URI or a name resolves to it.
func TestAddressesAreChecked(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { opened.Add(1) }))
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	denied := ir.EndpointSettings{Loopback: true, Denied: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	for _, rules := range []ir.EndpointSettings{{}, denied} {
		for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]", "[64:ff9b::127.0.0.1]"} {
			r := jwks.Request{URI: "http://" + host + ":" + port + "/keys"}
			if _, result := (client{endpoints: func() ir.EndpointSettings { return rules }}).fetch(t.Context(), r, nil); result.failure != jwks.Refused {
				t.Errorf("%s: got %q (%v)", host, result.failure, result.err)
			}
		}
	}
	if n := opened.Load(); n > 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestPermittedAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"10.0.0.1": true, "192.0.2.1": true, "2001:db8::1": true, "64:ff9b::192.0.2.1": true,
		"127.0.0.1": false, "169.254.169.254": false, "100.100.100.200": false, "192.0.0.192": false, "168.63.129.16": false, "fd00:ec2::254": false,
		"224.0.0.1": false, "255.255.255.255": false, "0.1.2.3": false, "fe80::1": false, "fe80::1%eth0": false, "::": false, "::1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::169.254.169.254": false, "64:ff9b:1::169.254.169.254": false, "64:ff9b:1::192.0.2.1": true, "2002:7f00:1::": false, "2002:a9fe:a9fe::": false,
	} {
		if got := permitted(netip.MustParseAddr(text), ir.EndpointSettings{}); got != want {
			t.Errorf("%s: permitted is %t", text, got)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	if _, result := fetchFrom(t, jwks.Request{URI: "http://issuer.invalid/keys", Timeout: time.Second}, nil); result.failure != jwks.Unresolved && result.failure != jwks.TooSlow {
		t.Errorf("got %q (%v)", result.failure, result.err)
	}
}
