//go:build envoy

package pipeline_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
)

// policyEdit is an edit of the policies of a root and of its route for /api, with the expected responses.
type policyEdit struct {
	name      string
	edit      func(host *contourv1.VirtualHost, route *contourv1.Route)
	host, api int // status of a request for / and for /api
}

func policyEdits() []policyEdit {
	from := func(cidr string) []contourv1.IPFilterPolicy {
		return []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourcePeer, CIDR: cidr}}
	}
	limit := func(requests uint32) *contourv1.RateLimitPolicy {
		return &contourv1.RateLimitPolicy{Local: &contourv1.LocalRateLimitPolicy{Requests: requests, Unit: "hour"}}
	}
	cors := &contourv1.CORSPolicy{AllowOrigin: []string{"*"}, AllowMethods: []contourv1.CORSHeaderValue{"GET"}}
	more := &contourv1.CORSPolicy{
		AllowOrigin: []string{"https://a.example"}, AllowMethods: []contourv1.CORSHeaderValue{"GET", "PUT"}, AllowCredentials: true,
		AllowHeaders: []contourv1.CORSHeaderValue{"X-A"}, ExposeHeaders: []contourv1.CORSHeaderValue{"X-B"}, MaxAge: "10m", AllowPrivateNetwork: true,
	}
	return []policyEdit{
		{"none", func(*contourv1.VirtualHost, *contourv1.Route) {}, 200, 200},
		{"CORS", func(h *contourv1.VirtualHost, _ *contourv1.Route) { h.CORSPolicy = cors }, 200, 200},
		{"all of CORS", func(h *contourv1.VirtualHost, _ *contourv1.Route) { h.CORSPolicy = more }, 200, 200},
		{"a filter of the host", func(h *contourv1.VirtualHost, _ *contourv1.Route) { h.IPDenyFilterPolicy = from("127.0.0.0/8") }, 403, 403},
		{"a filter of the host that allows", func(h *contourv1.VirtualHost, _ *contourv1.Route) { h.IPAllowFilterPolicy = from("127.0.0.0/8") }, 200, 200},
		{"a filter of the host and one of the route", func(h *contourv1.VirtualHost, r *contourv1.Route) {
			h.IPDenyFilterPolicy, r.IPAllowFilterPolicy = from("127.0.0.0/8"), from("127.0.0.1")
		}, 403, 200},
		{"filters and a limit", func(h *contourv1.VirtualHost, r *contourv1.Route) {
			h.IPDenyFilterPolicy, r.IPAllowFilterPolicy = from("127.0.0.0/8"), from("127.0.0.1")
			r.RateLimitPolicy = limit(1 << 20)
		}, 403, 200},
		{"only the limit", func(_ *contourv1.VirtualHost, r *contourv1.Route) { r.RateLimitPolicy = limit(1) }, 200, 429},
		{"a limit of the host", func(h *contourv1.VirtualHost, _ *contourv1.Route) { h.RateLimitPolicy = limit(1) }, 429, 429},
		{"an invalid policy", func(h *contourv1.VirtualHost, _ *contourv1.Route) { h.RateLimitPolicy = limit(0) }, 500, 500},
		{"no policies again", func(*contourv1.VirtualHost, *contourv1.Route) {}, 200, 200},
	}
}

// keptConnection is a client with one connection that counts how often it opened one.
type keptConnection struct {
	name, url string
	http.Transport
	opened atomic.Int64
}

// connect returns a client of the host over HTTP/1.1 or HTTP/2, on the HTTP or the HTTPS listener.
func (f *fleet) connect(host string, secure, http2 bool) *keptConnection {
	k := &keptConnection{name: fmt.Sprintf("%s, TLS %t, HTTP/2 %t", host, secure, http2), url: "http://" + host}
	at := f.config.Listeners.HTTP
	if secure {
		at, k.url = f.config.Listeners.HTTPS, "https://"+host
	}
	k.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		k.opened.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("%s:%d", at.Host, at.Port))
	}
	k.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the certificate is not tested
	k.MaxConnsPerHost = 1
	k.Protocols = new(http.Protocols)
	k.Protocols.SetHTTP1(!http2)
	k.Protocols.SetHTTP2(http2 && secure)
	k.Protocols.SetUnencryptedHTTP2(http2 && !secure)
	return k
}

