//go:build envoy

package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/semantic"
)

// byGRPC and byHTTP are authorizations by the ExtensionServices of startGuard.
func byGRPC() *contourv1.AuthorizationServer {
	return &contourv1.AuthorizationServer{ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "grpc"}}
}

func byHTTP() *contourv1.AuthorizationServer {
	return &contourv1.AuthorizationServer{
		ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "http"}, ServiceType: contourv1.AuthorizationHTTPService,
	}
}

// authorize applies an authorization of the guarded host with its ExtensionService.
func (g *guard) authorize(t *testing.T, a *contourv1.AuthorizationServer, e *contourv1alpha1.ExtensionService) {
	t.Helper()
	g.sys.Step(append(change(e), change(guardedProxy(a))...))
	g.waitIdle(t)
}

// ask sends a request without a token, and returns the status.
func (g *guard) ask(path string) int {
	at := g.config.Listeners.HTTP
	return send(fmt.Sprintf("%s:%d", at.Host, at.Port), semantic.Request{Host: "tls-1.example.com", Path: path}, nil).status
}

// asked returns which of the servers were asked by n requests, one after the other: the index of the server of each.
func (g *guard) asked(t *testing.T, n int, servers ...*authzServer) []int {
	t.Helper()
	g.check(t, "before", ask{path: "/on", status: 401})
	for _, s := range servers {
		s.questions()
	}
	var order []int
	for range n {
		if status := g.ask("/on"); status != 401 {
			t.Fatalf("status %d, want 401", status)
		}
		for i, s := range servers {
			if len(s.questions()) > 0 {
				order = append(order, i)
			}
		}
	}
	return order
}

func noEdit(*config.Config) {}

// The questions over HTTP have the prefix before the path of the request, and the protocol of the ExtensionService.
func TestPathAndProtocolOfQuestionsOnEnvoy(t *testing.T) {
	g := startGuard(t, noEdit)
	for _, c := range []struct{ prefix, protocol, path, proto string }{
		{"", "http/1.1", "/on", "HTTP/1.1"},
		{"/check", "http/1.1", "/check/on", "HTTP/1.1"},
		{"/other", "h2c", "/other/on", "HTTP/2.0"},
	} {
		a := byHTTP()
		a.HTTPSettings = &contourv1.HTTPAuthorizationServerSettings{PathPrefix: c.prefix}
		g.authorize(t, a, extensionTo("http", 3, c.protocol))
		var path, proto string
		if !eventually(func() bool {
			g.http.questions()
			g.ask("/on")
			_, path, _ = strings.Cut(strings.Join(g.http.questions(), " "), "/")
			g.http.mu.Lock()
			proto = g.http.proto
			g.http.mu.Unlock()
			return "/"+path == c.path && proto == c.proto
		}) {
			t.Errorf("%+v: the server is asked for %q with %s", c, "/"+path, proto)
		}
	}
}

// An answer counts within the time of the authorization, else within that of the ExtensionService.
func TestTimeoutsOfQuestionsOnEnvoy(t *testing.T) {
	g := startGuard(t, noEdit)
	const delay = time.Second
	for _, c := range []struct {
		own, service string
		status       int
	}{
		{"10s", "", 401},
		{"100ms", "", 503},
		{"", "10s", 401},
		{"", "100ms", 503},
		{"10s", "100ms", 401},
		{"100ms", "10s", 503},
	} {
		for _, kind := range []struct {
			a      *contourv1.AuthorizationServer
			e      *contourv1alpha1.ExtensionService
			server *authzServer
		}{
			{byGRPC(), extensionTo("grpc", 2, "h2c"), g.grpc}, {byHTTP(), extensionTo("http", 3, "http/1.1"), g.http},
		} {
			kind.a.ResponseTimeout = c.own
			if c.service != "" {
				kind.e.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: c.service}
			}
			g.authorize(t, kind.a, kind.e)
			g.check(t, "before", ask{path: "/on", status: 401})
			kind.server.delay.Store(int64(delay))
			if status := g.ask("/on"); status != c.status {
				t.Errorf("responseTimeout %q, timeoutPolicy %q, %s: status %d, want %d", c.own, c.service, kind.e.Name, status, c.status)
			}
			kind.server.delay.Store(0)
		}
	}
}

