//go:build envoy

package pipeline_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/semantic"
)

// upstreamEdit is an edit of how a route uses its services.
type upstreamEdit struct {
	name string
	edit func(*contourv1.Route)
}

func upstreamEdits() []upstreamEdit {
	balance := func(strategy string) upstreamEdit {
		return upstreamEdit{strategy, func(r *contourv1.Route) { r.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: strategy} }}
	}
	check := func(path string) func(*contourv1.Route) {
		return func(r *contourv1.Route) { r.HealthCheckPolicy = &contourv1.HTTPHealthCheckPolicy{Path: path} }
	}
	services := func(edit func(*contourv1.Service)) func(*contourv1.Route) {
		return func(r *contourv1.Route) {
			for i := range r.Services {
				edit(&r.Services[i])
			}
		}
	}
	return []upstreamEdit{
		{"a health check", check("/health")},
		{"a slow health check", check("/slow")},
		{"every field of a health check", func(r *contourv1.Route) {
			r.HealthCheckPolicy = &contourv1.HTTPHealthCheckPolicy{
				Path: "/health", Host: "health.example.com", IntervalSeconds: 3, TimeoutSeconds: 2, UnhealthyThresholdCount: 4,
				HealthyThresholdCount: 2, ExpectedStatuses: []contourv1.HTTPStatusRange{{Start: 200, End: 300}},
			}
		}},
		{"a port for health checks", func(r *contourv1.Route) {
			check("/health")(r)
			services(func(s *contourv1.Service) { s.HealthPort = 81 })(r)
		}},
		{"no health check", func(*contourv1.Route) {}},
		{"TLS with a certificate of one name", services(func(s *contourv1.Service) {
			s.Protocol, s.UpstreamValidation = new("tls"), &contourv1.UpstreamValidation{CACertificate: "authorities", SubjectName: "backend.example.com"}
		})},
		{"TLS with a certificate of one of several names", services(func(s *contourv1.Service) {
			s.Protocol, s.UpstreamValidation = new("h2"), &contourv1.UpstreamValidation{
				CACertificate: "authorities", SubjectName: "backend.example.com", SubjectNames: []string{"backend.example.com", "other.example.com"},
			}
		})},
		balance("Random"), balance("WeightedLeastRequest"), balance("Cookie"),
		{"RequestHash", func(r *contourv1.Route) {
			r.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: "RequestHash", RequestHashPolicies: []contourv1.RequestHashPolicy{
				{HeaderHashOptions: &contourv1.HeaderHashOptions{HeaderName: "X-User"}, Terminal: true},
				{QueryParameterHashOptions: &contourv1.QueryParameterHashOptions{ParameterName: "user"}},
				{HashSourceIP: true},
			}}
		}},
		{"slow start", services(func(s *contourv1.Service) {
			s.SlowStartPolicy = &contourv1.SlowStartPolicy{Window: "10s", Aggression: "1.5", MinimumWeightPercent: 10}
		})},
		{"a mirror", func(r *contourv1.Route) {
			mirror := r.Services[0]
			mirror.Mirror, mirror.Weight = true, 50
			r.Services = append([]contourv1.Service{mirror}, r.Services...)
		}},
		{"a mirror with a slow health check", func(r *contourv1.Route) {
			mirror := r.Services[0]
			mirror.Mirror = true
			r.Services = append([]contourv1.Service{mirror}, r.Services...)
			check("/slow?")(r)
		}},
		{"rewrites of cookies", func(r *contourv1.Route) {
			r.CookieRewritePolicies = []contourv1.CookieRewritePolicy{{
				Name: "a", Secure: new(true), SameSite: new("Lax"),
				PathRewrite: &contourv1.CookiePathRewrite{Value: "/"}, DomainRewrite: &contourv1.CookieDomainRewrite{Value: "example.com"},
			}}
		}},
		{"rewrites of cookies by a service", services(func(s *contourv1.Service) {
			s.CookieRewritePolicies = []contourv1.CookieRewritePolicy{{Name: "a", Secure: new(true)}}
		})},
		{"nothing", func(*contourv1.Route) {}},
	}
}

// Several cookies of one response are rewritten each by itself, in their order.
func TestRewritesOfSeveralCookiesOnEnvoy(t *testing.T) {
	f := startUpstreams(t, func(r *contourv1.Route) {
		r.CookieRewritePolicies = []contourv1.CookieRewritePolicy{{Name: "a", Secure: new(true)}, {Name: "c", SameSite: new("Lax")}}
	})
	for _, k := range []*keptConnection{f.connect("host-0.example.com", false, false), f.connect("tls-1.example.com", true, true)} {
		response := k.get(t, "/api", http.Header{semantic.SetCookieHeader: {"a=1", "b=2; Secure", "c=3; Path=/", "a=4; Secure"}})
		want := []string{"a=1; Secure", "b=2; Secure", "c=3; Path=/; SameSite=Lax", "a=4; Secure"}
		if diff := cmp.Diff(want, response.Header.Values("Set-Cookie")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k.name, diff)
		}
		k.CloseIdleConnections()
	}
}