// status returns the status of the response; the test fails if the connection does.
func (k *keptConnection) status(t *testing.T, path string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, k.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := k.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s: %v", k.name, err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatalf("%s: %v", k.name, err)
	}
	return response.StatusCode
}

func (k *keptConnection) expect(t *testing.T, what, path string, want int) {
	t.Helper()
	got := 0
	if !eventually(func() bool { got = k.status(t, path); return got == want }) {
		t.Errorf("%s: %s responds with %d on %s, want %d", what, k.name, got, path, want)
	}
}

// Policies are added, changed and removed while connections are open: each is applied, and no connection is closed.
func TestEditsOfPoliciesCloseNoConnectionsOnEnvoy(t *testing.T) {
	for name, edit := range map[string]func(*config.Config){
		"one table": func(*config.Config) {},
		"sharded":   func(c *config.Config) { c.RouteTables.Hosts = 0 },
		"on demand": onDemand,
	} {
		t.Run(name, func(t *testing.T) { editPolicies(t, startFleet(t, edit)) })
	}
}

func editPolicies(t *testing.T, f *fleet) {
	f.sys.Step(append(append(change(service(0)), change(service(1))...), change(secret(t, "team", "cert-1"))...))
	for i := range 2 {
		f.sys.Step(change(f.local(t, slice(i, "127.0.0.1"))))
	}
	var clients []*keptConnection
	for _, e := range policyEdits() {
		for _, p := range []*contourv1.HTTPProxy{proxy(0), tlsProxy(1)} {
			e.edit(p.Spec.VirtualHost, &p.Spec.Routes[1])
			f.sys.Step(change(p))
		}
		f.waitIdle(t)
		if clients == nil {
			for _, http2 := range []bool{false, true} {
				clients = append(clients, f.connect("host-0.example.com", false, http2), f.connect("tls-1.example.com", true, http2))
			}
		}
		for _, k := range clients {
			k.expect(t, e.name, "/", e.host)
			k.expect(t, e.name, "/api", e.api)
		}
	}
	for _, k := range clients {
		if n := k.opened.Load(); n != 1 {
			t.Errorf("%s: %d connections, want 1", k.name, n)
		}
		k.CloseIdleConnections()
	}
}

// The routes of a host share its limit, also a route with a filter of its own; a route with a limit of its own does not.
func TestRoutesShareTheLimitOfTheirHostOnEnvoy(t *testing.T) {
	f := startFleet(t)
	f.sys.Step(append(append(change(service(0)), change(service(1))...), change(secret(t, "team", "cert-1"))...))
	for i := range 2 {
		f.sys.Step(change(f.local(t, slice(i, "127.0.0.1"))))
	}
	for _, p := range []*contourv1.HTTPProxy{proxy(0), tlsProxy(1)} {
		p.Spec.VirtualHost.RateLimitPolicy = &contourv1.RateLimitPolicy{Local: &contourv1.LocalRateLimitPolicy{Requests: 50, Unit: "hour"}}
		p.Spec.Routes[1].IPAllowFilterPolicy = []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourceRemote, CIDR: "127.0.0.1"}}
		own := *p.Spec.Routes[0].DeepCopy()
		own.Conditions = []contourv1.MatchCondition{{Prefix: "/own"}}
		own.RateLimitPolicy = &contourv1.RateLimitPolicy{Local: &contourv1.LocalRateLimitPolicy{Requests: 50, Unit: "hour"}}
		p.Spec.Routes = append(p.Spec.Routes, own)
		f.sys.Step(change(p))
	}
	f.waitIdle(t)
	for _, k := range []*keptConnection{f.connect("host-0.example.com", false, false), f.connect("tls-1.example.com", true, true)} {
		k.expect(t, "below the limit", "/api", 200)
		k.expect(t, "above the limit", "/", 429)
		if got := k.status(t, "/api"); got != 429 {
			t.Errorf("%s: the route with a filter responds with %d, want 429", k.name, got)
		}
		if got := k.status(t, "/own"); got != 200 {
			t.Errorf("%s: the route with its own limit responds with %d, want 200", k.name, got)
		}
		k.CloseIdleConnections()
	}
}
