package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// policyOf returns a BackendTLSPolicy of a Service of the namespace, by the ConfigMap "ca".
func policyOf(ns, name string, age int, service string) store.Change {
	o := &gatewayv1.BackendTLSPolicy{ObjectMeta: ageOf(ns, name, age, 1)}
	o.Spec.TargetRefs = []gatewayv1.LocalPolicyTargetReferenceWithSectionName{{
		LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: gatewayv1.ObjectName(service)},
	}}
	o.Spec.Validation.Hostname = gatewayv1.PreciseHostname(name + ".example.com")
	o.Spec.Validation.CACertificateRefs = []gatewayv1.LocalObjectReference{{Kind: "ConfigMap", Name: "ca"}}
	return store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, ns, name), Object: o}
}

func authoritiesIn(ns, name, data string) store.Change {
	return store.Change{Key: kobj.Of(kobj.ConfigMap, ns, name), Object: &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Data: map[string]string{"ca.crt": data},
	}}
}

func bundle(t *testing.T) string {
	t.Helper()
	return string(must(stagetest.NewPair("ca.example.com", stagetest.Now().AddDate(1, 0, 0)))(t).Certificate)
}

// policyWorld returns a Gateway with a route to service-0 of the namespace team, which has authorities.
func policyWorld(t *testing.T) []store.Change {
	t.Helper()
	return slices.Concat(
		[]store.Change{
			gatewayClass(), gatewayOf("infra", "web", 0, 1, []string{"10.0.0.1"}, nil, "80"), authoritiesIn("team", "ca", bundle(t)),
			forwarding("route", "infra/web", "a.example", "service-0"),
		}, change(service(0)), change(slice(0, "10.9.9.9")))
}

// reached returns how a request reaches service-0: its protocol and server name, or the status of an error.
func (s *system) reached(t *testing.T) string {
	t.Helper()
	a, err := s.model(t).Send(semantic.Request{To: "10.0.0.1:80", Host: "a.example", Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.From) != 1 {
		return fmt.Sprint(a.Status)
	}
	return a.From[0].Protocol + " " + a.From[0].SNI
}

// ancestors returns the conditions of a policy, for each Gateway.
func (s *system) ancestors(ns, name string) string {
	d, _ := s.Status.Desired.Peek(kobj.Of(kobj.BackendTLSPolicy, ns, name))
	if d == nil {
		return "none"
	}
	var out []string
	for _, a := range d.Status.(*kind.PolicyAncestors).Ancestors {
		text := string(a.AncestorRef.Name)
		for _, c := range a.Conditions {
			text += fmt.Sprintf(" %s=%s/%s", c.Type, c.Status, c.Reason)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

const (
	appliedPolicy    = "web Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs"
	conflictedPolicy = "web Accepted=False/Conflicted ResolvedRefs=True/ResolvedRefs"
)

// Of many policies of a Service the oldest applies. An edit of one costs the others nothing, and the deletion of the oldest only the
// one that comes next.
func TestManyPoliciesOfAService(t *testing.T) {
	counts := map[string]work{}
	for _, n := range []int{10, 10_000} {
		sys := newSystem(t, gatewayConfig("10.0.0.0/24"))
		world := policyWorld(t)
		for i := range n {
			world = append(world, policyOf("team", fmt.Sprintf("p%05d", i), i%7, "service-0"))
		}
		sys.Step(world)
		if got := sys.reached(t); got != "tls p00000.example.com" {
			t.Errorf("among %d the Service is reached with %s", n, got)
		}
		step := func(name string, c store.Change) {
			r := sys.Step([]store.Change{c})
			w := work{r.Derivations, r.Published, len(r.Hosts), len(r.Statuses)}
			if former, ok := counts[name]; ok && former != w || w.derivations > 40 {
				t.Errorf("%s: %+v among %d, %+v among few", name, w, n, former)
			}
			counts[name] = w
		}
		step("a younger one", policyOf("team", "young", 9, "service-0"))
		step("its deletion", store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, "team", "young")})
		step("the deletion of the oldest", store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, "team", "p00000")})
		if got := sys.reached(t); got != "tls p00007.example.com" {
			if n > 10 {
				t.Errorf("then the Service is reached with %s", got)
			}
		}
		if got := sys.ancestors("team", "p00007"); got != appliedPolicy {
			t.Errorf("the oldest is %s", got)
		}
		if got := sys.ancestors("team", "p00001"); got != conflictedPolicy {
			t.Errorf("another one is %s", got)
		}
	}
	t.Logf("%+v", counts)
}

