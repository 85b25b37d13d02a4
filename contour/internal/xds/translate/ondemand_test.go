package translate

import (
	"fmt"
	"slices"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// onDemandWorld has n TLS hosts h0 to h(n-1).example.com, with a certificate.
func onDemandWorld(n int) *world {
	w := newWorld(onDemand)
	w.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{"chain", "key"})
	for i := range n {
		w.set(tlsHost(fmt.Sprintf("h%d.example.com", i)))
	}
	w.run()
	return w
}

func tlsHost(name string) *ir.VirtualHost {
	return httpsHost(name, ir.Route{Match: prefix("/"), Forward: to("web")})
}

// chainNames is the filter chains of the listener for TLS, and what each is for.
func (w *world) chainNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range w.all() {
		if r.Ref != (table.Ref{Type: table.Listener, Name: classic.HTTPS().Name}) {
			continue
		}
		for _, c := range decode(t, r).(*listenerv3.Listener).GetFilterChains() {
			names = append(names, c.GetName())
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) expectChains(t *testing.T, names ...string) {
	t.Helper()
	if diff := cmp.Diff(names, w.chainNames(t)); diff != "" {
		t.Errorf("filter chains (-want +got):\n%s", diff)
	}
}

func TestOneMoreHostOnDemandChangesNoListener(t *testing.T) {
	w := onDemandWorld(1000)
	w.set(tlsHost("more.example.com"))
	w.expect(t, map[string]uint64{
		"translate/filter chains": 1, "translate/scopes of TLS hosts": 1, "translate/secrets": 1, "translate/TLS routes": 1, "translate/virtual hosts": 1,
	}, "set SDS more.example.com", "set SRDS https/more.example.com", "set RDS https/more.example.com")
	w.expectChains(t, sharedChainName)
}

func TestWhatNeedsAFilterChainOfItsOwnOnDemand(t *testing.T) {
	strict := tlsHost("strict.example.com")
	strict.TLS.Min = ir.TLS13
	refused := tlsHost("refused.example.com")
	refused.TLS = &ir.TLS{CloseConnections: true}
	for name, v := range map[string]*ir.VirtualHost{
		"strict.example.com":  strict,
		"refused.example.com": refused,
		"tcp.example.com":     terminatedTCP("tcp.example.com", to("web").Backends...),
		"raw.example.com":     passthrough("raw.example.com", to("web").Backends...),
		"*.other.com":         tlsHost("*.other.com"),
	} {
		w := onDemandWorld(2)
		w.set(v)
		w.run()
		t.Run(name, func(t *testing.T) {
			want := []string{name, sharedChainName}
			slices.Sort(want)
			w.expectChains(t, want...)
			for _, r := range w.all() {
				if r.Ref.Type == table.Scope && r.Ref.Name == "https/"+name || r.Ref.Type == table.Secret && r.Ref.Name == name {
					t.Errorf("%v: the host can be reached through the shared filter chain", r.Ref)
				}
			}
		})
	}
}

// TestWildcardTakesNoHostOnDemand has wildcard hosts come and go: connections for an exact host would end at them.
func TestWildcardTakesNoHostOnDemand(t *testing.T) {
	w := onDemandWorld(1)
	w.set(tlsHost("www.example.org"), tlsHost("*.example.com"))
	w.run()
	w.expectChains(t, "*.example.com", "h0.example.com", sharedChainName)
	w.set(tlsHost("*"))
	w.run()
	w.expectChains(t, "*", "*.example.com", "h0.example.com", "www.example.org")
	for _, name := range []string{"*", "*.example.com"} {
		w.hosts.Delete(hostKey(classic.HTTPS(), name))
	}
	w.run()
	w.expectChains(t, sharedChainName)
	if len(w.faults) > 0 {
		t.Errorf("faults: %v", w.faults)
	}
}

func TestCoveredBy(t *testing.T) {
	want := []string{"*", "*.b.example.com", "*.example.com", "*.com"}
	if diff := cmp.Diff(want, coveredBy("a.b.example.com")); diff != "" {
		t.Error(diff)
	}
}