// A worker of Envoy serves many tenants: a cookie that a backend chooses does not keep it busy, however many spaces it has.
func TestRewritesOfLongCookiesAreQuickOnEnvoy(t *testing.T) {
	f := startUpstreams(t, func(r *contourv1.Route) {
		r.CookieRewritePolicies = []contourv1.CookieRewritePolicy{{Name: "a", Secure: new(true)}}
	})
	k := f.connect("host-0.example.com", false, false)
	defer k.CloseIdleConnections()
	spaces := strings.Repeat(" ", 25_000)
	for cookie, want := range map[string]string{
		"a=1; x" + spaces + "y": "a=1; x" + spaces + "y; Secure",
		"a=1" + spaces + "; x":  "a=1" + spaces + "; x; Secure",
		"a" + spaces + "=1":     "a" + spaces + "=1; Secure",
		"a" + spaces + "b":      "a" + spaces + "b",
		"a=1;" + spaces + "; x": "a=1; ; x; Secure",
	} {
		began := time.Now()
		got := k.get(t, "/api", http.Header{semantic.SetCookieHeader: {cookie}}).Header.Get("Set-Cookie")
		d := time.Since(began)
		if got != want {
			t.Errorf("%.8q becomes %.8q...%q", cookie, got, got[max(0, len(got)-20):])
		}
		if d > time.Second {
			t.Errorf("%.8q takes %s", cookie, d)
		}
	}
}

// authorities is the Secret with the authority of the certificates of backends.
func authorities(t *testing.T) *corev1.Secret {
	t.Helper()
	return &corev1.Secret{ObjectMeta: meta("authorities"), Data: map[string][]byte{"ca.crt": must(os.ReadFile("testdata/authority.pem"))(t)}}
}

// startUpstreams starts an Envoy with an HTTP and an HTTPS host, whose routes are edited.
func startUpstreams(t *testing.T, edit func(*contourv1.Route), configure ...func(*config.Config)) *fleet {
	t.Helper()
	f := startFleet(t, configure...)
	f.sys.Step(append(change(authorities(t)), change(secret(t, "team", "cert-1"))...))
	for i := range 2 {
		of, at := service(i), slice(i, "127.0.0.1")
		of.Spec.Ports = append(of.Spec.Ports, corev1.ServicePort{Name: "health", Port: 81})
		at.Ports = append(at.Ports, discoveryv1.EndpointPort{Name: new("health"), Port: new(int32(8081)), Protocol: new(corev1.ProtocolTCP)})
		f.sys.Step(append(change(of), change(f.local(t, at))...))
	}
	f.editRoutes(t, edit)
	return f
}

func (f *fleet) editRoutes(t *testing.T, edit func(*contourv1.Route)) {
	t.Helper()
	for _, p := range []*contourv1.HTTPProxy{proxy(0), tlsProxy(1)} {
		for i := range p.Spec.Routes {
			p.Spec.Routes[i].Services = slices.Clone(p.Spec.Routes[i].Services)
			edit(&p.Spec.Routes[i])
		}
		f.sys.Step(change(p))
	}
	f.waitIdle(t)
}

// get returns the response to a request with the headers, without its body.
func (k *keptConnection) get(t *testing.T, path string, header http.Header) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, k.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	k.expect(t, "before", "/", http.StatusOK)
	response, err := k.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s: %v", k.name, err)
	}
	response.Body.Close()
	return response
}

// Under a steady load each setting of the services of a route is added, changed and removed: no request fails.
func TestEditsOfUpstreamsLoseNoRequestsOnEnvoy(t *testing.T) {
	f := startUpstreams(t, func(*contourv1.Route) {})
	clients := []*keptConnection{f.connect("host-0.example.com", false, false), f.connect("tls-1.example.com", true, true)}
	for _, k := range clients {
		k.expect(t, "before", "/", 200)
	}
	load := startLoad(t, clients)
	for _, e := range upstreamEdits() {
		before := load.sent.Load()
		f.editRoutes(t, e.edit)
		if !eventually(func() bool { return load.sent.Load() > before+100 }) {
			t.Fatalf("%s: the load stands still", e.name)
		}
		if n := load.failed.Swap(0); n > 0 {
			t.Errorf("%s: %d of %d requests failed", e.name, n, load.sent.Load()-before)
		}
	}
	load.stop()
	t.Logf("%d requests", load.sent.Load())
	for _, k := range clients {
		if n := k.opened.Load(); n != 1 {
			t.Errorf("%s: %d connections, want 1", k.name, n)
		}
		k.CloseIdleConnections()
	}
}

