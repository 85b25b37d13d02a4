package pipeline_test

import (
	"context"
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

// longest is how long an edit may wait for endpoints that do not come.
const longest = 150 * time.Millisecond

// running is a pipeline that runs, with three proxies, three Services and their endpoints.
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
	var world []store.Change
	for i := range 3 {
		world = slices.Concat(world, change(proxy(i)), change(service(i)), change(slice(i, "10.0.0.1")))
	}
	r.send(world, "host-0.example.com", "host-1.example.com", "host-2.example.com")
	return r
}

// send sends a batch, of which at once all that follows is that these hosts change.
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
		r.t.Fatal("no result came")
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

// quiet checks that nothing comes any more.
func (r *running) quiet() {
	r.t.Helper()
	select {
	case result := <-r.results:
		r.t.Errorf("%d hosts changed later", len(result.Hosts))
	case <-time.After(10 * longest):
	}
}

// leading is a proxy whose second route leads to another Service.
func leading(i int, to string) *contourv1.HTTPProxy {
	p := proxy(i)
	p.Spec.Routes[1].Services = []contourv1.Service{{Name: to, Port: 80}}
	return p
}

func TestAnEditWaitsForTheEndpointsThatItLeadsTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		batch := slices.Concat(change(leading(0, "service-7")), change(leading(1, "service-2")))
		r.send(batch, "host-1.example.com") // only the one waits
		r.send(change(service(7)))
		r.send(change(slice(7, "10.0.0.7")), "host-0.example.com")
		r.quiet()
		r.send(slices.Concat(change(leading(1, "service-8")), change(slice(8, "10.0.0.8")), change(service(8))), "host-1.example.com")
		r.quiet()
	})
}

func TestAnEditWaitsNotLongForEndpointsThatDoNotCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		for range 3 {
			start := time.Now()
			r.send(change(leading(0, "service-7")))
			time.Sleep(longest * 3 / 5)
			second := time.Now()
			r.send(change(leading(2, "service-7")))
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
		r.quiet()
	})
}

func TestOnlyEditsWaitAndTheNewestCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		fresh := leading(5, "service-7")
		r.send(change(fresh), "host-5.example.com") // what is new
		r.send(change(leading(5, "service-7")))     // led there before
		r.send(change(leading(0, "service-8")))
		r.send(change(leading(0, "service-1")), "host-0.example.com") // the newest leads to what is there
		r.send(change(leading(0, "service-8")))
		r.send(gone(proxy(0)), "host-0.example.com") // it is gone, and does not come back
		r.quiet()
	})
}

func TestAnEditedIngressWaitsToo(t *testing.T) {
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
			r.send(change(ingress("service-0", "service-1"))) // as it was
		}
		r.quiet()
	})
}

func TestAnEditWaitsForTheSecretAndTheChildThatItNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		secured := proxy(0)
		secured.Spec.VirtualHost.TLS = &contourv1.TLS{SecretName: "web"}
		r.send(change(secured))
		r.send(change(secret(t, "team", "web")), "host-0.example.com", "host-0.example.com") // that of plain HTTP as well

		child := proxy(7)
		child.Spec.VirtualHost = nil
		parent := proxy(1)
		parent.Spec.Includes = []contourv1.Include{{Name: child.Name, Conditions: []contourv1.MatchCondition{{Prefix: "/child"}}}}
		child.Spec.Routes[0].Services[0].Name = "service-8"
		r.send(change(parent))
		r.send(change(child)) // leads nowhere yet
		r.send(slices.Concat(change(service(8)), change(slice(8, "10.0.0.8"))), "host-1.example.com")
		r.quiet()
	})
}

func TestAnEditWaitsForTheDelegationOfTheSecretThatItNames(t *testing.T) {
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
		r.send(delegation("ours", "team"), "host-0.example.com", "host-0.example.com")
		r.quiet()

		// What was not permitted before does not wait again.
		r.send([]store.Change{{Key: kobj.Of(kobj.TLSCertificateDelegation, "certs", "ours")}}, "host-0.example.com")
		edited := proxy(0)
		edited.Spec.VirtualHost.TLS = secured.Spec.VirtualHost.TLS
		edited.Spec.Routes[1].Services = []contourv1.Service{{Name: "service-1", Port: 80}}
		r.send(change(edited)) // applied at once, or quiet would see it later
		r.quiet()
	})
}
