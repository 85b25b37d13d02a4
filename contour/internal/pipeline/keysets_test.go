package pipeline_test

import (
	"slices"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// remoteProvider requires tokens of an issuer whose keys are fetched.
func remoteProvider(p *contourv1.HTTPProxy) *contourv1.HTTPProxy {
	p.Spec.VirtualHost.JWTProviders = []contourv1.JWTProvider{{
		Name: "p", Default: true, Issuer: "issuer", RemoteJWKS: &contourv1.RemoteJWKS{URI: "https://issuer.example.org/keys"},
	}}
	p.Spec.Routes[1].JWTVerificationPolicy = &contourv1.JWTVerificationPolicy{Disabled: true}
	return p
}

func owner(p *contourv1.HTTPProxy) jwks.Owner {
	return jwks.Owner{Proxy: kobj.Name{Namespace: p.Namespace, Name: p.Name}, Provider: "p"}
}

// parsed returns the keys of the issuers.
func parsed(t testing.TB, of ...*stagetest.Issuer) ir.KeySet {
	t.Helper()
	keys, problem := jwks.Parse(must(stagetest.KeySet(of...))(t), jwks.Options{})
	if problem != "" {
		t.Fatal(problem)
	}
	return keys
}

// withBackend returns the proxies with what they refer to.
func withBackend(t testing.TB, proxies ...*contourv1.HTTPProxy) []store.Change {
	t.Helper()
	out := append(change(service(0)), change(slice(0, "10.0.0.1"))...)
	out = append(out, change(secret(t, "team", "cert-1"))...)
	for _, p := range proxies {
		out = append(out, change(p)...)
	}
	return out
}

// What was fetched decides what the routes of a provider answer and what its object reports; other routes and hosts are
// served in any case.
func TestKeySets(t *testing.T) {
	i := must(stagetest.NewIssuer("1"))(t)
	token := must(i.Token(map[string]any{"iss": "issuer"}))(t)
	p, other := remoteProvider(tlsProxy(0)), tlsProxy(10)
	for i := range other.Spec.Routes {
		other.Spec.Routes[i].Services[0].Name = "service-0"
	}
	sys := newSystem(t, config.Default())
	r := sys.Step(withBackend(t, p, other))
	if len(r.KeySets) != 1 || r.KeySets[0].New == nil || r.KeySets[0].Key.Owner != owner(p) || r.KeySets[0].Key.Request.URI != "https://issuer.example.org/keys" {
		t.Errorf("wanted key sets: %+v", r.KeySets)
	}
	for _, c := range []struct {
		name     string
		set      jwks.KeySet
		status   int // with a token
		severity report.Severity
		reported bool
	}{
		{name: "not attempted", status: 503},
		{name: "never fetched", set: jwks.KeySet{Failure: jwks.TooSlow}, status: 503, reported: true},
		{name: "fetched", set: jwks.KeySet{Keys: parsed(t, i)}, status: 200},
		{name: "stale", set: jwks.KeySet{Keys: parsed(t, i), Failure: jwks.TooSlow}, status: 200, severity: report.Warning, reported: true},
		{name: "too old", set: jwks.KeySet{Failure: jwks.TooSlow}, status: 503, reported: true},
	} {
		sys.SetKeySets(map[jwks.Owner]jwks.KeySet{owner(p): c.set})
		without := 401
		if c.status == 503 {
			without = 503
		}
		bearer := map[string]string{"Authorization": "Bearer " + token}
		for _, q := range []struct {
			semantic.Request
			want int
		}{
			{semantic.Request{TLS: true, Host: "tls-0.example.com", Headers: bearer}, c.status},
			{semantic.Request{TLS: true, Host: "tls-0.example.com"}, without},
			{semantic.Request{TLS: true, Host: "tls-0.example.com", Path: "/api"}, 200},
			{semantic.Request{Host: "tls-0.example.com"}, 301},
			{semantic.Request{TLS: true, Host: "tls-10.example.com"}, 200},
		} {
			if answer := must(sys.model(t).Send(q.Request))(t); answer.Status != q.want {
				t.Errorf("%s: %+v is answered with %d, want %d", c.name, q.Request, answer.Status, q.want)
			}
		}
		d := diagnosticsOf(sys, p)
		if found := slices.ContainsFunc(d, func(d report.Diagnostic) bool {
			return d.Reason == report.RemoteJWKSNotFetched && d.Severity == c.severity && d.Field == "spec.virtualhost.jwtProviders[0].remoteJWKS.uri"
		}); found != c.reported || len(d) > 1 {
			t.Errorf("%s: diagnostics %+v", c.name, d)
		}
	}
	if r := sys.Step(deletion(p)); len(r.KeySets) != 1 || r.KeySets[0].New != nil {
		t.Errorf("wanted key sets after the deletion: %+v", r.KeySets)
	}
}

func diagnosticsOf(sys *system, p *contourv1.HTTPProxy) []report.Diagnostic {
	k := kobj.Key{Kind: kobj.HTTPProxy, Name: kobj.Name{Namespace: p.Namespace, Name: p.Name}}
	d, _ := sys.Status.Desired.Peek(k)
	return d.Diagnostics
}

// A fetch with equal keys sends nothing; new keys send the table of the host that uses them, whatever the number of others.
func TestNewKeysChangeWhatUsesThem(t *testing.T) {
	for _, n := range []int{2, 40} {
		sys := newSystem(t, config.Default())
		first, second := must(stagetest.NewIssuer("1"))(t), must(stagetest.NewIssuer("2"))(t)
		sets := map[jwks.Owner]jwks.KeySet{}
		var all []*contourv1.HTTPProxy
		for i := range n {
			p := remoteProvider(tlsProxy(i))
			all, sets[owner(p)] = append(all, p), jwks.KeySet{Keys: parsed(t, first)}
		}
		sys.Step(withBackend(t, all...))
		sys.SetKeySets(sets)
		if r := sys.SetKeySets(sets); r.Derivations != 0 || r.Published != 0 {
			t.Errorf("equal keys among %d: %+v", n, r)
		}
		r := sys.SetKeySets(map[jwks.Owner]jwks.KeySet{owner(all[0]): {Keys: parsed(t, first, second)}})
		within(t, r, 12, 1)
		if len(r.Statuses) != 0 {
			t.Errorf("among %d: %+v", n, r)
		}
	}
}
