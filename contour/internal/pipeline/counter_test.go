package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// manyProxies is the size of the world in which work is counted: it must not show in any count.
const (
	manyProxies  = 10_000
	manyServices = manyProxies / 10
	tlsProxies   = 10
)

// Work is proportional to the change, not to the cluster (docs/architecture.md): counts, not clocks.
func TestWorkIsProportionalToTheChange(t *testing.T) {
	sys := newSystem(t, config.Default())
	world := bigWorld(t)
	first := sys.Step(world)
	t.Logf("load: %d derivations, %d resources", first.Derivations, first.Published)

	t.Run("one changed route", func(t *testing.T) {
		p := proxy(7)
		p.Spec.Routes[1].Conditions[0].Prefix = "/changed"
		p.Generation++
		within(t, sys.Step(change(p)), 20, 3)
	})
	t.Run("a route to another existing Service", func(t *testing.T) {
		p := proxy(8)
		p.Spec.Routes[0].Services[0].Name = "service-9"
		within(t, sys.Step(change(p)), 20, 3)
	})
	t.Run("an endpoint", func(t *testing.T) {
		exactly(t, sys.Step(change(slice(3, "10.9.9.9"))), 1, 1)
	})
	t.Run("a rotated certificate", func(t *testing.T) {
		r := sys.Step(change(secret(t, "team", "cert-1")))
		within(t, r, 20, 1)
		if r.Published != 1 || len(r.Hosts) != 0 || len(r.Statuses) != 0 {
			t.Errorf("%d resources, %d hosts, %d statuses", r.Published, len(r.Hosts), len(r.Statuses))
		}
	})
	t.Run("a Service that three routes waited for", func(t *testing.T) {
		for i := range 3 {
			p := proxy(20 + i)
			p.Spec.Routes[0].Services[0].Name = "late"
			sys.Step(change(p))
		}
		s := service(0)
		s.Name = "late"
		r := sys.Step(change(s))
		within(t, r, 30, 3)
		if len(r.Hosts) != 3 || len(r.Statuses) != 3 {
			t.Errorf("%d hosts and %d statuses changed", len(r.Hosts), len(r.Statuses))
		}
	})
	t.Run("nothing that matters", func(t *testing.T) { unrelated(t, sys) })
	t.Run("one more TLS host", func(t *testing.T) {
		p := tlsProxy(tlsProxies)
		within(t, sys.Step(change(p)), 30, 3) // its routes, the redirects among the plain hosts, the listener
	})
}

// unrelated changes things that nobody reads.
func unrelated(t *testing.T, sys *system) {
	annotated := proxy(5)
	annotated.Annotations = map[string]string{"example.com/owner": "someone else"}
	annotated.Labels = map[string]string{"a": "b"}
	annotated.ResourceVersion = "17"
	told := proxy(6)
	told.Status.CurrentStatus = "valid"
	labelled := service(4)
	labelled.Labels = map[string]string{"a": "b"}
	for name, o := range map[string]metav1.Object{
		"annotation and labels": annotated, "status": told, "labels of a Service": labelled,
		"Secret of another namespace": secret(t, "elsewhere", "cert-1"),
		"slice of an unknown Service": func() metav1.Object { s := slice(3, "10.1.1.1"); s.Namespace = "elsewhere"; return s }(),
	} {
		t.Run(name, func(t *testing.T) { exactly(t, sys.Step(change(o)), 0, 0) })
	}
}

// A controller that starts again with the same objects, in another order, makes the same versions:
// an Envoy that has them is sent nothing.
func TestRestartChangesNothing(t *testing.T) {
	world := bigWorld(t)
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
	if x, y := len(a.table.All()), len(b.table.All()); x != y || x < 2*manyServices {
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

func exactly(t *testing.T, r pipeline.Result, derivations uint64, published int) {
	t.Helper()
	if r.Derivations != derivations || r.Published != published {
		t.Errorf("%d derivations and %d resources, want %d and %d", r.Derivations, r.Published, derivations, published)
	}
}

func change(o metav1.Object) []store.Change {
	return []store.Change{{Key: kobj.Of(kindOf(o), o.GetNamespace(), o.GetName()), Object: o}}
}

func kindOf(o metav1.Object) kobj.Kind {
	switch o.(type) {
	case *contourv1.HTTPProxy:
		return kobj.HTTPProxy
	case *corev1.Service:
		return kobj.Service
	case *corev1.Secret:
		return kobj.Secret
	case *discoveryv1.EndpointSlice:
		return kobj.EndpointSlice
	}
	panic(fmt.Sprintf("kind of %T", o))
}

// bigWorld is the HTTPProxies, most of them plain, with their Services, endpoints and certificates.
func bigWorld(t *testing.T) []store.Change {
	t.Helper()
	var world []store.Change
	for i := range manyProxies {
		world = append(world, change(proxy(i))...)
	}
	for i := range manyServices {
		world = append(world, change(service(i))...)
		world = append(world, change(slice(i, "10.0.0.1"))...)
	}
	for i := range tlsProxies {
		world = append(world, change(tlsProxy(i))...)
	}
	return append(world, change(secret(t, "team", "cert-1"))...)
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

func secret(t *testing.T, namespace, name string) *corev1.Secret {
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
