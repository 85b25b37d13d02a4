//go:build envoy

package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
)

// limitedProxy returns the root of host tls-1.example.com, which is limited except at /off, and which is served without TLS too.
func limitedProxy() *contourv1.HTTPProxy {
	p := tlsProxy(1)
	user := contourv1.RateLimitDescriptorEntry{RequestHeader: &contourv1.RequestHeaderDescriptor{HeaderName: "X-User", DescriptorKey: "user"}}
	p.Spec.VirtualHost.RateLimitPolicy = &contourv1.RateLimitPolicy{
		Global: &contourv1.GlobalRateLimitPolicy{Descriptors: []contourv1.RateLimitDescriptor{{Entries: []contourv1.RateLimitDescriptorEntry{user}}}},
	}
	to := p.Spec.Routes[0].Services
	p.Spec.Routes = []contourv1.Route{
		{Services: to, PermitInsecure: true},
		{
			Conditions: []contourv1.MatchCondition{{Prefix: "/off"}}, Services: to, PermitInsecure: true,
			RateLimitPolicy: &contourv1.RateLimitPolicy{Global: &contourv1.GlobalRateLimitPolicy{Disabled: true}},
		},
	}
	return p
}

// limited is a fleet with a host that is limited and one that is not.
type limited struct {
	*fleet
	server *limitServer
}

func startLimited(t *testing.T, edit func(*config.Config)) *limited {
	g := &limited{fleet: startFleet(t, edit, func(c *config.Config) {
		c.RateLimits.Service = kobj.Name{Namespace: "team", Name: "limits"}
	}), server: startLimitServer(t)}
	g.sys.Step(change(secret(t, "team", "cert-1")))
	for i := range 3 {
		g.sys.Step(change(service(i)))
	}
	for i := range 2 {
		g.sys.Step(change(g.local(t, slice(i, "127.0.0.1"))))
	}
	g.reach(g.server.port)
	extension := extensionTo("limits", 2, "h2c")
	extension.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: "100ms"}
	g.sys.Step(change(extension))
	g.sys.Step(change(proxy(0)))
	g.sys.Step(change(limitedProxy()))
	g.waitIdle(t)
	return g
}

// reach makes the service have one endpoint with that port.
func (g *limited) reach(port int) {
	s := slice(2, "127.0.0.1")
	s.Ports[0].Port = new(int32(port))
	g.sys.Step(change(s))
}

// answers sends the request of a user on both listeners and fails unless they are answered with the status in a second. Requests
// beside the limit and to another host are served at once.
func (g *limited) answers(t *testing.T, what, user string, status int) {
	t.Helper()
	for _, tls := range []bool{false, true} {
		at := g.config.Listeners.HTTP
		if tls {
			at = g.config.Listeners.HTTPS
		}
		request := func(host, path string) seen {
			return send(fmt.Sprintf("%s:%d", at.Host, at.Port), semantic.Request{Host: host, Path: path, TLS: tls, Headers: map[string]string{"X-User": user}}, nil)
		}
		var got seen
		for until := time.Now().Add(time.Second); ; {
			got = request("tls-1.example.com", "/")
			if got.status == status || time.Now().After(until) {
				break
			}
		}
		if got.status != status {
			t.Errorf("%s, TLS %t: status %d, %v, want %d", what, tls, got.status, got.failure, status)
		}
		if off := request("tls-1.example.com", "/off"); off.status != 200 {
			t.Errorf("%s, TLS %t: a route without limit answers %d, %v", what, tls, off.status, off.failure)
		}
		if tls {
			continue
		}
		if other := request("host-0.example.com", "/"); other.status != 200 {
			t.Errorf("%s: another host answers %d, %v", what, other.status, other.failure)
		}
	}
}

// While the rate limit service is away or slow, requests are refused with 503, or pass where failOpen says so; others are served,
// and limits hold again within a second after the service is back.
func TestGlobalRateLimitWithoutServiceOnEnvoy(t *testing.T) {
	for name, edit := range variants() {
		t.Run(name, func(t *testing.T) {
			g := startLimited(t, edit)
			for failOpen, status := range map[bool]int{false: 503, true: 200} {
				g.config.RateLimits.FailOpen = failOpen
				g.sys.Configure(g.config)
				g.waitIdle(t)
				faulty := func(what string, set, restore func()) {
					t.Helper()
					what = fmt.Sprintf("fail open %t, %s", failOpen, what)
					g.answers(t, what+" not yet", "me", 200)
					g.answers(t, what+" not yet", semantic.OverLimit, 429)
					set()
					g.answers(t, what, semantic.OverLimit, status)
					restore()
					g.answers(t, what+" no longer", "me", 200)
					g.answers(t, what+" no longer", semantic.OverLimit, 429)
				}
				faulty("slow", func() { g.server.delay.Store(int64(300 * time.Millisecond)) }, func() { g.server.delay.Store(0) })
				faulty("away", func() { g.reach(1) }, func() { g.reach(g.server.port) })
				faulty("no endpoints", func() { g.sys.Step(deletion(slice(2, "127.0.0.1"))) }, func() { g.reach(g.server.port) })
			}
		})
	}
}

