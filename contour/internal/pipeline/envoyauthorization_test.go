//go:build envoy

package pipeline_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/semantic"
)

// extensionTo returns an ExtensionService of that name for the i-th Service.
func extensionTo(name string, i int, protocol string) *contourv1alpha1.ExtensionService {
	s := &contourv1alpha1.ExtensionService{ObjectMeta: meta(name)}
	s.Spec.Services = []contourv1alpha1.ExtensionServiceTarget{{Name: fmt.Sprintf("service-%d", i), Port: 80}}
	s.Spec.Protocol = &protocol
	return s
}

// guardedProxy returns the root of host tls-1.example.com, whose routes differ in their authorization; they are served
// without TLS too, except /secure.
func guardedProxy(a *contourv1.AuthorizationServer) *contourv1.HTTPProxy {
	p := tlsProxy(1)
	p.Spec.VirtualHost.Authorization = a.DeepCopy()
	to := p.Spec.Routes[0].Services
	route := func(prefix string, policy *contourv1.AuthorizationPolicy) contourv1.Route {
		return contourv1.Route{
			Conditions: []contourv1.MatchCondition{{Prefix: prefix}}, Services: to, PermitInsecure: true, AuthPolicy: policy,
		}
	}
	direct := route("/direct", nil)
	direct.Services, direct.DirectResponsePolicy = nil, &contourv1.HTTPDirectResponsePolicy{StatusCode: 200, Body: "direct"}
	filtered := route("/filtered", nil)
	filtered.IPAllowFilterPolicy = []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourcePeer, CIDR: "127.0.0.1"}}
	secure := route("/secure", nil)
	secure.PermitInsecure = false
	p.Spec.Routes = []contourv1.Route{
		route("/", nil), route("/off", &contourv1.AuthorizationPolicy{Disabled: new(true)}), direct, filtered, secure,
		route("/on", &contourv1.AuthorizationPolicy{Disabled: new(false)}),
	}
	if a.ServiceType != contourv1.AuthorizationHTTPService {
		p.Spec.Routes = append(p.Spec.Routes, route("/context", &contourv1.AuthorizationPolicy{Context: map[string]string{"b": "route", "c": "route"}}))
	}
	return p
}

// guard is a fleet with two protected hosts and one that is not.
type guard struct {
	*fleet
	grpc, http *authzServer
	editing    atomic.Value // what is being edited
	answered   atomic.Int64 // requests of load
}

func startGuard(t *testing.T, edit func(*config.Config)) *guard {
	g := &guard{fleet: startFleet(t, edit), grpc: startGRPCAuthz(t), http: startHTTPAuthz(t)}
	g.sys.Step(change(secret(t, "team", "cert-1")))
	for i := range 4 {
		g.sys.Step(change(service(i)))
	}
	for i := range 2 {
		g.sys.Step(change(g.local(t, slice(i, "127.0.0.1"))))
	}
	g.reach(2, g.grpc.port)
	g.reach(3, g.http.port)
	g.sys.Step(change(extensionTo("grpc", 2, "h2c")))
	g.sys.Step(change(extensionTo("http", 3, "http/1.1")))
	g.sys.Step(change(proxy(0)))
	return g
}

// reach makes the i-th Service have one endpoint with that port.
func (g *guard) reach(i, port int) {
	s := slice(i, "127.0.0.1")
	s.Ports[0].Port = new(int32(port))
	g.sys.Step(change(s))
}

// ask is a request to the guarded host and the expected answer.
type ask struct {
	host   string // tls-1.example.com if empty
	path   string
	token  bool
	tls    bool
	status int
	user   string // header that the backend receives; "" for none
}

