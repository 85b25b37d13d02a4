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

// newOnDemandFixture returns a fixture with n TLS hosts h0 to h(n-1).example.com, with a certificate.
func newOnDemandFixture(n int) *fixture {
	fx := newFixture(onDemand)
	fx.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{"chain", "key"})
	for i := range n {
		fx.set(tlsHost(fmt.Sprintf("h%d.example.com", i)))
	}
	fx.run()
	return fx
}

func tlsHost(name string) *ir.VirtualHost {
	return httpsHost(name, ir.Route{Match: prefix("/"), Forward: to("web")})
}

// chainNames returns the names of the filter chains of the TLS listener.
func (fx *fixture) chainNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range fx.all() {
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

func (fx *fixture) expectChains(t *testing.T, names ...string) {
	t.Helper()
	if diff := cmp.Diff(names, fx.chainNames(t)); diff != "" {
		t.Errorf("filter chains (-want +got):\n%s", diff)
	}
}

func TestAddedHostOnDemandChangesNoListener(t *testing.T) {
	fx := newOnDemandFixture(1000)
	fx.set(tlsHost("more.example.com"))
	fx.expect(t, map[string]uint64{
		"translate/filter chains": 1, "translate/scopes of TLS hosts": 1, "translate/secrets": 1, "translate/TLS route tables": 1, "translate/virtual hosts": 1,
	}, "set SDS more.example.com", "set SRDS https/more.example.com", "set RDS https/more.example.com")
	fx.expectChains(t, onDemandChainName)
}

func TestHostsWithAFilterChainOfTheirOwnOnDemand(t *testing.T) {
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
		fx := newOnDemandFixture(2)
		fx.set(v)
		fx.run()
		t.Run(name, func(t *testing.T) {
			want := []string{name, onDemandChainName}
			if name == "strict.example.com" {
				want[0] = "https/app/cert/1.3-"
			}
			slices.Sort(want)
			fx.expectChains(t, want...)
			for _, r := range fx.all() {
				if r.Ref.Type == table.Scope && r.Ref.Name == "https/"+name && name != "strict.example.com" || r.Ref.Type == table.Secret && r.Ref.Name == name {
					t.Errorf("%v: the host can be reached through the shared filter chain", r.Ref)
				}
			}
		})
	}
}

// TestWildcardDoesNotMatchHostsOnDemand adds and removes wildcard hosts, whose filter chains would match the connections for
// exact hosts.
func TestWildcardDoesNotMatchHostsOnDemand(t *testing.T) {
	fx := newOnDemandFixture(1)
	fx.set(tlsHost("www.example.org"), tlsHost("*.example.com"))
	fx.run()
	fx.expectChains(t, "*.example.com", "https/app/cert", onDemandChainName)
	fx.set(tlsHost("*"))
	fx.run()
	fx.expectChains(t, "*", "*.example.com", "https/app/cert")
	for _, name := range []string{"*", "*.example.com"} {
		fx.hosts.Delete(hostKey(classic.HTTPS(), name))
	}
	fx.run()
	fx.expectChains(t, onDemandChainName)
	if len(fx.faults) > 0 {
		t.Errorf("faults: %v", fx.faults)
	}
}

// A client gets no secret that is not for a host by its name: with certificates on demand Envoy asks for what the client
// says, and no server name has a zero byte.
func TestSecretsThatNoClientCanName(t *testing.T) {
	fx := newOnDemandFixture(1)
	c := service("s")
	c.Protocol, c.TLS = ir.ProtocolTLS, ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("s")}
	fx.secrets.Set(c.TLS.CA, pair{"chain", ""})
	strict := httpsHost("strict.example.com", ir.Route{Match: prefix("/"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: c}}}})
	strict.TLS.Min = ir.TLS13 // has a filter chain of its own
	fx.set(strict)
	fx.run()
	var secrets []string
	for _, r := range fx.all() {
		if r.Ref.Type == table.Secret {
			secrets = append(secrets, r.Ref.Name)
		}
	}
	slices.Sort(secrets)
	if diff := cmp.Diff([]string{"app/cert\x00", "ca/app/ca\x00", "h0.example.com"}, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestCoveredBy(t *testing.T) {
	want := []string{"*", "*.b.example.com", "*.example.com", "*.com"}
	if diff := cmp.Diff(want, coveredBy("a.b.example.com")); diff != "" {
		t.Error(diff)
	}
}
