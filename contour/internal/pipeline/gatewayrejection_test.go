package pipeline_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// strict is an Envoy that rejects what refuses says.
type strict struct {
	*system
	watch   *table.Watch
	refuses func(*table.Version) bool
}

// step makes changes, and answers until there is nothing more to answer.
func (s *strict) step(t *testing.T, changes ...store.Change) {
	t.Helper()
	s.Step(changes)
	for range 100 {
		versions, _ := s.watch.Take()
		for _, c := range versions {
			switch {
			case c.Version == nil:
			case s.refuses(c.Version):
				s.watch.Reject(c.Version, "refused by this test", nil)
			default:
				s.watch.Accept([]*table.Version{c.Version})
			}
		}
		if s.Step(nil); len(versions) == 0 {
			return
		}
	}
	t.Fatal("there is no end of what Envoy is sent")
}

// complaints returns the conditions of all Gateways, ListenerSets and routes that are not what a served object has.
func (s *system) complaints() (out []string) {
	add := func(of string, conditions []metav1.Condition) {
		for _, c := range conditions {
			good := metav1.ConditionTrue
			if c.Type == string(gatewayv1.ListenerConditionConflicted) {
				good = metav1.ConditionFalse
			}
			if c.Status != good {
				out = append(out, fmt.Sprintf("%s: %s=%s %s", of, c.Type, c.Reason, c.Message))
			}
		}
	}
	for k, d := range values(s.Status.Desired) {
		if d == nil {
			continue
		}
		switch status := d.Status.(type) {
		case *gatewayv1.GatewayStatus:
			add(k.String(), status.Conditions)
			for _, l := range status.Listeners {
				add(fmt.Sprint(k, " ", l.Name), l.Conditions)
			}
		case *gatewayv1.ListenerSetStatus:
			add(k.String(), status.Conditions)
			for _, l := range status.Listeners {
				add(fmt.Sprint(k, " ", l.Name), l.Conditions)
			}
		case *kind.RouteParents:
			for _, p := range status.Parents {
				add(k.String(), p.Conditions)
			}
		}
	}
	slices.Sort(out)
	return out
}

// only fails unless the complaints begin with these texts, and all say what Envoy said.
func (s *strict) only(t *testing.T, when string, want ...string) {
	t.Helper()
	got := s.complaints()
	var reduced []string
	for _, c := range got {
		condition, reason, _ := strings.Cut(c, "=")
		reason, message, _ := strings.Cut(reason, " ")
		reduced = append(reduced, condition+"="+reason)
		if !strings.Contains(message, "refused by this test") {
			t.Errorf("%s: %s does not say what Envoy said", when, c)
		}
	}
	if diff := cmp.Diff(want, reduced); diff != "" {
		t.Errorf("%s: conditions that are not those of a served object (-want +got):\n%s\n%s", when, diff, strings.Join(got, "\n"))
	}
}

// secure makes a listener of a change one for HTTPS.
func secure(c store.Change, at int) store.Change {
	l := &c.Object.(*gatewayv1.Gateway).Spec.Listeners[at]
	l.Protocol, l.TLS = gatewayv1.HTTPSProtocolType, &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "cert"}}}
	return c
}

// pathRoute returns a route of a Gateway with one expression, which redirects to http://x.example.
func pathRoute(name, expression, host string) store.Change {
	c := httpRoute("infra", name, 0, []string{"infra/web"}, host)
	c.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0].Matches = []gatewayv1.HTTPRouteMatch{{
		Path: &gatewayv1.HTTPPathMatch{Type: ptr(gatewayv1.PathMatchRegularExpression), Value: &expression},
	}}
	return c
}

// hasChain reports whether a listener has a filter chain of that name with a certificate, which what replaces a rejected one has not.
func hasChain(t *testing.T, v *table.Version, name string) bool {
	t.Helper()
	var l listenerv3.Listener
	if v.Ref.Type != table.Listener {
		return false
	}
	if err := proto.Unmarshal(v.Body(), &l); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(l.GetFilterChains(), func(c *listenerv3.FilterChain) bool { return c.GetName() == name && c.GetTransportSocket() != nil })
}

// What Envoy rejects is a condition of the listener, the listener of the ListenerSet, or the route that it is of, and of nothing else;
// everything else is served, and an edit repairs it.
func TestRejectionsAreConditionsOfWhatCausesThem(t *testing.T) {
	t.Parallel()
	web := func(second, last string) store.Change {
		c := secure(secure(gatewayOf("infra", "web", 0, 1, []string{"10.0.0.9"}, nil, "8080/", "8443/good.example", "8443/"+second, last), 1), 2)
		c.Object.(*gatewayv1.Gateway).Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: ptr(gatewayv1.NamespacesFromAll)}}
		return c
	}
	listens := func(v *table.Version, socket string) bool {
		return v.Ref == table.Ref{Type: table.Listener, Name: socket}
	}
	for _, row := range []struct {
		name    string
		refuses func(*table.Version) bool
		want    []string
		repair  store.Change
	}{
		{
			"a route", func(v *table.Version) bool { return bytes.Contains(v.Body(), []byte("/refused")) },
			[]string{"HTTPRoute infra/bad: Accepted=UnsupportedValue"},
			pathRoute("bad", "/repaired", "bad.example"),
		},
		{
			"a filter chain", func(v *table.Version) bool { return hasChain(t, v, "bad.example") },
			[]string{"Gateway infra/web l2: Programmed=Invalid"},
			web("other.example", "8081/"),
		},
		{
			"a listener", func(v *table.Version) bool { return listens(v, "infra_web_8081") },
			[]string{"Gateway infra/web l3: Programmed=Invalid"},
			web("bad.example", "8082/"),
		},
		{
			"the listener of a ListenerSet", func(v *table.Version) bool { return listens(v, "infra_web_9080") },
			[]string{"ListenerSet team/set l1: Programmed=Invalid"},
			listenerSetOf("team", "set", 1, "8080/set.example", "9081/"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sys := newSystem(t, gatewayConfig("10.0.0.0/24"))
			s := &strict{sys, sys.fleets.Get(ir.DefaultFleet).Watch("envoy"), row.refuses}
			s.step(t,
				gatewayClass(), web("bad.example", "8081/"), gatewayOf("infra", "other", 0, 1, []string{"10.0.0.8"}, nil, "8080/"),
				listenerSetOf("team", "set", 1, "8080/set.example", "9080/"), change(secret(t, "infra", "cert"))[0],
				pathRoute("good", "/good", "good.example"), pathRoute("bad", "/refused", "bad.example"),
				httpRoute("infra", "of-other", 0, []string{"infra/other"}, "good.example"),
				toSet(httpRoute("team", "of-set", 0, []string{"team/set"}, "set.example")),
			)
			s.only(t, "rejected", row.want...)
			for to, r := range map[string]semantic.Request{
				"a route": {To: "10.0.0.9:8080", Host: "good.example", Path: "/good"}, "a secure route": {To: "10.0.0.9:8443", Host: "good.example", Path: "/good", TLS: true, SNI: "good.example"},
				"another Gateway": {To: "10.0.0.8:8080", Host: "good.example", Path: "/"}, "a ListenerSet": {To: "10.0.0.9:8080", Host: "set.example", Path: "/"},
			} {
				if a, err := s.model(t).Send(r); err != nil || a.Status != 302 {
					t.Errorf("%s: %+v, %v", to, a, err)
				}
			}
			s.step(t, row.repair)
			s.only(t, "repaired")
		})
	}
}