// steadyLoad sends requests one after the other on each of several connections.
type steadyLoad struct {
	sent, failed atomic.Int64
	stopped      chan struct{}
	running      sync.WaitGroup
}

func startLoad(t *testing.T, clients []*keptConnection) *steadyLoad {
	t.Helper()
	l := &steadyLoad{stopped: make(chan struct{})}
	for _, k := range clients {
		l.running.Go(func() {
			for {
				select {
				case <-l.stopped:
					return
				case <-time.After(time.Millisecond):
				}
				if k.status(t, "/api") != 200 {
					l.failed.Add(1)
				}
				l.sent.Add(1)
			}
		})
	}
	return l
}

func (l *steadyLoad) stop() {
	close(l.stopped)
	l.running.Wait()
}

// The first health check of a backend that does not answer takes as long as its timeout. Hosts in other route tables do not
// wait for it, and those in the same table for a bounded time.
func TestHealthCheckOfASilentBackendHoldsUpNoOthersOnEnvoy(t *testing.T) {
	f := startFleet(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections by its backlog, and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	f.sys.Step(append(append(change(service(0)), change(service(1))...), change(secret(t, "team", "cert-1"))...))
	dead := slice(0, "127.0.0.1")
	dead.Ports[0].Port = new(int32(silent.Addr().(*net.TCPAddr).Port))
	f.sys.Step(append(change(dead), change(f.local(t, slice(1, "127.0.0.1")))...))
	f.sys.Step(append(append(change(proxy(0)), change(proxy(1))...), change(tlsProxy(1))...))
	f.waitIdle(t)
	secure, plain := f.connect("tls-1.example.com", true, false), f.connect("host-1.example.com", false, false)
	secure.expect(t, "before", "/", 200)

	checked := proxy(0)
	checked.Spec.Routes[0].HealthCheckPolicy = &contourv1.HTTPHealthCheckPolicy{Path: "/", TimeoutSeconds: 8}
	f.sys.Step(change(checked))
	began := time.Now()
	random := &contourv1.LoadBalancerPolicy{Strategy: "Random"} // another cluster
	for _, p := range []*contourv1.HTTPProxy{proxy(1), tlsProxy(1)} {
		own := p.Spec.Routes[0]
		own.Conditions, own.LoadBalancerPolicy = []contourv1.MatchCondition{{Prefix: "/new"}}, random
		p.Spec.Routes = append(p.Spec.Routes, own)
		p.Spec.Routes[0] = contourv1.Route{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 418}}
		f.sys.Step(change(p))
	}
	secure.expect(t, "while the check waits", "/", 418)
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("an edit of another route table took %s", d)
	}
	secure.expect(t, "while the check waits", "/new", 200)
	plain.expect(t, "while the check waits", "/", 418)
	t.Logf("an edit in the same route table took %s", time.Since(began))
	if d := time.Since(began); d > 4*time.Second { // less than the wait for other clusters
		t.Errorf("an edit of the same route table took %s", d)
	}
	f.waitIdle(t)
}

// A connection to a backend that is idle for longer than the limit of its route is closed.
func TestIdleConnectionsToBackendsOnEnvoy(t *testing.T) {
	f := startFleet(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Peer", r.RemoteAddr) })}
	go func() { _ = backend.Serve(l) }()
	t.Cleanup(func() { _ = backend.Close() })
	s := slice(0, "127.0.0.1")
	s.Ports[0].Port = new(int32(l.Addr().(*net.TCPAddr).Port))
	p := proxy(0)
	p.Spec.Routes[1].TimeoutPolicy = &contourv1.TimeoutPolicy{IdleConnection: "100ms"}
	f.sys.Step(append(append(change(service(0)), change(s)...), change(p)...))
	f.waitIdle(t)
	at := f.config.Listeners.HTTP
	peer := func(path string) string {
		return send(fmt.Sprintf("%s:%d", at.Host, at.Port), semantic.Request{Host: "host-0.example.com", Path: path}, nil).header.Get("X-Peer")
	}
	for path, kept := range map[string]bool{"/": true, "/api": false} {
		if !eventually(func() bool { return peer(path) != "" }) {
			t.Fatalf("%s: the backend does not answer", path)
		}
		first := peer(path)
		time.Sleep(time.Second)
		if second := peer(path); second == "" || (first == second) != kept {
			t.Errorf("%s: connections %q and %q", path, first, second)
		}
	}
}
