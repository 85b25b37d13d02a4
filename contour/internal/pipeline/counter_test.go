package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// The sizes of the worlds in which work is counted: the size must not show in any count.
const (
	fewProxies   = 100
	manyProxies  = 25_000
	manyServices = manyProxies / 10
	tlsProxies   = 10
)

// Work is proportional to the change, not to the cluster (docs/architecture.md): counts, not clocks.
func TestWorkIsProportionalToTheChange(t *testing.T) {
	few, many := countWork(t, fewProxies), countWork(t, manyProxies)
	for name, w := range few {
		if many[name] != w {
			t.Errorf("%s: %+v among %d proxies, %+v among %d", name, w, fewProxies, many[name], manyProxies)
		}
	}
	if len(few) != len(many) || len(few) < 10 {
		t.Errorf("%d and %d kinds of change", len(few), len(many))
	}
}

// work is what a change brings about.
type work struct {
	derivations                uint64
	resources, hosts, statuses int
}

// countWork makes a change of each kind in a world with n proxies.
func countWork(t *testing.T, n int) map[string]work {
	sys := newSystem(t, config.Default())
	first := sys.Step(bigWorld(t, n))
	t.Logf("load of %d: %d derivations, %d resources", n, first.Derivations, first.Published)
	counts := map[string]work{}
	note := func(name string, r pipeline.Result, most work) {
		w := work{r.Derivations, r.Published, len(r.Hosts), len(r.Statuses)}
		t.Logf("%s among %d: %+v", name, n, w)
		if w.derivations > most.derivations || w.resources > most.resources || w.hosts != most.hosts || w.statuses != most.statuses {
			t.Errorf("%s among %d: %+v, want at most %+v", name, n, w, most)
		}
		counts[name] = w
	}
	routeChanges(t, sys, note)
	referenceChanges(t, sys, note)
	for name, o := range unrelated(t) {
		note(name, sys.Step(change(o)), work{})
	}
	countAllocations(t, sys, n)
	return counts
}

// countAllocations bounds what an edit of a route costs the garbage collector.
func countAllocations(t *testing.T, sys *system, n int) {
	t.Helper()
	const most = 600
	e := editor{n: n}
	sys.Step(change(e.next()))
	if got := testing.AllocsPerRun(50, func() { sys.Step(change(e.next())) }); got > most {
		t.Errorf("%.0f allocations for an edit among %d, want at most %d", got, n, most)
	}
}

// noting takes note of the work of one kind of change, with what it may be at most; hosts and statuses are exact.
type noting func(name string, r pipeline.Result, most work)

// routeChanges changes, adds and removes HTTPProxies.
func routeChanges(t *testing.T, sys *system, note noting) {
	t.Helper()
	p := proxy(7)
	p.Spec.Routes[1].Conditions[0].Prefix = "/changed"
	p.Generation++
	note("a changed route", sys.Step(change(p)), work{8, 1, 1, 1})

	p = proxy(8)
	p.Spec.Routes[0].Services[0].Name = "service-9"
	note("a route to another existing Service", sys.Step(change(p)), work{8, 1, 1, 0})

	p = proxy(9)
	p.Name, p.Spec.VirtualHost.Fqdn = "added", "added.example.com"
	note("one more host", sys.Step(change(p)), work{9, 2, 1, 1}) // its scope, its route table
	note("one host fewer", sys.Step(gone(p)), work{5, 2, 1, 1})
	note("one more TLS host", sys.Step(change(tlsProxy(tlsProxies))), work{17, 4, 2, 1}) // its routes, the redirects and their scope, the listener
}

// referenceChanges changes what HTTPProxies refer to.
func referenceChanges(t *testing.T, sys *system, note noting) {
	t.Helper()
	note("an endpoint", sys.Step(change(slice(3, "10.9.9.9"))), work{1, 1, 0, 0})
	note("a rotated certificate", sys.Step(change(secret(t, "team", "cert-1"))), work{4, 1, 0, 0})

	p := proxy(20)
	p.Spec.Routes[0].Services[0].Name = "late"
	sys.Step(change(p))
	s := service(0)
	s.Name = "late"
	note("a Service that a route waited for", sys.Step(change(s)), work{12, 3, 1, 1})
}

// A Service that several routes waited for costs the hosts of these routes, and the route tables that they are in.
func TestServiceThatThreeRoutesWaitedFor(t *testing.T) {
	sys := newSystem(t, config.Default())
	sys.Step(bigWorld(t, 1000))
	for i := range 3 {
		p := proxy(20 + i)
		p.Spec.Routes[0].Services[0].Name = "late"
		sys.Step(change(p))
	}
	s := service(0)
	s.Name = "late"
	r := sys.Step(change(s))
	within(t, r, 30, 5)
	if len(r.Hosts) != 3 || len(r.Statuses) != 3 {
		t.Errorf("%d hosts and %d statuses changed", len(r.Hosts), len(r.Statuses))
	}
}