// Without valid authorities no request reaches the backend, until they are repaired; a policy in conflict with such a one does not apply.
func TestAPolicyIsClosed(t *testing.T) {
	sys := newSystem(t, gatewayConfig("10.0.0.0/24"))
	sys.Step(append(policyWorld(t), policyOf("team", "old", 0, "service-0"), policyOf("team", "young", 1, "service-0")))
	young := policyOf("team", "young", 1, "service-0")
	young.Object.(*gatewayv1.BackendTLSPolicy).Spec.Validation.CACertificateRefs[0].Name = "other"
	valid := bundle(t)
	for _, c := range []struct {
		name         string
		change       store.Change
		reached, old string
	}{
		{"removed", store.Change{Key: kobj.Of(kobj.ConfigMap, "team", "ca")}, "500", "web Accepted=False/NoValidCACertificate ResolvedRefs=False/InvalidCACertificateRef"},
		{"other authorities of the younger one", authoritiesIn("team", "other", valid), "500", "web Accepted=False/NoValidCACertificate ResolvedRefs=False/InvalidCACertificateRef"},
		{"a younger one that is valid", young, "500", "web Accepted=False/NoValidCACertificate ResolvedRefs=False/InvalidCACertificateRef"},
		{"invalid", authoritiesIn("team", "ca", "nothing"), "500", "web Accepted=False/NoValidCACertificate ResolvedRefs=False/InvalidCACertificateRef"},
		{"too large", authoritiesIn("team", "ca", strings.Repeat(valid, 1+(9*64<<10)/len(valid))), "500", "web Accepted=False/NoValidCACertificate ResolvedRefs=False/InvalidCACertificateRef"},
		{"large", authoritiesIn("team", "ca", strings.Repeat(valid, (8*64<<10)/len(valid))), "tls old.example.com", appliedPolicy},
		{"repaired", authoritiesIn("team", "ca", valid), "tls old.example.com", appliedPolicy},
	} {
		sys.Step([]store.Change{c.change})
		if got := sys.reached(t); got != c.reached {
			t.Errorf("%s: the Service is reached with %s, want %s", c.name, got, c.reached)
		}
		if got := sys.ancestors("team", "old"); got != c.old {
			t.Errorf("%s: the policy is %s, want %s", c.name, got, c.old)
		}
	}
	sys.Step([]store.Change{{Key: kobj.Of(kobj.BackendTLSPolicy, "team", "old")}})
	if got := sys.reached(t); got != "tls young.example.com" {
		t.Errorf("after the deletion of the older one the Service is reached with %s", got)
	}
	sys.Step([]store.Change{{Key: kobj.Of(kobj.BackendTLSPolicy, "team", "young")}})
	if got := sys.reached(t); got != "http1 " {
		t.Errorf("without policies the Service is reached with %s", got)
	}
}