func (g *guard) check(t *testing.T, name string, a ask) {
	t.Helper()
	at := g.config.Listeners.HTTP
	if a.tls {
		at = g.config.Listeners.HTTPS
	}
	r := semantic.Request{Host: cmp.Or(a.host, "tls-1.example.com"), Path: a.path, TLS: a.tls, Headers: map[string]string{"X-Private": "client"}}
	if a.token {
		r.Headers["X-Token"] = "yes"
	}
	var got seen
	user := func() string {
		if got.backend == nil {
			return ""
		}
		return got.backend.Header.Get(semantic.UserHeader)
	}
	if !eventually(func() bool {
		got = send(fmt.Sprintf("%s:%d", at.Host, at.Port), r, nil)
		return got.failure == nil && got.status == a.status && user() == a.user
	}) {
		t.Errorf("%s: %+v: status %d, user %q, %v", name, a, got.status, user(), got.failure)
	}
	if got.backend != nil && got.backend.Host != r.Host {
		t.Errorf("%s: %+v: the backend receives host %q", name, a, got.backend.Host)
	}
}

// otherCase is the guarded host in another case.
const otherCase = "TLS-1.example.com"

// variants are the ways in which requests find their route table.
func variants() map[string]func(*config.Config) {
	return map[string]func(*config.Config){
		"one table": func(*config.Config) {},
		"sharded":   func(c *config.Config) { c.RouteTables.Hosts = 0 },
		"on demand": onDemand,
	}
}

// Requests are authorized on both listeners exactly where their routes want it, by gRPC and by HTTP.
func TestAuthorizationOnEnvoy(t *testing.T) {
	for name, edit := range variants() {
		t.Run(name, func(t *testing.T) {
			g := startGuard(t, edit)
			grpc := contourv1.AuthorizationServer{
				ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "grpc"},
				AuthPolicy:          &contourv1.AuthorizationPolicy{Context: map[string]string{"a": "host", "b": "host"}},
			}
			http := contourv1.AuthorizationServer{
				ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "http"}, ServiceType: contourv1.AuthorizationHTTPService,
				HTTPSettings: &contourv1.HTTPAuthorizationServerSettings{
					PathPrefix:                  "/check",
					AllowedAuthorizationHeaders: []contourv1.HTTPAuthorizationServerAllowedHeaders{{Prefix: "X-Tok"}},
					AllowedUpstreamHeaders:      []contourv1.HTTPAuthorizationServerAllowedHeaders{{Exact: "X-User"}},
				},
			}
			off := func(a contourv1.AuthorizationServer) contourv1.AuthorizationServer {
				p := contourv1.AuthorizationPolicy{Disabled: new(true)}
				if a.AuthPolicy != nil {
					p.Context = a.AuthPolicy.Context
				}
				a.AuthPolicy = &p
				return a
			}
			open := grpc
			open.FailOpen = true
			for _, c := range []struct {
				name          string
				a             contourv1.AuthorizationServer
				host, context string
			}{
				{"grpc", grpc, "context a=host,b=host", "context a=host,b=route,c=route"},
				{"http", http, "http", ""},
				{"open", open, "context a=host,b=host", "context a=host,b=route,c=route"},
			} {
				g.sys.Step(change(guardedProxy(&c.a)))
				g.waitIdle(t)
				for _, tls := range []bool{false, true} {
					g.checkGuarded(t, c.name, tls, c.host, c.context)
				}
				disabled := off(c.a)
				g.sys.Step(change(guardedProxy(&disabled)))
				g.waitIdle(t)
				for _, tls := range []bool{false, true} {
					name := c.name + ", disabled at the host"
					g.check(t, name, ask{path: "/", tls: tls, status: 200})
					g.check(t, name, ask{path: "/on", tls: tls, status: 401})
					g.check(t, name, ask{path: "/on", token: true, tls: tls, status: 200, user: c.host})
				}
			}
		})
	}
}