// unrelated is objects that differ from those known in what nobody reads.
func unrelated(t *testing.T) map[string]metav1.Object {
	t.Helper()
	annotated := proxy(5)
	annotated.Annotations = map[string]string{"example.com/owner": "someone else"}
	annotated.Labels = map[string]string{"a": "b"}
	annotated.ResourceVersion = "17"
	told := proxy(6)
	told.Status.CurrentStatus = "valid"
	labelled := service(4)
	labelled.Labels = map[string]string{"a": "b"}
	elsewhere := slice(3, "10.1.1.1")
	elsewhere.Namespace = "elsewhere"
	return map[string]metav1.Object{
		"annotation and labels": annotated, "status": told, "labels of a Service": labelled,
		"Secret of another namespace": secret(t, "elsewhere", "cert-1"), "slice of an unknown Service": elsewhere,
	}
}

// A controller that starts again with the same objects, in another order, makes the same versions:
// an Envoy that has them is sent nothing.
func TestRestartChangesNothing(t *testing.T) {
	world := bigWorld(t, 10_000)
	a, b := newSystem(t, config.Default()), newSystem(t, config.Default())
	a.Step(world)
	slices.Reverse(world)
	b.Step(world[:len(world)/2])
	b.Step(world[len(world)/2:])
	for _, v := range a.table.All() {
		w := b.table.Get(v.Ref)
		if w == nil || w.Hash != v.Hash {
			t.Errorf("%s has another version", v.Ref)
		}
	}
	if x, y := len(a.table.All()), len(b.table.All()); x != y || x < 2*1000 {
		t.Errorf("%d and %d resources", x, y)
	}
}

func within(t *testing.T, r pipeline.Result, derivations uint64, published int) {
	t.Helper()
	t.Logf("%d derivations, %d resources", r.Derivations, r.Published)
	if r.Derivations == 0 || r.Derivations > derivations {
		t.Errorf("%d derivations, want 1 to %d", r.Derivations, derivations)
	}
	if r.Published == 0 || r.Published > published {
		t.Errorf("%d resources, want 1 to %d", r.Published, published)
	}
}

func change(o metav1.Object) []store.Change {
	return []store.Change{{Key: kobj.Of(kindOf(o), o.GetNamespace(), o.GetName()), Object: o}}
}

func gone(o metav1.Object) []store.Change {
	return []store.Change{{Key: kobj.Of(kindOf(o), o.GetNamespace(), o.GetName())}}
}

func kindOf(o metav1.Object) kobj.Kind {
	switch o.(type) {
	case *contourv1.HTTPProxy:
		return kobj.HTTPProxy
	case *networkingv1.Ingress:
		return kobj.Ingress
	case *corev1.Service:
		return kobj.Service
	case *corev1.Secret:
		return kobj.Secret
	case *discoveryv1.EndpointSlice:
		return kobj.EndpointSlice
	}
	panic(fmt.Sprintf("kind of %T", o))
}

// bigWorld is n HTTPProxies, and some more with TLS, with their Services, endpoints and certificate.
func bigWorld(tb testing.TB, n int) []store.Change {
	tb.Helper()
	var world []store.Change
	for i := range n {
		world = append(world, change(proxy(i))...)
	}
	for i := range min(n, manyServices) {
		world = append(world, change(service(i))...)
		world = append(world, change(slice(i, "10.0.0.1"))...)
	}
	for i := range tlsProxies {
		world = append(world, change(tlsProxy(i))...)
	}
	return append(world, change(secret(tb, "team", "cert-1"))...)
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "team", Name: name, Generation: 1, CreationTimestamp: metav1.NewTime(stagetest.Now())}
}

func proxy(i int) *contourv1.HTTPProxy {
	p := &contourv1.HTTPProxy{ObjectMeta: meta(fmt.Sprintf("proxy-%d", i))}
	p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: fmt.Sprintf("host-%d.example.com", i)}
	to := []contourv1.Service{{Name: fmt.Sprintf("service-%d", i%manyServices), Port: 80}}
	p.Spec.Routes = []contourv1.Route{
		{Services: to},
		{Conditions: []contourv1.MatchCondition{{Prefix: "/api"}}, Services: to},
	}
	return p
}

func tlsProxy(i int) *contourv1.HTTPProxy {
	p := proxy(i)
	p.Name = fmt.Sprintf("tls-%d", i)
	p.Spec.VirtualHost = &contourv1.VirtualHost{Fqdn: fmt.Sprintf("tls-%d.example.com", i), TLS: &contourv1.TLS{SecretName: "cert-1"}}
	return p
}

func service(i int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: meta(fmt.Sprintf("service-%d", i)),
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

func slice(i int, address string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: meta(fmt.Sprintf("slice-%d", i)), AddressType: discoveryv1.AddressTypeIPv4}
	s.Labels = map[string]string{discoveryv1.LabelServiceName: fmt.Sprintf("service-%d", i)}
	s.Ports = []discoveryv1.EndpointPort{{Name: new(""), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}}
	s.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{address}}}
	return s
}

func secret(t testing.TB, namespace, name string) *corev1.Secret {
	t.Helper()
	pair, err := stagetest.NewPair("tls.example.com", stagetest.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	s := &corev1.Secret{ObjectMeta: meta(name), Type: corev1.SecretTypeTLS}
	s.Namespace = namespace
	s.Data = map[string][]byte{corev1.TLSCertKey: pair.Certificate, corev1.TLSPrivateKeyKey: pair.Key}
	return s
}
