package translate

import (
	"bytes"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// httpsListener returns the listener of TLS hosts.
func (fx *fixture) httpsListener(t *testing.T) *table.Resource {
	t.Helper()
	for _, r := range fx.all() {
		if r.Ref == (table.Ref{Type: table.Listener, Name: classic.HTTPS().Name}) {
			return r
		}
	}
	t.Fatal("there is no listener for TLS hosts")
	return nil
}

// One more host with the Secret of others, or one fewer, changes the matcher of the listener, and the bytes of no filter chain: so
// no connection is drained.
func TestHostsComeAndGoWithoutAChangedFilterChain(t *testing.T) {
	fx := newFixture()
	for i := range 100 {
		fx.set(tlsHost(hostname100(i)))
	}
	fx.run()
	before := fx.httpsListener(t)
	fx.set(tlsHost("more.example.com"))
	fx.hosts.Delete(hostKey(classic.HTTPS(), hostname100(7)))
	fx.run()
	after := fx.httpsListener(t)
	if len(before.Parts) != 1 || len(after.Parts) != 1 || !bytes.Equal(before.Parts[0].Body, after.Parts[0].Body) {
		t.Errorf("the filter chains changed: %d before, %d after", len(before.Parts), len(after.Parts))
	}
	if bytes.Equal(before.Body, after.Body) {
		t.Error("the matcher did not change")
	}
}

func hostname100(i int) string {
	return string(rune('a'+i/10)) + string(rune('a'+i%10)) + ".example.com"
}

// The filter chain of a host depends on its settings and its Secret only.
func TestWhichHostsShareAFilterChain(t *testing.T) {
	fx := newFixture()
	secret := func(name string) kobj.Name { return kobj.Name{Namespace: "app", Name: name} }
	for name, of := range map[string]string{"wild": "*.example.com", "single": "single.example.com", "other": "other.example.com"} {
		chain, key := issued(t, of)
		fx.secrets.Set(secret(name), pair{string(chain), string(key)})
	}
	host := func(name, of string, edit ...func(*ir.TLS)) *ir.VirtualHost {
		v := tlsHost(name)
		v.TLS.Certificate = secret(of)
		for _, f := range edit {
			f(v.TLS)
		}
		return v
	}
	for want, v := range map[string]*ir.VirtualHost{
		"https/app/wild":         host("a.example.com", "wild"),
		"https/app/wild/1.3-":    host("strict.example.com", "wild", func(s *ir.TLS) { s.Min = ir.TLS13 }),
		"https/app/other":        host("not-covered.example.com", "other"),
		"single.example.com":     host("single.example.com", "single"),
		"validating.example.com": host("validating.example.com", "wild", func(s *ir.TLS) { s.Clients.Certificates = ir.OptionalClientCertificates }),
		"*.sub.example.com":      host("*.sub.example.com", "wild"),
	} {
		fx.set(v)
		fx.run()
		if got := strings.Join(fx.chainNames(t), " "); got != want {
			t.Errorf("%s: filter chains %q, want %q", v.Key.Hostname, got, want)
		}
		fx.hosts.Delete(v.Key)
	}
}

// A listener is not invalid because of a name that Envoy would reject: its hosts have no connections, and others do.
func TestMatcherLeavesOutWhatEnvoyRejects(t *testing.T) {
	e := &encoder{}
	m := chainMatcher(e, []namedChain{{table.Part{Name: "chain"}, []string{"", "*.", "a*.example.com", "*.*.example.com", "\xff", "good.example.com"}}})
	body := e.bytes(&listenerv3.Listener{Name: "l", FilterChainMatcher: m})
	if e.invalid() != "" || !bytes.Contains(body, []byte("good.example.com")) || bytes.Contains(body, []byte("a*")) {
		t.Errorf("matcher %v is invalid: %s", m, e.invalid())
	}
}