func (g *guard) checkGuarded(t *testing.T, name string, tls bool, host, context string) {
	t.Helper()
	for _, path := range []string{"/", "/direct", "/filtered", "/on", "/%2e%2e/"} {
		g.check(t, name, ask{path: path, tls: tls, status: 401})
	}
	for _, path := range []string{"/", "/filtered", "/on"} {
		g.check(t, name, ask{path: path, token: true, tls: tls, status: 200, user: host})
	}
	g.check(t, name, ask{path: "/direct", token: true, tls: tls, status: 200})
	if !tls { // a script finds the route table of such a host
		g.check(t, name, ask{host: otherCase, path: "/", status: 401})
		g.check(t, name, ask{host: otherCase, path: "/", token: true, status: 200, user: host})
		g.check(t, name, ask{host: otherCase, path: "/filtered", status: 401})
	}
	if context != "" {
		g.check(t, name, ask{path: "/context", tls: tls, status: 401})
		g.check(t, name, ask{path: "/context", token: true, tls: tls, status: 200, user: context})
	}
	for _, s := range []*authzServer{g.grpc, g.http} {
		for _, q := range s.questions() {
			if !strings.HasPrefix(strings.ToLower(q), "tls-1.example.com/") {
				t.Errorf("%s: the server was asked about %s", name, q)
			}
		}
	}
	g.check(t, name, ask{path: "/off", tls: tls, status: 200})
	if !tls {
		g.check(t, name, ask{path: "/secure", status: 301})
		g.check(t, name, ask{host: otherCase, path: "/off", status: 200})
	}
	if asked := slices.Concat(g.grpc.questions(), g.http.questions()); len(asked) > 0 {
		t.Errorf("%s, TLS %t: routes without authorization were asked about: %v", name, tls, asked)
	}
	if name == "http" {
		g.http.mu.Lock()
		if got := g.http.seen.Get("X-Private"); got != "" {
			t.Errorf("the HTTP server received a header that is not allowed: %q", got)
		}
		g.http.mu.Unlock()
	}
	g.checkOther(t)
}

// checkOther checks that the host without authorization is served.
func (g *guard) checkOther(t *testing.T) {
	t.Helper()
	at := g.config.Listeners.HTTP
	if got := send(fmt.Sprintf("%s:%d", at.Host, at.Port), semantic.Request{Host: "host-0.example.com"}, nil); got.status != 200 {
		t.Errorf("the other host answers %d, %v", got.status, got.failure)
	}
}

// While the server is away or slow, requests are refused with 503, or allowed where failOpen says so; others are served, and
// authorization works again as soon as the server does.
func TestAuthorizationWithoutServerOnEnvoy(t *testing.T) {
	for name, edit := range variants() {
		t.Run(name, func(t *testing.T) {
			g := startGuard(t, edit)
			for _, kind := range []struct {
				name    string
				service int
				server  *authzServer
				a       contourv1.AuthorizationServer
			}{
				{"grpc", 2, g.grpc, contourv1.AuthorizationServer{ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "grpc"}}},
				{"http", 3, g.http, contourv1.AuthorizationServer{
					ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "http"}, ServiceType: contourv1.AuthorizationHTTPService,
					HTTPSettings: &contourv1.HTTPAuthorizationServerSettings{
						AllowedAuthorizationHeaders: []contourv1.HTTPAuthorizationServerAllowedHeaders{{Exact: "x-token"}},
					},
				}},
			} {
				for failOpen, status := range map[bool]int{false: 503, true: 200} {
					kind.a.FailOpen, kind.a.ResponseTimeout = failOpen, "100ms"
					g.sys.Step(change(guardedProxy(&kind.a)))
					g.waitIdle(t)
					both := func(what string, token bool, status int) {
						t.Helper()
						for _, tls := range []bool{false, true} {
							var got seen
							g.expectStatus(t, fmt.Sprintf("%s, fail open %t, %s", kind.name, failOpen, what), ask{path: "/on", token: token, tls: tls, status: status}, &got)
						}
						g.checkOther(t)
					}
					both("no token", false, 401)
					kind.server.delay.Store(int64(time.Second))
					both("slow", false, status)
					kind.server.delay.Store(0)
					both("no longer slow", false, 401)
					g.reach(kind.service, 1)
					both("away", false, status)
					g.sys.Step(deletion(slice(kind.service, "127.0.0.1")))
					both("no endpoints", false, status)
					g.reach(kind.service, kind.server.port)
					both("back", false, 401)
					both("back", true, 200)
				}
			}
		})
	}
}

