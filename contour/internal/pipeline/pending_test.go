package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/store"
)

// longest is the longest time that an edit waits.
const longest = 150 * time.Millisecond

// running is a running pipeline with three proxies, three Services and their endpoints.
type running struct {
	t       *testing.T
	batches chan []store.Change
	results chan pipeline.Result
}

func run(t *testing.T) *running {
	t.Helper()
	sys := newSystem(t, config.Default())
	r := &running{t: t, batches: make(chan []store.Change), results: make(chan pipeline.Result)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sys.Run(ctx, r.batches, nil, func(result pipeline.Result) {
			select {
			case r.results <- result:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	var objects []store.Change
	for i := range 3 {
		objects = slices.Concat(objects, change(proxy(i)), change(service(i)), change(slice(i, "10.0.0.1")))
	}
	r.send(objects, "host-0.example.com", "host-1.example.com", "host-2.example.com")
	return r
}

// send sends a batch and checks that it changes exactly these hosts at once.
func (r *running) send(batch []store.Change, hosts ...string) {
	r.t.Helper()
	start := time.Now()
	r.batches <- batch
	r.expect(hosts...)
	if took := time.Since(start); took > 0 {
		r.t.Errorf("took %s", took)
	}
}

// expect waits for the next result.
func (r *running) expect(hosts ...string) {
	r.t.Helper()
	var result pipeline.Result
	select {
	case result = <-r.results:
	case <-time.After(10 * longest):
		r.t.Fatal("timeout waiting for a result")
	}
	got := []string{}
	for _, c := range result.Hosts {
		got = append(got, c.Key.Hostname)
	}
	slices.Sort(got)
	if !slices.Equal(got, hosts) {
		r.t.Errorf("hosts %q changed, want %q", got, hosts)
	}
}

// expectNothing checks that there is no further result.
func (r *running) expectNothing() {
	r.t.Helper()
	select {
	case result := <-r.results:
		r.t.Errorf("%d hosts changed later", len(result.Hosts))
	case <-time.After(10 * longest):
	}
}

// proxyTo returns a proxy whose second route has another Service.
func proxyTo(i int, to string) *contourv1.HTTPProxy {
	p := proxy(i)
	p.Spec.Routes[1].Services = []contourv1.Service{{Name: to, Port: 80}}
	return p
}

func TestEditWaitsForEndpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		batch := slices.Concat(change(proxyTo(0, "service-7")), change(proxyTo(1, "service-2")))
		r.send(batch, "host-1.example.com") // only the first edit waits
		r.send(change(service(7)))
		r.send(change(slice(7, "10.0.0.7")), "host-0.example.com")
		r.expectNothing()
		r.send(slices.Concat(change(proxyTo(1, "service-8")), change(slice(8, "10.0.0.8")), change(service(8))), "host-1.example.com")
		r.expectNothing()
	})
}

func TestEditWaitsForALimitedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		for range 3 {
			start := time.Now()
			r.send(change(proxyTo(0, "service-7")))
			time.Sleep(longest * 3 / 5)
			second := time.Now()
			r.send(change(proxyTo(2, "service-7")))
			r.expect("host-0.example.com")
			first := time.Since(start)
			r.expect("host-2.example.com")
			for _, took := range []time.Duration{first, time.Since(second)} {
				if took < longest/2 || took > longest {
					t.Errorf("waited %s", took)
				}
			}
			r.send(slices.Concat(change(proxy(0)), change(proxy(2))), "host-0.example.com", "host-2.example.com")
		}
		r.expectNothing()
	})
}

func TestOnlyEditsWaitAndTheNewestIsApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		fresh := proxyTo(5, "service-7")
		r.send(change(fresh), "host-5.example.com") // a new object does not wait
		r.send(change(proxyTo(5, "service-7")))     // the Service was referenced before
		r.send(change(proxyTo(0, "service-8")))
		r.send(change(proxyTo(0, "service-1")), "host-0.example.com") // the Service exists
		r.send(change(proxyTo(0, "service-8")))
		r.send(deletion(proxy(0)), "host-0.example.com") // the edit is dropped
		r.expectNothing()
	})
}