// A policy of another namespace does not apply, nor one without a route; and a route of another namespace is no ancestor unless it
// is permitted to use the Service.
func TestPoliciesOfOtherNamespaces(t *testing.T) {
	sys := newSystem(t, gatewayConfig("10.0.0.0/24"))
	sys.Step(append(policyWorld(t), policyOf("evil", "foreign", 0, "service-0"), authoritiesIn("evil", "ca", bundle(t))))
	if got := sys.reached(t); got != "http1 " {
		t.Errorf("with a foreign policy the Service is reached with %s", got)
	}
	if got := sys.ancestors("evil", "foreign"); got != "" {
		t.Errorf("the foreign policy is %q", got)
	}
	foreign := forwarding("foreign", "evil/gate", "b.example", "service-0")
	foreign.Key.Namespace = "evil"
	o := foreign.Object.(*gatewayv1.HTTPRoute)
	o.Namespace, o.Spec.Rules[0].BackendRefs[0].Namespace = "evil", ptr(gatewayv1.Namespace("team"))
	sys.Step([]store.Change{policyOf("team", "own", 0, "service-0"), gatewayOf("evil", "gate", 0, 1, []string{"10.0.0.2"}, nil, "80"), foreign})
	if got := sys.ancestors("team", "own"); got != appliedPolicy {
		t.Errorf("the own policy is %s", got)
	}
	sys.Step([]store.Change{{Key: kobj.Of(kobj.ReferenceGrant, "team", "grant"), Object: &gatewayv1.ReferenceGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "grant"}, Spec: gatewayv1.ReferenceGrantSpec{
			From: []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "HTTPRoute", Namespace: "evil"}},
			To:   []gatewayv1.ReferenceGrantTo{{Kind: "Service"}},
		},
	}}})
	if got, want := sys.ancestors("team", "own"), strings.Replace(appliedPolicy, "web", "gate", 1)+"; "+appliedPolicy; got != want {
		t.Errorf("with a grant the policy is %s, want %s", got, want)
	}
	sys.Step([]store.Change{{Key: kobj.Of(kobj.HTTPRoute, "team", "route")}, {Key: kobj.Of(kobj.HTTPRoute, "evil", "foreign")}})
	if got := sys.ancestors("team", "own"); got != "" {
		t.Errorf("without routes the policy is %s", got)
	}
}

// A policy has at most 16 ancestors: Gateways of its own namespace precede others.
func TestAncestorsOfAPolicyAreBounded(t *testing.T) {
	sys := newSystem(t, gatewayConfig("10.0.0.0/24"))
	world := append(policyWorld(t), policyOf("team", "own", 0, "service-0"), gatewayOf("team", "zz", 0, 1, []string{"10.0.0.200"}, nil, "80"), forwarding("zz", "team/zz", "a.example", "service-0"))
	for i := range 20 {
		name := fmt.Sprintf("g%02d", i)
		world = append(world, gatewayOf("infra", name, 0, 1, []string{fmt.Sprintf("10.0.0.%d", i+10)}, nil, "80"), forwarding(name, "infra/"+name, "a.example", "service-0"))
	}
	sys.Step(world)
	all := strings.Split(sys.ancestors("team", "own"), "; ")
	if len(all) != 16 || !strings.HasPrefix(all[15], "zz ") || !strings.HasPrefix(all[0], "g00 ") {
		t.Errorf("%d ancestors: %q", len(all), all)
	}
}

// The authorities of Envoy's machine are used without a secret.
func TestAPolicyWithWellKnownAuthorities(t *testing.T) {
	sys := newSystem(t, gatewayConfig("10.0.0.0/24"))
	p := policyOf("team", "system", 0, "service-0")
	v := &p.Object.(*gatewayv1.BackendTLSPolicy).Spec.Validation
	v.CACertificateRefs, v.WellKnownCACertificates = nil, ptr(gatewayv1.WellKnownCACertificatesSystem)
	v.SubjectAltNames = []gatewayv1.SubjectAltName{{Type: gatewayv1.URISubjectAltNameType, URI: "spiffe://a.example/x"}}
	sys.Step(append(policyWorld(t), p))
	checkPublished(t, sys)
	a, err := sys.model(t).Send(semantic.Request{To: "10.0.0.1:80", Host: "a.example", Path: "/"})
	if err != nil || len(a.From) != 1 || a.From[0].Protocol != "tls" || !slices.Equal(a.From[0].Verified, []string{"spiffe://a.example/x"}) {
		t.Errorf("%+v, %v", a, err)
	}
}
