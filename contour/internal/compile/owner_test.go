package compile

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// closedConfig is the configuration that keeps tenants apart.
func closedConfig() config.Config {
	c := config.Default()
	c.Objects.NamespacesOwnHosts, c.Objects.InclusionNeedsConsent = true, true
	return c
}

// tenantMeta is the metadata of an object that was created so many days after the first ones.
func tenantMeta(namespace, name string, day int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(time.Date(2025, 1, 1+day, 0, 0, 0, 0, time.UTC)),
	}
}

// answering is a root of the host that answers with a code.
func answering(meta metav1.ObjectMeta, host string, code int) *contourv1.HTTPProxy {
	return &contourv1.HTTPProxy{ObjectMeta: meta, Spec: contourv1.HTTPProxySpec{
		VirtualHost: &contourv1.VirtualHost{Fqdn: host},
		Routes:      []contourv1.Route{{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: code}}},
	}}
}

// ingressOf is an Ingress with a path of the host whose Service does not exist: it answers 503, without and with TLS.
func ingressOf(meta metav1.ObjectMeta, host, path string) *networkingv1.Ingress {
	kind := networkingv1.PathTypeImplementationSpecific
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "gone", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	return &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{
		TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "gone"}},
		Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: path, PathType: &kind, Backend: backend}},
		}}}},
	}}
}

// served is the codes of the routes of a host on both listeners, in their order.
func (s stages) served(host string) map[string][]uint32 {
	out := map[string][]uint32{}
	for _, l := range []ir.ListenerKey{classic.HTTP(), classic.HTTPS()} {
		if h, _ := s.VirtualHosts.Peek(ir.HostKey{Listener: l, Hostname: host}); h != nil {
			out[l.Name] = append([]uint32{}, codes(h)...)
		}
	}
	return out
}

// messages returns the messages about an object.
func (s stages) messages(k kobj.Key) (out []string) {
	o, _ := s.Objects.Peek(k)
	for _, d := range o.Diagnostics {
		out = append(out, d.Message)
	}
	return out
}

func (s stages) remove(k kobj.Key) {
	s.store.Apply([]store.Change{{Key: k}})
	s.engine.Run()
}

func TestTheNamespaceOfTheOldestClaimOwnsTheHost(t *testing.T) {
	const host = "a.example.com"
	owner, other := answering(tenantMeta("victim", "owner", 1), host, 200), ingressOf(tenantMeta("hostile", "regex", 2), host, "/.*")
	loser := answering(tenantMeta("hostile", "loser", 3), host, 201)
	s := newStages(t)
	s.apply(owner, other, loser)
	if got := s.served(host)["ingress_http"]; len(got) != 2 {
		t.Errorf("hosts are shared, but this is served: %v", got)
	}
	s.store.Configure(closedConfig())
	s.engine.Run()
	if diff := cmp.Diff(map[string][]uint32{"ingress_http": {200}}, s.served(host)); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
	lost := `Host "a.example.com" belongs to namespace "victim", whose HTTPProxy victim/owner is the oldest claim to it.`
	for _, k := range []kobj.Key{kobj.Of(kobj.Ingress, "hostile", "regex"), kobj.Of(kobj.HTTPProxy, "hostile", "loser")} {
		if got := s.messages(k); len(got) == 0 || got[0] != lost {
			t.Errorf("%s has the diagnostics %q", k, got)
		}
	}
	if got := s.messages(kobj.Of(kobj.HTTPProxy, "victim", "owner")); len(got) > 0 {
		t.Errorf("the owner has the diagnostics %q", got)
	}

	s.apply(ingressOf(tenantMeta("victim", "more", 9), host, "/more")) // shares the host of its namespace
	if diff := cmp.Diff(map[string][]uint32{"ingress_http": {503, 200}, "ingress_https": {}}, s.served(host)); diff != "" {
		t.Errorf("with an Ingress of the owner's namespace (-want +got):\n%s", diff)
	}
	s.remove(kobj.Of(kobj.Ingress, "victim", "more"))
	s.remove(kobj.Of(kobj.HTTPProxy, "victim", "owner"))
	if diff := cmp.Diff(map[string][]uint32{"ingress_http": {503, 201}, "ingress_https": {}}, s.served(host)); diff != "" {
		t.Errorf("the next namespace (-want +got):\n%s", diff)
	}
}

// A host that an older Ingress claims is its namespace's too, and of claims of equal age one wins, whatever their order.
func TestOwnersOfEveryKindAndAge(t *testing.T) {
	const host = "a.example.com"
	old := ingressOf(tenantMeta("victim", "old", 1), host, "/")
	young := answering(tenantMeta("hostile", "young", 2), host, 201)
	same := answering(tenantMeta("victim", "same", 2), "b.example.com", 200)
	for _, order := range [][]metav1.Object{{old, young, same}, {same, young, old}} {
		s := newStages(t)
		s.store.Configure(closedConfig())
		for _, o := range order {
			s.apply(o)
		}
		s.apply(answering(tenantMeta("hostile", "same", 2), "b.example.com", 201))
		if diff := cmp.Diff(map[string][]uint32{"ingress_http": {503}, "ingress_https": {}}, s.served(host)); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string][]uint32{"ingress_http": {201}}, s.served("b.example.com")); diff != "" {
			t.Errorf("of two claims of one age (-want +got):\n%s", diff)
		}
	}
}

// What other namespaces claim, and which of its proxies they would include, does not make an edit of a tenant more expensive.
func TestClaimsOfOthersCostNothing(t *testing.T) {
	const host = "a.example.com"
	runs, claims := map[int]uint64{}, map[int]uint64{}
	for _, n := range []int{2, 2000} {
		s := newStages(t)
		s.store.Configure(closedConfig())
		root := answering(tenantMeta("victim", "root", 0), host, 200)
		root.Spec.Includes = []contourv1.Include{{Name: "child"}}
		child := answering(tenantMeta("victim", "child", 0), "", 200)
		child.Spec.VirtualHost = nil
		s.apply(root, child)
		var foreign []metav1.Object
		for i := range n {
			p := answering(tenantMeta("hostile", fmt.Sprintf("p-%d", i), 1), host, 201)
			p.Spec.Includes = []contourv1.Include{{Name: "child", Namespace: "victim", Conditions: []contourv1.MatchCondition{{Prefix: "/x"}}}}
			foreign = append(foreign, p)
		}
		s.apply(foreign...)
		if got := s.messages(kobj.Of(kobj.HTTPProxy, "victim", "child")); len(got) != 1 {
			t.Errorf("%d refused inclusions, and the child has the diagnostics %q", n, got)
		}
		before := s.engine.Runs()
		s.apply(answering(tenantMeta("hostile", "one-more", 1), host, 201))
		claims[n] = s.engine.Runs() - before
		before = s.engine.Runs()
		edited := child.DeepCopy()
		edited.Generation, edited.Spec.Routes[0].DirectResponsePolicy.StatusCode = 2, 404
		s.apply(edited)
		runs[n] = s.engine.Runs() - before
		if diff := cmp.Diff(map[string][]uint32{"ingress_http": {200}}, s.served(host)); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
	}
	if runs[2] == 0 || runs[2] != runs[2000] || claims[2] == 0 || claims[2] != claims[2000] {
		t.Errorf("derivations of an edit, and of one more claim, by the number of foreign claims: %v, %v", runs, claims)
	}
}