func TestEditOfIngressWaits(t *testing.T) {
	t.Parallel()
	ingress := func(def, path string) *networkingv1.Ingress {
		backend := func(name string) *networkingv1.IngressBackend {
			return &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}
		}
		i := &networkingv1.Ingress{ObjectMeta: meta("web")}
		i.Spec.DefaultBackend = backend(def)
		i.Spec.Rules = []networkingv1.IngressRule{{Host: "a.example.com"}, {Host: "b.example.com"}}
		i.Spec.Rules[1].HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
			Path: "/", PathType: new(networkingv1.PathTypePrefix), Backend: *backend(path),
		}}}
		return i
	}
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		r.batches <- change(ingress("service-0", "service-1"))
		if got := <-r.results; len(got.Hosts) == 0 {
			t.Fatal("the Ingress is not served")
		}
		for _, edited := range []*networkingv1.Ingress{ingress("service-7", "service-1"), ingress("service-0", "service-7")} {
			r.send(change(edited))
			r.send(change(ingress("service-0", "service-1"))) // the former state
		}
		r.expectNothing()
	})
}

func TestEditWaitsForSecretAndIncludedProxy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		secured := proxy(0)
		secured.Spec.VirtualHost.TLS = &contourv1.TLS{SecretName: "web"}
		r.send(change(secured))
		r.send(change(secret(t, "team", "web")), "host-0.example.com", "host-0.example.com") // the HTTP host and the TLS host

		child := proxy(7)
		child.Spec.VirtualHost = nil
		parent := proxy(1)
		parent.Spec.Includes = []contourv1.Include{{Name: child.Name, Conditions: []contourv1.MatchCondition{{Prefix: "/child"}}}}
		child.Spec.Routes[0].Services[0].Name = "service-8"
		r.send(change(parent))
		r.send(change(child)) // its Service does not exist yet
		r.send(slices.Concat(change(service(8)), change(slice(8, "10.0.0.8"))), "host-1.example.com")
		r.expectNothing()
	})
}

func TestEditWaitsForDelegationOfSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		secured := proxy(0)
		secured.Spec.VirtualHost.TLS = &contourv1.TLS{SecretName: "certs/web"}
		delegation := func(name string, targets ...string) []store.Change {
			d := &contourv1.TLSCertificateDelegation{ObjectMeta: meta(name)}
			d.Namespace = "certs"
			d.Spec.Delegations = []contourv1.CertificateDelegation{{SecretName: "web", TargetNamespaces: targets}}
			return []store.Change{{Key: kobj.Of(kobj.TLSCertificateDelegation, "certs", name), Object: d}}
		}
		r.send(change(secret(t, "certs", "web")))
		r.send(change(secured))
		r.send(delegation("other", "elsewhere"))
		r.send(delegation("own", "team"), "host-0.example.com", "host-0.example.com")
		r.expectNothing()

		// An edit does not wait for a reference that was not permitted before.
		r.send([]store.Change{{Key: kobj.Of(kobj.TLSCertificateDelegation, "certs", "own")}}, "host-0.example.com")
		edited := proxy(0)
		edited.Spec.VirtualHost.TLS = secured.Spec.VirtualHost.TLS
		edited.Spec.Routes[1].Services = []contourv1.Service{{Name: "service-1", Port: 80}}
		r.send(change(edited)) // applied at once, otherwise expectNothing fails
		r.expectNothing()
	})
}

// An edit with very many references does not wait: they would be looked up again with each change of any object.
func TestAnEditWithManyReferencesDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		p := proxy(0)
		for i := range 1001 {
			p.Spec.Routes[1].Services = append(p.Spec.Routes[1].Services, contourv1.Service{Name: fmt.Sprint("missing-", i), Port: 80})
		}
		p.Spec.Routes[1].Conditions[0].Prefix = "/other"
		r.send(change(p), "host-0.example.com")
		for i := range 1001 { // the same one many times is one reference
			p.Spec.Routes[1].Services[i].Name = "missing"
		}
		q := proxy(1)
		q.Spec = *p.Spec.DeepCopy()
		q.Spec.VirtualHost.Fqdn = "host-1.example.com"
		r.send(change(q))
		r.expect("host-1.example.com")
		r.expectNothing()
	})
}
