//go:build local

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

const (
	// switches is how often the route changes to a new Service.
	switches = 50
	// rate is the requests a second during the switches.
	rate = 1000
	// seen bounds the wait until requests observe a change.
	seen = 20 * time.Second
)

// Under a steady load the route is changed to a new Service and the old one deleted, repeatedly: no request may fail.
func TestSwitchingServicesLosesNothing(t *testing.T) {
	// Not parallel: the load uses the whole machine.
	m := &mover{t: t, host: "hitless.example"}
	var err error
	if m.namespace, err = shared.Kube.CreateNamespace(t.Context(), "hitless"); err != nil {
		t.Fatal(err)
	}
	old := m.service(0)
	m.route(old)
	l := load.Start(t.Context(), load.Options{
		Client: shared.Traffic, Request: traffic.Request{Host: m.host}, Rate: rate,
		Check: func(a traffic.Answer) string {
			if a.Status != 200 {
				return fmt.Sprintf("status %d", a.Status)
			}
			return ""
		},
	})
	for i := range switches {
		next := m.service(i + 1)
		m.route(next)
		m.remove(old)
		old = next
	}
	report := l.Stop()
	m.remove(old)
	t.Log(report)
	// Requests that a busy machine could not send are no failure of the proxy, as long as there is a load.
	if report.Failed() > 0 || report.Sent < 1000 {
		t.Errorf("%d of %d requests failed, want none of 1000 or more", report.Failed(), report.Sent)
	}
	if len(report.Backends) != switches+1 {
		t.Errorf("%d backends answered, want all %d", len(report.Backends), switches+1)
	}
}

// mover changes the Service of one host.
type mover struct {
	t               *testing.T
	host, namespace string
}

// service starts a backend and creates its Service.
func (m *mover) service(i int) backend.ServiceSpec {
	m.t.Helper()
	ip, err := shared.Addresses.IP()
	if err != nil {
		m.t.Fatal(err)
	}
	name := fmt.Sprintf("shop-%d", i)
	server, err := backend.HTTP(backend.Options{Service: name, Listen: netip.AddrPortFrom(ip, 0)})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = server.Close() })
	s := backend.ServiceSpec{Namespace: m.namespace, Name: name, Port: 80, Servers: []*backend.Server{server}}
	objects, err := s.Objects()
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := shared.Kube.Apply(m.t.Context(), "", objects...); err != nil {
		m.t.Fatal(err)
	}
	return s
}

// route routes the host to the Service and returns when a request observes it.
func (m *mover) route(s backend.ServiceSpec) {
	m.t.Helper()
	_, err := shared.Kube.ApplyYAML(m.t.Context(), m.namespace, fmt.Sprintf(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  virtualhost: {fqdn: %s}
  routes: [{services: [{name: %s, port: 80}]}]
`, m.host, s.Name))
	if err != nil {
		m.t.Fatal(err)
	}
	_, err = shared.Traffic.Until(m.t.Context(), seen, traffic.Request{Host: m.host}, func(a traffic.Answer) string {
		if a.Backend() != s.Name {
			return a.String()
		}
		return ""
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// remove deletes the Service with its endpoints, and stops the backend as a pod terminates: requests in flight are answered.
func (m *mover) remove(s backend.ServiceSpec) {
	m.t.Helper()
	objects, err := s.Objects()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, o := range objects {
		if err := shared.Kube.Delete(m.t.Context(), kube.RefTo(o)); err != nil {
			m.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), seen)
	defer cancel()
	for _, server := range s.Servers {
		if err := server.Shutdown(ctx); err != nil {
			m.t.Error(err)
		}
	}
}
