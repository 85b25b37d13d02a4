package gatewayapi

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// precedenceModel decides about all listeners of sets at once, in the order of their precedence: each is accepted unless one of the Gateway
// or an accepted one excludes it, or the sets have maxPorts other ports that the Gateway does not have.
func precedenceModel(g *gateway, sets map[kobj.Name]*listenerSet, maxPorts int) (map[kobj.Name][]admission, map[string]bool) {
	type entry struct {
		set   kobj.Name
		index int
		of    *listenerSet
	}
	var entries []entry
	for n, s := range sets {
		for i := range s.listeners {
			if !s.listeners[i].problem.is() {
				entries = append(entries, entry{n, i, s})
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if c := a.of.created.Compare(b.of.created); c != 0 {
			return c
		}
		if c := a.set.Compare(b.set); c != 0 {
			return c
		}
		return a.index - b.index
	})
	var taken []listenerClaim
	served := map[string]bool{}
	serve := func(c listenerClaim) {
		if c.hostname != "" {
			served[fmt.Sprint(c.port, " ", c.hostname)] = true
		}
	}
	for i := range g.listeners {
		if l := &g.listeners[i]; !l.problem.is() {
			taken = append(taken, claimOfListener(gatewayOfTest(), l))
			if l.accepted() {
				serve(taken[len(taken)-1])
			}
		}
	}
	own, opened := map[gatewaySocket]bool{}, map[gatewaySocket]bool{}
	for _, c := range taken {
		own[c.socket()] = true
	}
	out := map[kobj.Name][]admission{}
	for _, e := range entries {
		c := claimOfListener(gatewayOfTest(), &e.of.listeners[e.index])
		why := report.Reason("")
		for _, o := range taken {
			switch {
			case o.port != c.port || (o.class == datagrams) != (c.class == datagrams):
			case o.class != c.class:
				why = report.ProtocolConflict
			case o.hostname == c.hostname && why == "":
				why = report.HostnameConflict
			}
		}
		if at := c.socket(); !own[at] && !opened[at] {
			if opened[at] = len(opened) < maxPorts; !opened[at] {
				delete(opened, at)
				why = report.PortUnavailable
			}
		}
		if why == "" {
			taken = append(taken, c)
			serve(c)
		}
		for len(out[e.set]) < e.index {
			out[e.set] = append(out[e.set], admission{})
		}
		out[e.set] = append(out[e.set], admission{c, why})
	}
	return out, served
}

func gatewayOfTest() kobj.Name { return kobj.Name{Namespace: "infra", Name: "web"} }

// After any edits, the decisions are those of the model, and only sets of which a decision may have changed are looked at.
func TestPrecedenceIsThatOfTheModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	randomListener := func() listener {
		l := listener{
			port:     gatewayv1.PortNumber(80 + random.IntN(3)),
			protocol: []ir.ListenerProtocol{ir.ListenHTTP, ir.ListenHTTP, ir.ListenHTTP, ir.ListenHTTPS, ir.ListenTLS, ir.ListenTCP, ir.ListenUDP}[random.IntN(7)],
		}
		l.secure = l.protocol.Secure()
		if l.hasHostname() {
			l.hostname = []string{"", "a.example", "b.example", "*.example", "*.a.b.c.d.e.f.g.h.i.j.example"}[random.IntN(5)]
		}
		if random.IntN(8) == 0 {
			l.problem = problem{report.UnsupportedValue, "no"}
		}
		return l
	}
	p := newPrecedence()
	p.maxPorts = 2
	g, sets := &gateway{}, map[kobj.Name]*listenerSet{}
	decided := map[kobj.Name][]admission{}
	for step := range 3000 {
		if random.IntN(5) == 0 {
			g = &gateway{allowed: allowed{from: gatewayv1.NamespacesFromAll}}
			for range random.IntN(3) {
				g.listeners = append(g.listeners, randomListener())
			}
			findConflicts(g.listeners)
			p.setOwn(gatewayOfTest(), g)
		} else {
			n := kobj.Name{Namespace: "team", Name: fmt.Sprint("set", random.IntN(6))}
			var s *listenerSet
			if delete(sets, n); random.IntN(4) > 0 {
				s = &listenerSet{gateway: gatewayOfTest(), created: time.Unix(int64(random.IntN(3)), 0)}
				for range random.IntN(4) {
					s.listeners = append(s.listeners, randomListener())
				}
				sets[n] = s
			}
			p.setClaims(n, s)
		}
		for n := range p.changed {
			delete(p.changed, n)
			if decided[n] = p.decide(n); decided[n] == nil {
				delete(decided, n)
			}
		}
		want, served := precedenceModel(g, sets, p.maxPorts)
		if d := cmp.Diff(want, decided, cmp.AllowUnexported(admission{}, listenerClaim{}, gatewayPort{})); d != "" {
			t.Fatalf("step %d (-model +got):\n%s", step, d)
		}
		got := map[string]bool{}
		for at, names := range p.served {
			for name := range names {
				got[fmt.Sprint(at.port, " ", name)] = true
			}
		}
		if d := cmp.Diff(served, got); d != "" {
			t.Fatalf("step %d: hostnames (-model +got):\n%s", step, d)
		}
	}
	for n := range sets {
		p.setClaims(n, nil)
	}
	p.setOwn(gatewayOfTest(), nil)
	if len(p.own)+len(p.classes)+len(p.names)+len(p.sets)+len(p.sockets)+len(p.claims)+len(p.heads) > 0 {
		t.Errorf("without objects something is left: %+v", p)
	}
}

// The places of a hostname include that of each hostname of a listener that includes it.
func TestPlacesIncludeBroaderHostnames(t *testing.T) {
	t.Parallel()
	all := []string{"a.example", "*.example", "*.a.example", "x.a.example", "*.1.2.3.4.5.6.7.8.9.example", "y.1.2.3.4.5.6.7.8.9.example", "*.3.4.5.6.7.8.9.example", "*.4.5.6.7.8.9.example"}
	for _, broad := range all {
		for _, h := range all {
			if covers(broad, h) && !slices.Contains(placesOf(h), placeOf(broad)) {
				t.Errorf("%s is at %s, and not among %v of %s", broad, placeOf(broad), placesOf(h), h)
			}
		}
		if n := len(placesOf(broad)); n > maxLabels+1 {
			t.Errorf("%s: %d places", broad, n)
		}
	}
}