func (g *guard) expectStatus(t *testing.T, name string, a ask, got *seen) {
	t.Helper()
	at := g.config.Listeners.HTTP
	if a.tls {
		at = g.config.Listeners.HTTPS
	}
	r := semantic.Request{Host: "tls-1.example.com", Path: a.path, TLS: a.tls, Headers: map[string]string{}}
	if a.token {
		r.Headers["X-Token"] = "yes"
	}
	if !eventually(func() bool {
		*got = send(fmt.Sprintf("%s:%d", at.Host, at.Port), r, nil)
		return got.failure == nil && got.status == a.status
	}) {
		t.Errorf("%s: %+v: status %d, %v", name, a, got.status, got.failure)
	}
}

// authorizationEdit is an edit of the guarded host, its authorization and its ExtensionService, after which requests with the token are
// still allowed, and no others.
type authorizationEdit struct {
	name string
	edit func(*contourv1.HTTPProxy, *contourv1.AuthorizationServer, *contourv1alpha1.ExtensionService)
}

func authorizationEdits() []authorizationEdit {
	type proxy = *contourv1.HTTPProxy
	type auth = *contourv1.AuthorizationServer
	type ext = *contourv1alpha1.ExtensionService
	return []authorizationEdit{
		{"context", func(_ proxy, a auth, _ ext) {
			a.AuthPolicy = &contourv1.AuthorizationPolicy{Context: map[string]string{"a": "b"}}
		}},
		{"context of a route", func(p proxy, _ auth, _ ext) { p.Spec.Routes[5].AuthPolicy.Context = map[string]string{"a": "b"} }},
		{"a route without policy", func(p proxy, _ auth, _ ext) { p.Spec.Routes[5].AuthPolicy = nil }},
		{"another route disabled", func(p proxy, _ auth, _ ext) {
			p.Spec.Routes[0].AuthPolicy = &contourv1.AuthorizationPolicy{Disabled: new(true)}
		}},
		{"timeout", func(_ proxy, a auth, _ ext) { a.ResponseTimeout = "7s" }},
		{"failOpen", func(_ proxy, a auth, _ ext) { a.FailOpen = true }},
		{"body", func(_ proxy, a auth, _ ext) {
			a.WithRequestBody = &contourv1.AuthorizationServerBufferSettings{MaxRequestBytes: 10, AllowPartialMessage: true, PackAsBytes: true}
		}},
		{"disabled", func(_ proxy, a auth, _ ext) { a.AuthPolicy = &contourv1.AuthorizationPolicy{Disabled: new(true)} }},
		{"services", func(_ proxy, _ auth, e ext) {
			e.Spec.Services = append(e.Spec.Services, contourv1alpha1.ExtensionServiceTarget{Name: "service-4", Port: 80, Weight: 3})
			e.Spec.Services[0].Weight = 1
		}},
		{"response timeout", func(_ proxy, _ auth, e ext) { e.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: "9s"} }},
		{"version", func(_ proxy, _ auth, e ext) { e.Spec.ProtocolVersion = "v3" }},
		{"another ExtensionService", func(_ proxy, a auth, _ ext) {
			a.ExtensionServiceRef = contourv1.ExtensionServiceReference{APIVersion: "projectcontour.io/v1alpha1", Namespace: "team", Name: "other"}
		}},
		{"HTTP", func(p proxy, a auth, _ ext) {
			p.Spec.Routes = p.Spec.Routes[:6] // without the context of a route
			a.ExtensionServiceRef.Name, a.ServiceType = "http", contourv1.AuthorizationHTTPService
			all := []contourv1.HTTPAuthorizationServerAllowedHeaders{
				{Exact: "X-TOKEN", IgnoreCase: true}, {Prefix: "X-A"}, {Suffix: "-b"}, {Contains: "user"},
			}
			a.HTTPSettings = &contourv1.HTTPAuthorizationServerSettings{PathPrefix: "/check", AllowedAuthorizationHeaders: all, AllowedUpstreamHeaders: all}
		}},
		{"strategy", func(_ proxy, _ auth, e ext) {
			e.Spec.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: "Random"}
		}},
		{"idle connections", func(_ proxy, _ auth, e ext) { e.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{IdleConnection: "1m"} }},
		{"circuit breakers", func(_ proxy, _ auth, e ext) {
			e.Spec.CircuitBreakerPolicy = &contourv1alpha1.CircuitBreakers{MaxConnections: 100}
		}},
	}
}

