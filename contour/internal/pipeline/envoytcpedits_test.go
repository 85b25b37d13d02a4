//go:build envoy

package pipeline_test

import (
	"net/http"
	"testing"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
)

func tcpEdits() map[string]func(*contourv1.TCPProxy) {
	return map[string]func(*contourv1.TCPProxy){
		"weights": func(p *contourv1.TCPProxy) {
			p.Services = []contourv1.Service{{Name: "service-0", Port: 80, Weight: 30}, {Name: "service-1", Port: 80, Weight: 70}}
		},
		"a strategy": func(p *contourv1.TCPProxy) { p.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: "Random"} },
		"a check": func(p *contourv1.TCPProxy) {
			p.HealthCheckPolicy = &contourv1.TCPHealthCheckPolicy{TimeoutSeconds: 1, IntervalSeconds: 2, HealthyThresholdCount: 1, UnhealthyThresholdCount: 4}
		},
		"an inclusion": func(p *contourv1.TCPProxy) {
			p.Services, p.Include = nil, &contourv1.TCPProxyInclude{Name: "included", Namespace: "team"}
		},
		"an inclusion by its former name": func(p *contourv1.TCPProxy) {
			p.Services, p.IncludesDeprecated = nil, &contourv1.TCPProxyInclude{Name: "included"}
		},
	}
}

// An edit of a tcpproxy drains the connections of its host, which end with the drain time, and those of no other host; until then
// they go on, and new connections are served at once.
func TestEditsOfTCPProxiesDrainTheirHostOnEnvoy(t *testing.T) {
	const drain = 2 * time.Second
	f := startFleet(t, func(c *config.Config) { c.XDS.DrainTime = drain })
	f.sys.Step(append(append(change(service(0)), change(service(1))...), change(secret(t, "team", "cert-1"))...))
	for i := range 2 {
		f.sys.Step(change(f.local(t, slice(i, "127.0.0.1"))))
	}
	apply := func(i int, edit func(*contourv1.TCPProxy)) {
		p := tlsProxy(i)
		p.Spec.TCPProxy = &contourv1.TCPProxy{Services: p.Spec.Routes[0].Services}
		p.Spec.Routes = nil
		edit(p.Spec.TCPProxy)
		f.sys.Step(change(p))
		f.waitIdle(t)
	}
	included := &contourv1.HTTPProxy{ObjectMeta: meta("included")}
	included.Spec.TCPProxy = &contourv1.TCPProxy{Services: []contourv1.Service{{Name: "service-1", Port: 80}}}
	f.sys.Step(change(included))
	for i := range 2 {
		apply(i, func(*contourv1.TCPProxy) {})
	}
	other := f.connect("tls-1.example.com", true, false)
	defer other.CloseIdleConnections()
	other.expect(t, "before", "/", http.StatusOK)
	for name, edit := range tcpEdits() {
		edited := f.connect("tls-0.example.com", true, false)
		edited.expect(t, name, "/", http.StatusOK)
		apply(0, edit)
		if s := edited.status(t, "/"); s != http.StatusOK || edited.opened.Load() != 1 {
			t.Errorf("%s: status %d, %d connections", name, s, edited.opened.Load())
		}
		fresh := f.connect("tls-0.example.com", true, false)
		fresh.expect(t, name, "/", http.StatusOK)
		if !eventually(func() bool { return edited.status(t, "/") == http.StatusOK && edited.opened.Load() > 1 }) {
			t.Errorf("%s: the connection outlives the drain time; the documentation says otherwise", name)
		}
		apply(0, func(*contourv1.TCPProxy) {})
		fresh.CloseIdleConnections()
		edited.CloseIdleConnections()
	}
	other.expect(t, "after", "/", http.StatusOK)
	if n := other.opened.Load(); n != 1 {
		t.Errorf("the other host: %d connections, want 1", n)
	}
}
