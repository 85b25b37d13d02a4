package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/translate"
)

// The numbers of objects with which work is counted: the counts must not depend on them.
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

// work is the work that a change causes.
type work struct {
	derivations                uint64
	resources, hosts, statuses int
}

// countWork makes a change of each kind with n proxies.
func countWork(t *testing.T, n int) map[string]work {
	sys := newSystem(t, config.Default())
	first := sys.Step(manyObjects(t, n))
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

// countAllocations limits the allocations of an edit of a route.
func countAllocations(t *testing.T, sys *system, n int) {
	t.Helper()
	const most = 600
	e := editor{n: n}
	sys.Step(change(e.next()))
	if got := testing.AllocsPerRun(50, func() { sys.Step(change(e.next())) }); got > most {
		t.Errorf("%.0f allocations for an edit among %d, want at most %d", got, n, most)
	}
}

// noting records the work of one kind of change, and compares it with the maximum; hosts and statuses are exact.
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
	note("an added host", sys.Step(change(p)), work{9, 2, 1, 1}) // its scope, its route table
	note("a removed host", sys.Step(deletion(p)), work{5, 2, 1, 1})
	note("an added TLS host", sys.Step(change(tlsProxy(tlsProxies))), work{17, 6, 2, 1}) // its routes and their two scopes, the redirects and their scope, the listener
}

// referenceChanges changes objects to which HTTPProxies refer.
func referenceChanges(t *testing.T, sys *system, note noting) {
	t.Helper()
	note("an endpoint", sys.Step(change(slice(3, "10.9.9.9"))), work{1, 1, 0, 0})
	note("a rotated certificate", sys.Step(change(secret(t, "team", "cert-1"))), work{4, 1, 0, 0})

	p := proxy(20)
	p.Spec.Routes[0].Services[0].Name = "late"
	sys.Step(change(p))
	s := service(0)
	s.Name = "late"
	note("a Service that a route refers to already", sys.Step(change(s)), work{12, 3, 1, 1})
}

// A new Service to which several routes refer already changes the hosts of these routes and their route tables.
func TestNewServiceOfThreeRoutes(t *testing.T) {
	sys := newSystem(t, config.Default())
	sys.Step(manyObjects(t, 1000))
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

// unrelated returns objects with changes that no derivation reads.
func unrelated(t *testing.T) map[string]metav1.Object {
	t.Helper()
	annotated := proxy(5)
	annotated.Annotations = map[string]string{"example.com/owner": "someone else"}
	annotated.Labels = map[string]string{"a": "b"}
	annotated.ResourceVersion = "17"
	withStatus := proxy(6)
	withStatus.Status.CurrentStatus = "valid"
	labelled := service(4)
	labelled.Labels = map[string]string{"a": "b"}
	elsewhere := slice(3, "10.1.1.1")
	elsewhere.Namespace = "elsewhere"
	return map[string]metav1.Object{
		"annotation and labels": annotated, "status": withStatus, "labels of a Service": labelled,
		"Secret of another namespace": secret(t, "elsewhere", "cert-1"), "slice of an unknown Service": elsewhere,
	}
}

// A restarted controller with the same objects, in another order, creates the same versions, so that it sends nothing to an
// Envoy that has them.
func TestRestartChangesNothing(t *testing.T) {
	objects := manyObjects(t, 10_000)
	a, b := newSystem(t, config.Default()), newSystem(t, config.Default())
	a.Step(objects)
	slices.Reverse(objects)
	b.Step(objects[:len(objects)/2])
	b.Step(objects[len(objects)/2:])
	sameVersions(t, a, b)
	if n := len(a.table.All()); n < 2*1000 {
		t.Errorf("%d resources", n)
	}
}

// The number of route tables depends on the hosts that there were. A restarted controller resumes it, for as long as the former one would
// have kept it.
func TestRestartKeepsShards(t *testing.T) {
	a := newSystem(t, config.Default())
	objects := manyObjects(t, 1000)
	shardings := a.Step(objects).Shardings
	if got := shardings[classic.HTTP()]; got.Shards != 16 || !got.Fewer.IsZero() {
		t.Errorf("1,000 hosts: %+v", got)
	}
	if r := a.Step(change(proxy(1000))); r.Shardings != nil {
		t.Errorf("one more host: %v", r.Shardings)
	}
	var deleted []store.Change
	for i := 90; i <= 1000; i++ {
		deleted = append(deleted, deletion(proxy(i))...)
	}
	a.passed = time.Hour
	shardings = a.Step(deleted).Shardings
	if got := shardings[classic.HTTP()]; got.Shards != 16 || !got.Fewer.Equal(stagetest.Now().Add(time.Hour)) {
		t.Errorf("90 hosts: %+v", got)
	}
	remaining := slices.DeleteFunc(objects, func(c store.Change) bool {
		return slices.ContainsFunc(deleted, func(d store.Change) bool { return d.Key == c.Key })
	})
	for _, step := range []struct {
		after  time.Duration
		former map[ir.ListenerKey]translate.Sharding
		shards int
	}{{5 * time.Minute, shardings, 16}, {5 * time.Minute, nil, 1}, {15 * time.Minute, shardings, 1}} {
		b := newSystem(t, config.Default())
		b.passed = time.Hour + step.after
		b.Translate.ResumeShardings(step.former)
		r := b.Step(remaining)
		if got := b.Translate.Shards(classic.HTTP()); got != step.shards {
			t.Errorf("after %s: %d shards, want %d", step.after, got, step.shards)
		}
		if r.Shardings == nil {
			t.Error("the first result does not say how listeners are sharded")
		}
		if step.shards == 16 {
			sameVersions(t, a, b)
		}
	}
}

// sameVersions requires that both publish the same.
func sameVersions(t *testing.T, a, b *system) {
	t.Helper()
	for _, v := range a.table.All() {
		w := b.table.Get(v.Ref)
		if w == nil || w.Hash != v.Hash {
			t.Errorf("%s has another version", v.Ref)
		}
	}
	if x, y := len(a.table.All()), len(b.table.All()); x != y || x == 0 {
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

func deletion(o metav1.Object) []store.Change {
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
	case *contourv1alpha1.ExtensionService:
		return kobj.ExtensionService
	}
	panic(fmt.Sprintf("kind of %T", o))
}

// manyObjects returns n HTTPProxies, and some with TLS, with their Services, endpoints and certificate.
func manyObjects(tb testing.TB, n int) []store.Change {
	tb.Helper()
	var objects []store.Change
	for i := range n {
		objects = append(objects, change(proxy(i))...)
	}
	for i := range min(n, manyServices) {
		objects = append(objects, change(service(i))...)
		objects = append(objects, change(slice(i, "10.0.0.1"))...)
	}
	for i := range tlsProxies {
		objects = append(objects, change(tlsProxy(i))...)
	}
	return append(objects, change(secret(tb, "team", "cert-1"))...)
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