// Authorizations are edited under load: no request fails, and none without the token is answered by a backend.
func TestEditsOfAuthorizationUnderLoadOnEnvoy(t *testing.T) {
	g := startGuard(t, func(*config.Config) {})
	g.sys.Step(append(change(service(4)), change(extensionTo("other", 4, "h2c"))...))
	g.reach(4, startGRPCAuthz(t).port)
	apply := func(edit func(*contourv1.HTTPProxy, *contourv1.AuthorizationServer, *contourv1alpha1.ExtensionService)) {
		p, e := editedGuard()
		edit(p, p.Spec.VirtualHost.Authorization, e)
		g.sys.Step(append(change(e), change(p)...))
		g.waitIdle(t)
	}
	none := func(*contourv1.HTTPProxy, *contourv1.AuthorizationServer, *contourv1alpha1.ExtensionService) {}
	apply(none)
	stop, done := make(chan struct{}), make(chan string, 4)
	for _, tls := range []bool{false, true} {
		for _, token := range []bool{false, true} {
			g.expectStatus(t, "before", ask{path: "/on", token: token, tls: tls, status: map[bool]int{false: 401, true: 200}[token]}, new(seen))
			go func() { done <- g.load(stop, ask{path: "/on", token: token, tls: tls}) }()
		}
	}
	for _, e := range authorizationEdits() {
		g.editing.Store(e.name)
		for _, edit := range []func(*contourv1.HTTPProxy, *contourv1.AuthorizationServer, *contourv1alpha1.ExtensionService){e.edit, none} {
			apply(edit)
			before := g.answered.Load()
			if !eventually(func() bool { return g.answered.Load() > before+40 }) {
				t.Errorf("%s: no load", e.name)
			}
		}
	}
	close(stop)
	for range 4 {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
}

// editedGuard returns the guarded host and its ExtensionService, before an edit.
func editedGuard() (*contourv1.HTTPProxy, *contourv1alpha1.ExtensionService) {
	a := &contourv1.AuthorizationServer{ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "grpc"}, ResponseTimeout: "10s"}
	return guardedProxy(a), extensionTo("grpc", 2, "h2c")
}

// load sends requests until stop is closed, and describes the first one with another answer than that of the server.
func (g *guard) load(stop <-chan struct{}, a ask) (problem string) {
	at, want := g.config.Listeners.HTTP, 401
	if a.tls {
		at = g.config.Listeners.HTTPS
	}
	r := semantic.Request{Host: "tls-1.example.com", Path: a.path, TLS: a.tls, Headers: map[string]string{}}
	if a.token {
		want, r.Headers["X-Token"] = 200, "yes"
	}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return problem
		default:
		}
		got := send(fmt.Sprintf("%s:%d", at.Host, at.Port), r, nil)
		g.answered.Add(1)
		if problem == "" && (got.failure != nil || got.status != want) {
			problem = fmt.Sprintf("%v: %+v: request %d: status %d, %v", g.editing.Load(), a, n, got.status, got.failure)
		}
	}
}