// A connection to the server that is idle for longer than the limit is closed.
func TestIdleConnectionsToServersOnEnvoy(t *testing.T) {
	g := startGuard(t, noEdit)
	for limit, kept := range map[string]bool{"": true, "100ms": false} {
		e := extensionTo("http", 3, "http/1.1")
		if limit != "" {
			e.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{IdleConnection: limit}
		}
		g.authorize(t, byHTTP(), e)
		g.check(t, "before", ask{path: "/on", status: 401})
		peer := func() string {
			g.http.mu.Lock()
			defer g.http.mu.Unlock()
			return g.http.peer
		}
		g.ask("/on")
		first := peer()
		time.Sleep(time.Second)
		g.ask("/on")
		if second := peer(); (first == second) != kept {
			t.Errorf("idleConnection %q: connections %s and %s", limit, first, second)
		}
	}
}

// The strategy decides which of two endpoints is asked: they are asked in turn, or at random.
func TestLoadBalancingOfQuestionsOnEnvoy(t *testing.T) {
	g := startGuard(t, noEdit)
	second := startGRPCAuthz(t)
	more := slice(2, "127.0.0.1")
	more.Name, more.Ports[0].Port = "slice-2-more", new(int32(second.port))
	g.sys.Step(change(more))
	for strategy, inTurn := range map[string]bool{"RoundRobin": true, "Random": false} {
		e := extensionTo("grpc", 2, "h2c")
		e.Spec.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: strategy}
		g.authorize(t, byGRPC(), e)
		order := g.asked(t, 40, g.grpc, second) // one order of 2^39 alternates
		alternates := true
		for i := range len(order) - 1 {
			alternates = alternates && order[i] != order[i+1]
		}
		if alternates != inTurn || !slices.Contains(order, 0) || !slices.Contains(order, 1) {
			t.Errorf("%s: servers %v are asked", strategy, order)
		}
	}
}

// The questions are shared among the Services by their weights.
func TestWeightsOfQuestionsOnEnvoy(t *testing.T) {
	g := startGuard(t, noEdit)
	second := startGRPCAuthz(t)
	g.sys.Step(change(service(4)))
	g.reach(4, second.port)
	for _, c := range []struct {
		weights     [2]uint32
		least, most int // questions of the second Service among 100
	}{{[2]uint32{0, 0}, 30, 70}, {[2]uint32{9, 1}, 1, 25}, {[2]uint32{1, 9}, 75, 99}, {[2]uint32{1, 0}, 0, 0}} {
		e := extensionTo("grpc", 2, "h2c")
		e.Spec.Services = append(e.Spec.Services, contourv1alpha1.ExtensionServiceTarget{Name: "service-4", Port: 80})
		for i, w := range c.weights {
			e.Spec.Services[i].Weight = w
		}
		g.authorize(t, byGRPC(), e)
		n := 0
		for _, i := range g.asked(t, 100, g.grpc, second) {
			n += i
		}
		if n < c.least || n > c.most {
			t.Errorf("weights %v: the second Service is asked %d of 100 times, want %d to %d", c.weights, n, c.least, c.most)
		}
	}
}

// Questions beyond a limit of the circuit breaker are not asked; each limit by itself is in effect.
func TestCircuitBreakersOfQuestionsOnEnvoy(t *testing.T) {
	g := startGuard(t, noEdit)
	const together = 5
	for _, c := range []struct {
		name         string
		kind         string // of the server
		policy       *contourv1alpha1.CircuitBreakers
		least, asked int // how many questions reach the server at once
	}{
		{"none, by gRPC", "grpc", nil, together, together},
		{"none, by HTTP", "http", nil, together, together},
		{"maxRequests", "grpc", &contourv1alpha1.CircuitBreakers{MaxRequests: 2}, 2, 2},
		{"maxConnections and maxPendingRequests", "http", &contourv1alpha1.CircuitBreakers{MaxConnections: 2, MaxPendingRequests: 1}, 2, 3},
		{"perHostMaxConnections", "http", &contourv1alpha1.CircuitBreakers{PerHostMaxConnections: 2, MaxPendingRequests: 1}, 2, 3},
	} {
		a, e, server := byGRPC(), extensionTo("grpc", 2, "h2c"), g.grpc
		if c.kind == "http" {
			a, e, server = byHTTP(), extensionTo("http", 3, "http/1.1"), g.http
		}
		a.ResponseTimeout = "10s"
		e.Spec.CircuitBreakerPolicy = c.policy
		g.authorize(t, a, e)
		g.check(t, c.name, ask{path: "/on", status: 401})
		server.questions()
		server.delay.Store(int64(time.Second))
		var running sync.WaitGroup
		for range together {
			running.Go(func() { g.ask("/on") })
		}
		running.Wait()
		server.delay.Store(0)
		if n := len(server.questions()); n < c.least || n > c.asked {
			t.Errorf("%s: %d of %d questions reach the server, want %d to %d", c.name, n, together, c.least, c.asked)
		}
	}
}
