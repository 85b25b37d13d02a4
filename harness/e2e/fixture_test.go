//go:build local

package e2e

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// fixture is a namespace of a test, and what a test does in it; every failure ends the test.
type fixture struct {
	t         *testing.T
	s         *testsystem.System
	namespace string
}

func newFixture(t *testing.T, s *testsystem.System) *fixture {
	t.Helper()
	namespace, err := s.Kube.CreateNamespace(t.Context(), strings.ToLower(t.Name()))
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, s: s, namespace: namespace}
}

// apply applies manifests; they stay until the cluster ends, unless they are deleted.
func (f *fixture) apply(format string, args ...any) {
	f.t.Helper()
	if _, err := f.s.Kube.ApplyYAML(f.t.Context(), f.namespace, fmt.Sprintf(format, args...)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) applyObjects(objects ...*kube.Object) {
	f.t.Helper()
	if _, err := f.s.Kube.Apply(f.t.Context(), f.namespace, objects...); err != nil {
		f.t.Fatal(err)
	}
}

// server starts a backend without a Service.
func (f *fixture) server(service, instance string) *backend.Server {
	f.t.Helper()
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	server, err := backend.HTTP(backend.Options{Service: service, Instance: instance, Listen: netip.AddrPortFrom(ip, 0)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = server.Close() })
	return server
}

// service creates or updates a Service with the servers as endpoints on port 80.
func (f *fixture) service(name string, servers ...*backend.Server) {
	f.t.Helper()
	objects, err := backend.ServiceSpec{Namespace: f.namespace, Name: name, Port: 80, Servers: servers}.Objects()
	if err != nil {
		f.t.Fatal(err)
	}
	f.applyObjects(objects...)
}

// certificate creates or updates a Secret with a new certificate for the hosts, and returns the pair.
func (f *fixture) certificate(name string, hosts ...string) pki.Pair {
	f.t.Helper()
	pair, err := f.s.CA.Server(hosts...)
	if err != nil {
		f.t.Fatal(err)
	}
	secret, err := kube.TLSSecret(f.namespace, name, pair)
	if err != nil {
		f.t.Fatal(err)
	}
	f.applyObjects(secret)
	return pair
}

// until sends the request until check finds nothing wrong with its answer.
func (f *fixture) until(request traffic.Request, check func(traffic.Answer) string) traffic.Answer {
	f.t.Helper()
	a, err := f.s.Traffic.Until(f.t.Context(), seen, request, check)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// answered waits until the service answers the request.
func (f *fixture) answered(request traffic.Request, service string) {
	f.t.Helper()
	f.until(request, func(a traffic.Answer) string {
		if a.Backend() != service {
			return a.String()
		}
		return ""
	})
}

// status waits until the request gets an answer with the status code.
func (f *fixture) status(request traffic.Request, code int) {
	f.t.Helper()
	f.until(request, func(a traffic.Answer) string {
		if a.Status != code {
			return fmt.Sprintf("%s, want status %d", a, code)
		}
		return ""
	})
}

// sent is how many resources the controllers have sent and removed.
func (f *fixture) sent() int {
	f.t.Helper()
	sum := 0.0
	for _, c := range f.s.Controllers {
		m, err := c.Metrics(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		sum += m.Sum("contour_xds_resources_sent_total")
	}
	return int(sum)
}

// updates is Envoy's counts of accepted updates, and of changes of listeners and clusters, by name, without those whose name contains an excluded text.
func (f *fixture) updates(without string) map[string]int64 {
	f.t.Helper()
	const counters = `update_success$|^listener_manager\.listener_(added|modified|in_place_updated|removed)$|^cluster_manager\.cluster_(added|modified|removed)$`
	stats, err := f.s.Envoy.Stats(f.t.Context(), counters)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, name := range []string{"listener_manager.listener_added", "listener_manager.listener_modified", "listener_manager.lds.update_success", "cluster_manager.cds.update_success"} {
		if _, ok := stats[name]; !ok {
			f.t.Fatalf("Envoy does not count %s", name)
		}
	}
	maps.DeleteFunc(stats, func(name string, _ int64) bool { return without != "" && strings.HasPrefix(name, without) })
	return stats
}