// Requests that are not limited are not sent to the service, on any way to their route table.
func TestOnlyLimitedRequestsAreCountedOnEnvoy(t *testing.T) {
	for name, edit := range variants() {
		t.Run(name, func(t *testing.T) {
			g := startLimited(t, edit)
			g.answers(t, "limited", "me", 200)
			before := g.server.asked.Load()
			at := g.config.Listeners.HTTP
			for _, r := range []semantic.Request{
				{Host: "tls-1.example.com", Path: "/off", Headers: map[string]string{"X-User": "me"}},
				{Host: otherCase, Path: "/off", Headers: map[string]string{"X-User": "me"}},
				{Host: "tls-1.example.com", Path: "/"}, // has no value for the descriptor
				{Host: "host-0.example.com", Path: "/", Headers: map[string]string{"X-User": "me"}},
			} {
				if got := send(fmt.Sprintf("%s:%d", at.Host, at.Port), r, nil); got.status != 200 {
					t.Errorf("%+v: status %d, %v", r, got.status, got.failure)
				}
			}
			if after := g.server.asked.Load(); after != before {
				t.Errorf("the service was asked about %d requests that are not limited", after-before)
			}
			over := semantic.Request{Host: otherCase, Path: "/", Headers: map[string]string{"X-User": semantic.OverLimit}}
			if got := send(fmt.Sprintf("%s:%d", at.Host, at.Port), over, nil); got.status != 429 {
				t.Errorf("a host in another case: status %d, %v, want 429", got.status, got.failure)
			}
		})
	}
}

// A default limit applies to HTTPProxies without their own.
func TestDefaultGlobalRateLimitOnEnvoy(t *testing.T) {
	g := startLimited(t, func(*config.Config) {})
	g.config.RateLimits.Default = []ir.LimitDescriptor{{{Kind: ir.LimitHeader, Key: "who", Header: "X-User"}}}
	g.sys.Configure(g.config)
	g.waitIdle(t)
	at := g.config.Listeners.HTTP
	r := semantic.Request{Host: "host-0.example.com", Path: "/", Headers: map[string]string{"X-User": semantic.OverLimit}}
	if got := send(fmt.Sprintf("%s:%d", at.Host, at.Port), r, nil); got.status != 429 {
		t.Errorf("status %d, %v, want 429", got.status, got.failure)
	}
}

// globalLimitEdits are edits of the global limits of a host and of its routes that no request of the load reaches.
func globalLimitEdits() []policyEdit {
	descriptors := func(all ...contourv1.RateLimitDescriptorEntry) *contourv1.RateLimitPolicy {
		return &contourv1.RateLimitPolicy{Global: &contourv1.GlobalRateLimitPolicy{Descriptors: []contourv1.RateLimitDescriptor{{Entries: all}}}}
	}
	key := contourv1.RateLimitDescriptorEntry{GenericKey: &contourv1.GenericKeyDescriptor{Key: "a", Value: "b"}}
	header := contourv1.RateLimitDescriptorEntry{RequestHeader: &contourv1.RequestHeaderDescriptor{HeaderName: "User-Agent", DescriptorKey: "agent"}}
	address := contourv1.RateLimitDescriptorEntry{RemoteAddress: &contourv1.RemoteAddressDescriptor{}}
	match := contourv1.RateLimitDescriptorEntry{RequestHeaderValueMatch: &contourv1.RequestHeaderValueMatchDescriptor{
		Headers: []contourv1.HeaderMatchCondition{{Name: "User-Agent", Present: true}}, ExpectMatch: new(true), Value: "named",
	}}
	off := &contourv1.RateLimitPolicy{Global: &contourv1.GlobalRateLimitPolicy{Disabled: true}}
	edit := func(name string, host, route *contourv1.RateLimitPolicy) policyEdit {
		return policyEdit{name, func(h *contourv1.VirtualHost, r *contourv1.Route) { h.RateLimitPolicy, r.RateLimitPolicy = host, route }, 200, 200}
	}
	return []policyEdit{
		edit("a limit of the host", descriptors(key), nil),
		edit("other descriptors", descriptors(key, header, address), nil),
		edit("a limit of the route", nil, descriptors(match)),
		edit("limits of both", descriptors(address), descriptors(header)),
		edit("none for the route", descriptors(address), off),
		edit("none", nil, nil),
	}
}

// Global limits are edited under load, over HTTP/1.1 and HTTP/2, with and without TLS: no request fails, no connection is closed, and
// the service counts exactly the requests that are limited.
func TestEditsOfGlobalRateLimitsLoseNoRequestsOnEnvoy(t *testing.T) {
	g := startLimited(t, func(*config.Config) {})
	g.config.RateLimits.FailOpen = false
	g.sys.Configure(g.config)
	for _, p := range []*contourv1.HTTPProxy{proxy(0), tlsProxy(1)} {
		g.sys.Step(change(p))
	}
	extension := extensionTo("limits", 2, "h2c")
	extension.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: "10s"}
	g.sys.Step(change(extension))
	g.waitIdle(t)
	loads := g.startEditLoads(t)
	for _, e := range globalLimitEdits() {
		var limited bool
		for _, p := range []*contourv1.HTTPProxy{proxy(0), tlsProxy(1)} {
			h, r := p.Spec.VirtualHost, &p.Spec.Routes[1]
			e.edit(h, r)
			limited = h.RateLimitPolicy != nil && r.RateLimitPolicy == nil || r.RateLimitPolicy != nil && !r.RateLimitPolicy.Global.Disabled
			g.sys.Step(change(p))
		}
		g.waitIdle(t)
		loads.after(t, e.name)
		before := g.server.asked.Load()
		loads.after(t, e.name)
		if asked := g.server.asked.Load() - before; limited != (asked > 0) {
			t.Errorf("%s: the service is asked about %d requests", e.name, asked)
		}
	}
	for _, l := range loads {
		if n := l.opened.Load(); n != 1 {
			t.Errorf("%s: %d connections, want 1", l.name, n)
		}
	}
}
