package compile_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// The most that objects may cost: bytes allocated for each byte of their text, and beside that. What is written cheaply and
// costs most is an inclusion, which is compiled up to 16 times.
const (
	perByte = 750
	beside  = 48 << 20
)

// Whatever objects say, what they cost is proportional to their size: derivations to the number of objects, memory to the length
// of their text. Twice as much of the same costs at most twice as much.
func TestWorkIsProportionalToSize(t *testing.T) {
	all := hostile()
	maps.Copy(all, hostileRoutes())
	maps.Copy(all, hostileReferences())
	for name, objects := range all {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{500, 2000, 8000} {
				world := objects(n)
				size := textSize(t, world)
				allocated, derivations := costOf(t, world)
				t.Logf("%d: %d bytes of text, %d bytes allocated (%d for each), %d derivations", n, size, allocated, allocated/size, derivations)
				if most := size*perByte + beside; allocated > most {
					t.Errorf("%d: %d bytes allocated for %d bytes of text, more than %d", n, allocated, size, most)
				}
			}
		})
	}
}

// A root whose expressions each cost more than the budget of a host costs the check of a few of them.
func TestExpressionsBeyondTheBudgetAreNotChecked(t *testing.T) {
	settings := config.Default()
	settings.Budgets.HostExpressions = 5000
	engine := memo.New(func(f memo.Fault) { t.Errorf("fault in %s, key %v: %s", f.Table, f.Key, f.Reason) })
	objects := store.New(engine, settings)
	compile.New(engine, objects)
	var spec contourv1.HTTPProxySpec
	spec.VirtualHost = &contourv1.VirtualHost{Fqdn: "h.example"}
	for i := range 500 {
		spec.Routes = append(spec.Routes, contourv1.Route{Conditions: []contourv1.MatchCondition{
			{Header: &contourv1.HeaderMatchCondition{Name: "x", Regex: fmt.Sprintf("x{%d}([ab]*a[ab]{90}c)?", i+1)}},
		}})
	}
	p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: spec}
	objects.Apply([]store.Change{{Key: kobj.Of(kobj.HTTPProxy, "ns", "p"), Object: p}})
	engine.Run()
	checked := uint64(0)
	for _, s := range engine.Stats() {
		if s.Table == "compile/expression" {
			checked = s.Runs
		}
	}
	if checked == 0 || checked > 32 {
		t.Errorf("%d expressions were checked, want 1 to 32", checked)
	}
}

func textSize(t *testing.T, world []store.Change) uint64 {
	t.Helper()
	size := 0
	for _, c := range world {
		text, err := json.Marshal(c.Object)
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
	}
	return uint64(size)
}

// costOf compiles the objects, and returns the bytes allocated and the derivations run for it.
func costOf(t *testing.T, world []store.Change) (allocated, derivations uint64) {
	t.Helper()
	engine := memo.New(func(f memo.Fault) { t.Errorf("fault in %s, key %v: %s", f.Table, f.Key, f.Reason) })
	objects := store.New(engine, config.Default())
	c := compile.New(engine, objects)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	objects.Apply(world)
	c.Run(engine.Run)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, engine.Runs()
}

