package scenario

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/backend"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(`
name: a route serves
backends:
- name: shop
certificates:
- {name: cert, hosts: ["a.${DOMAIN}"]}
steps:
- name: it answers
  apply: |
    kind: x # ${NAMESPACE}
  requests:
  - {url: "http://a.${DOMAIN}/x?y=1", headers: {X-A: "1"}, want: {status: 200, backend: shop}}
  objects:
  - {apiVersion: v1, kind: Service, name: shop, has: {spec: {ports: [{port: 80}]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err = s.expand(map[string]string{"NAMESPACE": "n", "DOMAIN": "n.example"})
	if err != nil {
		t.Fatal(err)
	}
	want := Scenario{
		Name: "a route serves", Backends: []Backend{{Name: "shop"}},
		Certificates: []Certificate{{Name: "cert", Hosts: []string{"a.n.example"}}},
		Steps: []Step{{
			Name: "it answers", Apply: "kind: x # n\n",
			Requests: []Request{{
				URL: "http://a.n.example/x?y=1", Headers: map[string]string{"X-A": "1"},
				Want: Want{Status: 200, Backend: "shop"},
			}},
			Objects: []Object{{
				Target: Target{APIVersion: "v1", Kind: "Service", Name: "shop"},
				Has:    map[string]any{"spec": map[string]any{"ports": []any{map[string]any{"port": float64(80)}}}},
			}},
		}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("scenario (-want +got):\n%s", diff)
	}
}

func TestParseRejectsWhatChecksNothing(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown field":      "name: x\nstep: []\n",
		"no steps":           "name: x\n",
		"no expectation":     "name: x\nsteps: [{name: y}]\n",
		"request, no status": "name: x\nsteps: [{name: y, requests: [{url: http://a}]}]\n",
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWant(t *testing.T) {
	t.Parallel()
	a := traffic.Answer{
		Status: 200, Headers: http.Header{"X-B": {"2"}}, Body: []byte("hello"),
		Echo: &backend.Echo{Service: "shop", Path: "/p", Host: "h", Headers: http.Header{"X-A": {"1"}}},
	}
	for wrong, w := range map[string]Want{
		"":                                     {Status: 200, Backend: "shop", Path: "/p", Host: "h", Body: "ell", Headers: map[string]string{"x-b": "2", "x-c": ""}, RequestHeaders: map[string]string{"x-a": "1"}},
		"want status 404":                      {Status: 404},
		"want backend other":                   {Status: 200, Backend: "other"},
		`header x-b "2", want ""`:              {Status: 200, Headers: map[string]string{"x-b": ""}},
		`the backend got path "/p", want "/q"`: {Status: 200, Path: "/q"},
		`the backend got host "h", want "i"`:   {Status: 200, Host: "i"},
		`the backend got header x-a "1", want "2"`: {Status: 200, RequestHeaders: map[string]string{"x-a": "2"}},
		`want "bye" in the body`:                   {Status: 200, Body: "bye"},
	} {
		got := w.wrong(a)
		if !strings.HasSuffix(got, wrong) || (wrong == "") != (got == "") {
			t.Errorf("got %q, want %q", got, wrong)
		}
	}
	if got := (Want{Status: 200, Path: "/"}).wrong(traffic.Answer{Status: 200}); got != "no backend answered" {
		t.Errorf("got %q", got)
	}
}

// start runs a backend that replaces the proxy.
func start(t *testing.T, serve func(backend.Options) (*backend.Server, error), config *tls.Config) traffic.Client {
	t.Helper()
	s, err := serve(backend.Options{Service: "shop", Listen: netip.MustParseAddrPort("127.0.0.1:0"), TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return traffic.Client{HTTP: s.Address().String(), HTTPS: s.Address().String()}
}

func TestWebSocketAndTCP(t *testing.T) {
	t.Parallel()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	config, err := (&run{Env: Env{CA: ca}}).serverTLS("shop", "n")
	if err != nil {
		t.Fatal(err)
	}
	web, lines := start(t, backend.HTTP, nil), start(t, backend.TCP, config)
	for _, test := range []struct {
		client  traffic.Client
		request Request
		wrong   bool
	}{
		{web, Request{URL: "ws://a/", Want: Want{Status: 101}}, false},
		{web, Request{URL: "ws://a/", Want: Want{Status: 403}}, true},
		{lines, Request{URL: "tls://a/", Want: Want{Backend: "shop"}}, false},
		{lines, Request{URL: "tls://a/", Want: Want{Backend: "other"}}, true},
		{lines, Request{URL: "wss://a/", Want: Want{Status: 101}}, true},
	} {
		request, err := test.request.traffic()
		if err != nil {
			t.Fatal(err)
		}
		if wrong := test.request.exchange(t.Context(), test.client, request); (wrong != "") != test.wrong {
			t.Errorf("%+v: got %q, want something wrong: %v", test.request, wrong, test.wrong)
		}
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	got := object{
		"status": object{
			"current": "valid", "generation": int64(3),
			"conditions": []any{object{"type": "A", "status": "False"}, object{"type": "Valid", "status": "True"}},
		},
	}
	for wrong, want := range map[string]object{
		"":                                      {"status": object{"generation": float64(3), "conditions": []any{object{"type": "Valid", "status": "True"}}}},
		".status.current is valid, want bad":    {"status": object{"current": "bad"}},
		".status.none is <nil>, want x":         {"status": object{"none": "x"}},
		".spec is <nil>, want an object":        {"spec": object{"a": "b"}},
		".status.current is valid, want a list": {"status": object{"current": []any{"x"}}},
	} {
		if diff := cmp.Diff(wrong, lacks("", want, got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want := object{"status": object{"conditions": []any{object{"type": "Valid", "status": "False"}}}}
	if wrong := lacks("", want, got); !strings.Contains(wrong, ".status.conditions has no element like") {
		t.Errorf("got %q", wrong)
	}
}

func TestClosedConnections(t *testing.T) {
	t.Parallel()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	config, err := (&run{Env: Env{CA: ca}}).serverTLS("shop", "n")
	if err != nil {
		t.Fatal(err)
	}
	cleartext, secure := start(t, backend.HTTP, nil), start(t, backend.HTTP, config)
	for client, closed := range map[traffic.Client]bool{cleartext: true, secure: false, {HTTPS: "127.0.0.1:1"}: false} {
		r := &run{Env: Env{Traffic: client, Timeout: 100 * time.Millisecond}}
		if err := r.request(t.Context(), Request{URL: "https://a/", Want: Want{Closed: true}}); (err == nil) != closed {
			t.Errorf("%v: got %v, want closed: %v", client, err, closed)
		}
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	s := Share{Requests: 100, Backends: map[string]float64{"a": 75, "b": 25, "c": 0}}
	for wrong, count := range map[string]map[string]int{
		"":                                     {"a": 80, "b": 20},
		`backend "a" answers 86 %, want 75 %`:  {"a": 86, "b": 14},
		`backend "b" answers 0 %, want 25 %`:   {"a": 80},
		`backend "" answers 1 %, want 0 %`:     {"": 1, "a": 75, "b": 24},
		`backend "c" answers 2 %, want 0 %`:    {"a": 75, "b": 23, "c": 2},
		`backend "a" answers 100 %, want 75 %`: {"a": 100},
	} {
		if got := s.wrong(count); got != wrong {
			t.Errorf("%v: got %q, want %q", count, got, wrong)
		}
	}
}

func TestCertificatesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Env: Env{CA: ca}}
	pair := func(c Certificate) (tls.Certificate, error) {
		c.Name, c.Hosts = "cert", []string{"a.example"}
		p, err := r.pair(c)
		if err != nil {
			t.Fatal(err)
		}
		return p.TLS()
	}
	if good, err := pair(Certificate{}); err != nil || good.Leaf.NotAfter.Before(time.Now()) {
		t.Errorf("a certificate cannot be used: %v", err)
	}
	if expired, err := pair(Certificate{Expired: true}); err != nil || expired.Leaf.NotAfter.After(time.Now()) {
		t.Errorf("a certificate has not expired: %v", err)
	}
	if _, err := pair(Certificate{Mismatched: true}); err == nil {
		t.Error("certificate and key match")
	}
	if _, err := r.pair(Certificate{Name: "cert"}); err == nil {
		t.Error("a certificate without hosts is made")
	}
}