// hostile is objects that make the most of their size, by what they make the most of: each with about n elements.
func hostile() map[string]func(n int) []store.Change {
	bad := []contourv1.MatchCondition{{Header: &contourv1.HeaderMatchCondition{Name: "x", Regex: strings.Repeat("(a{1000})", 1800) + "("}}}
	return map[string]func(n int) []store.Change{
		"inclusions of a refused expression": func(n int) []store.Change {
			return including(n, contourv1.HTTPProxySpec{Routes: []contourv1.Route{{Conditions: bad}}})
		},
		"inclusions of a large route": func(n int) []store.Change {
			r := direct("/")
			r.ResponseHeadersPolicy = &contourv1.HeadersPolicy{}
			for i := range n / 10 {
				r.ResponseHeadersPolicy.Set = append(r.ResponseHeadersPolicy.Set, contourv1.HeaderValue{Name: fmt.Sprintf("x-%d", i), Value: strings.Repeat("x", 1000)})
			}
			return including(n, contourv1.HTTPProxySpec{Routes: []contourv1.Route{r}})
		},
		"inclusions of many routes": func(n int) []store.Change {
			var routes []contourv1.Route
			for i := range n {
				routes = append(routes, direct(fmt.Sprintf("/%d", i)))
			}
			return including(n, contourv1.HTTPProxySpec{Routes: routes})
		},
		"inclusions of inclusions": func(int) []store.Change {
			var world []store.Change
			for i := range 30 {
				spec := contourv1.HTTPProxySpec{}
				for j := range 2 {
					spec.Includes = append(spec.Includes, contourv1.Include{
						Name: fmt.Sprintf("p%d", i+1), Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%d", j)}},
					})
				}
				if i == 0 {
					spec.VirtualHost = &contourv1.VirtualHost{Fqdn: "a.example.com"}
				}
				world = append(world, proxy(fmt.Sprintf("p%d", i), spec))
			}
			return append(world, proxy("p30", contourv1.HTTPProxySpec{Routes: []contourv1.Route{direct("/")}}))
		},
		"expressions of a proxy": func(n int) []store.Change {
			var routes []contourv1.Route
			for i := range n {
				routes = append(routes, contourv1.Route{Conditions: []contourv1.MatchCondition{{Regex: fmt.Sprintf("/%d.*a.{900}", i)}}})
			}
			return []store.Change{root(contourv1.HTTPProxySpec{Routes: routes})}
		},
		"errors of a route": func(n int) []store.Change {
			r := direct("/")
			r.RetryPolicy = &contourv1.RetryPolicy{RetriableStatusCodes: make([]uint32, 10*n)}
			r.Services = []contourv1.Service{{Name: "s", Port: 80}}
			r.DirectResponsePolicy = nil
			return []store.Change{root(contourv1.HTTPProxySpec{Routes: []contourv1.Route{r}})}
		},
		"ports and annotations of a Service": func(n int) []store.Change {
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}}
			svc.Annotations = map[string]string{"projectcontour.io/upstream-protocol.h2": strings.Repeat("1,", 100_000)}
			var routes []contourv1.Route
			for i := range n {
				svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("p", i), Port: int32(i + 1)})
				routes = append(routes, contourv1.Route{
					Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%d", i)}}, Services: []contourv1.Service{{Name: "s", Port: i + 1}},
				})
			}
			return []store.Change{{Key: kobj.Of(kobj.Service, "a", "s"), Object: svc}, root(contourv1.HTTPProxySpec{Routes: routes})}
		},
		"TLS entries of an Ingress": func(n int) []store.Change {
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "i"}}
			for i := range n {
				ing.Spec.TLS = append(ing.Spec.TLS, networkingv1.IngressTLS{SecretName: fmt.Sprint("s", i)})
				ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: fmt.Sprintf("h%d.example.com", i)})
			}
			return []store.Change{{Key: kobj.Of(kobj.Ingress, "a", "i"), Object: ing}}
		},
		"expressions of an Ingress": func(n int) []store.Change {
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "i"}}
			kind := networkingv1.PathTypeImplementationSpecific
			for i := range n {
				ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{
					Host: fmt.Sprintf("h%d.example.com", i%10), IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
						Paths: []networkingv1.HTTPIngressPath{{Path: fmt.Sprintf("/%d.*a.{900}", i), PathType: &kind}},
					}},
				})
			}
			return []store.Change{{Key: kobj.Of(kobj.Ingress, "a", "i"), Object: ing}}
		},
		"delegations": func(n int) []store.Change {
			d := &contourv1.TLSCertificateDelegation{ObjectMeta: metav1.ObjectMeta{Namespace: "b", Name: "d"}}
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "i"}}
			for i := range n {
				d.Spec.Delegations = append(d.Spec.Delegations, contourv1.CertificateDelegation{SecretName: fmt.Sprint("s", i), TargetNamespaces: []string{"c"}})
				ing.Spec.TLS = append(ing.Spec.TLS, networkingv1.IngressTLS{SecretName: fmt.Sprint("b/s", i)})
			}
			return []store.Change{{Key: kobj.Of(kobj.TLSCertificateDelegation, "b", "d"), Object: d}, {Key: kobj.Of(kobj.Ingress, "a", "i"), Object: ing}}
		},
		"private keys": func(n int) []store.Change {
			s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}, Type: corev1.SecretTypeTLS}
			s.Data = map[string][]byte{
				corev1.TLSCertKey:       []byte(strings.Repeat("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", n)),
				corev1.TLSPrivateKeyKey: []byte(strings.Repeat("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n", n)),
			}
			host := &contourv1.VirtualHost{Fqdn: "a.example.com", TLS: &contourv1.TLS{SecretName: "s"}}
			return []store.Change{
				{Key: kobj.Of(kobj.Secret, "a", "s"), Object: s},
				proxy("root", contourv1.HTTPProxySpec{VirtualHost: host, Routes: []contourv1.Route{direct("/")}}),
			}
		},
	}
}

func proxy(name string, spec contourv1.HTTPProxySpec) store.Change {
	return store.Change{
		Key:    kobj.Of(kobj.HTTPProxy, "a", name),
		Object: &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}, Spec: spec},
	}
}

func root(spec contourv1.HTTPProxySpec) store.Change {
	spec.VirtualHost = &contourv1.VirtualHost{Fqdn: "a.example.com"}
	return proxy("root", spec)
}

// including is a root that includes a proxy n times.
func including(n int, child contourv1.HTTPProxySpec) []store.Change {
	spec := contourv1.HTTPProxySpec{}
	for i := range n {
		spec.Includes = append(spec.Includes, contourv1.Include{Name: "child", Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%d", i)}}})
	}
	return []store.Change{root(spec), proxy("child", child)}
}

func direct(prefix string) contourv1.Route {
	return contourv1.Route{
		Conditions:           []contourv1.MatchCondition{{Prefix: prefix}},
		DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200},
	}
}
