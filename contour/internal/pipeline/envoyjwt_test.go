//go:build envoy

package pipeline_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
)

// load sends requests with a token over one connection until stop, and counts those that were not answered as expected.
type tokenLoad struct {
	*keptConnection
	path, token string
	sent, wrong atomic.Int64
	last        atomic.Value
}

func (l *tokenLoad) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		status, err := l.send()
		l.sent.Add(1)
		if err != nil || status != http.StatusOK {
			l.wrong.Add(1)
			l.last.Store(fmt.Sprint(status, err))
		}
	}
}

func (l *tokenLoad) send() (int, error) {
	request, err := http.NewRequest(http.MethodGet, l.url+l.path, http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	response, err := l.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// Each field of a provider is edited, and its keys rotate, while requests with a valid token arrive over open connections: none
// fails, and no connection is closed.
func TestEditsOfProvidersFailNoRequestOnEnvoy(t *testing.T) {
	for name, edit := range map[string]func(*config.Config){
		"one table": func(*config.Config) {},
		"sharded":   func(c *config.Config) { c.RouteTables.Hosts = 0 },
		"on demand": onDemand,
	} {
		t.Run(name, func(t *testing.T) { editProviders(t, startFleet(t, edit)) })
	}
}

func editProviders(t *testing.T, f *fleet) {
	first, second := must(stagetest.NewIssuer("1"))(t), must(stagetest.NewIssuer("2"))(t)
	token := must(first.Token(map[string]any{"iss": "issuer", "aud": "api", "exp": time.Now().Add(time.Hour).Unix()}))(t)
	p := remoteProvider(tlsProxy(0))
	p.Spec.Routes[0].PermitInsecure = true
	f.sys.Step(append(append(change(service(0)), change(f.local(t, slice(0, "127.0.0.1")))...), change(secret(t, "team", "cert-1"))...))
	local := &corev1.Secret{ObjectMeta: meta("keys"), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"jwks": must(stagetest.KeySet(first))(t)}}
	f.sys.Step(append(append(change(authorities(t)), change(local)...), change(p)...))
	renamed := owner(p)
	renamed.Provider = "renamed"
	f.sys.SetKeySets(map[jwks.Owner]jwks.KeySet{owner(p): {Keys: parsed(t, first)}, renamed: {Keys: parsed(t, first)}})
	f.waitIdle(t)
	loads := []*tokenLoad{
		{keptConnection: f.connect("tls-0.example.com", true, false), path: "/", token: token},
		{keptConnection: f.connect("tls-0.example.com", true, true), path: "/", token: token},
		{keptConnection: f.connect("tls-0.example.com", false, false), path: "/", token: token},
	}
	for _, l := range loads {
		if !eventually(func() bool { status, err := l.send(); return err == nil && status == 200 }) {
			t.Fatalf("%s: the token is not accepted", l.name)
		}
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for _, l := range loads {
		running.Go(func() { l.run(stop) })
	}
	for name, edit := range providerEdits() {
		edited := p.DeepCopy()
		edit(edited, &edited.Spec.VirtualHost.JWTProviders[0])
		before := loads[0].sent.Load()
		f.sys.Step(change(edited))
		f.waitIdle(t)
		if !eventually(func() bool { return loads[0].sent.Load() > before+5 }) {
			t.Errorf("%s: no load", name)
		}
		for _, l := range loads {
			if n := l.wrong.Load(); n > 0 {
				t.Errorf("%s: %s: %d requests failed until then, the last with %v", name, l.name, n, l.last.Load())
			}
		}
	}
	f.sys.Step(change(p))
	f.waitIdle(t)
	for _, keys := range [][]*stagetest.Issuer{{first, second}, {second, first}, {first}} {
		f.sys.SetKeySets(map[jwks.Owner]jwks.KeySet{owner(p): {Keys: parsed(t, keys...)}})
		f.waitIdle(t)
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	running.Wait()
	for _, l := range loads {
		if l.wrong.Load() > 0 || l.sent.Load() < 10 || l.opened.Load() != 1 {
			t.Errorf("%s: %d of %d requests failed (the last with %v) over %d connections", l.name, l.wrong.Load(), l.sent.Load(), l.last.Load(), l.opened.Load())
		}
		t.Logf("%s: %d requests", l.name, l.sent.Load())
	}
	f.sys.SetKeySets(map[jwks.Owner]jwks.KeySet{owner(p): {Keys: parsed(t, second)}})
	for _, l := range loads {
		if !eventually(func() bool { status, err := l.send(); return err == nil && status == 401 }) {
			t.Errorf("%s: a token of a former key is still accepted", l.name)
		}
		l.CloseIdleConnections()
	}
}

// providerEdits are edits of a provider and of the routes that use it, by each of which the token stays valid.
func providerEdits() map[string]func(*contourv1.HTTPProxy, *contourv1.JWTProvider) {
	type proxy = *contourv1.HTTPProxy
	type provider = *contourv1.JWTProvider
	return map[string]func(proxy, provider){
		"name":      func(_ proxy, p provider) { p.Name = "renamed" },
		"issuer":    func(_ proxy, p provider) { p.Issuer = "" },
		"audiences": func(_ proxy, p provider) { p.Audiences = []string{"web", "api"} },
		"forward":   func(_ proxy, p provider) { p.ForwardJWT = !p.ForwardJWT },
		"uri":       func(_ proxy, p provider) { p.RemoteJWKS.URI = "https://issuer.example.org/other" },
		"timeout":   func(_ proxy, p provider) { p.RemoteJWKS.Timeout = "3s" },
		"cache":     func(_ proxy, p provider) { p.RemoteJWKS.CacheDuration = "1h" },
		"family":    func(_ proxy, p provider) { p.RemoteJWKS.DNSLookupFamily = "v4" },
		"validation": func(_ proxy, p provider) {
			p.RemoteJWKS.UpstreamValidation = &contourv1.UpstreamValidation{CACertificate: "authorities", SubjectName: "issuer.example.org"}
		},
		"a Secret": func(_ proxy, p provider) {
			p.RemoteJWKS, p.LocalJWKS = nil, &contourv1.LocalJWKS{SecretName: "keys", Key: "jwks"}
		},
		"required by a route": func(h proxy, p provider) {
			p.Default, h.Spec.Routes[0].JWTVerificationPolicy = false, &contourv1.JWTVerificationPolicy{Require: p.Name}
		},
		"disabled by a route": func(h proxy, _ provider) {
			h.Spec.Routes[0].JWTVerificationPolicy = &contourv1.JWTVerificationPolicy{Disabled: true}
		},
	}
}

// Envoy accepts each kind of key that is accepted from a Secret.
func TestEnvoyAcceptsAcceptedKeys(t *testing.T) {
	f := startFleet(t)
	p := tlsProxy(0)
	p.Spec.VirtualHost.JWTProviders = []contourv1.JWTProvider{{Name: "p", Default: true, LocalJWKS: &contourv1.LocalJWKS{SecretName: "keys", Key: "jwks"}}}
	keys := &corev1.Secret{ObjectMeta: meta("keys"), Type: corev1.SecretTypeOpaque}
	f.sys.Step(append(append(change(service(0)), change(f.local(t, slice(0, "127.0.0.1")))...), change(secret(t, "team", "cert-1"))...))
	f.sys.Step(change(p))
	client := f.connect("tls-0.example.com", true, false)
	defer client.CloseIdleConnections()
	for name, key := range stagetest.WebKeys() {
		s := keys.DeepCopy()
		s.Data = map[string][]byte{"jwks": []byte(`{"keys":[` + key + `]}`)}
		f.sys.Step(change(s))
		f.waitIdle(t) // fails for a rejection
		client.expect(t, name, "/", 401)
	}
}

// A backend receives the token only from a provider that forwards it.
func TestForwardedTokensOnEnvoy(t *testing.T) {
	f := startFleet(t)
	issuer := must(stagetest.NewIssuer("1"))(t)
	token := must(issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()}))(t)
	keys := &corev1.Secret{ObjectMeta: meta("keys"), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"jwks": must(stagetest.KeySet(issuer))(t)}}
	f.sys.Step(append(append(change(service(0)), change(f.local(t, slice(0, "127.0.0.1")))...), change(secret(t, "team", "cert-1"))...))
	f.sys.Step(change(keys))
	for _, forward := range []bool{false, true} {
		p := tlsProxy(0)
		p.Spec.VirtualHost.JWTProviders = []contourv1.JWTProvider{
			{Name: "p", Default: true, ForwardJWT: forward, LocalJWKS: &contourv1.LocalJWKS{SecretName: "keys", Key: "jwks"}},
		}
		f.sys.Step(change(p))
		f.waitIdle(t)
		at := f.config.Listeners.HTTPS
		request := semantic.Request{TLS: true, Host: "tls-0.example.com", Headers: map[string]string{"Authorization": "Bearer " + token}}
		var got seen
		if !eventually(func() bool {
			got = send(fmt.Sprintf("%s:%d", at.Host, at.Port), request, nil)
			return got.status == 200 && got.backend != nil && (got.backend.Header.Get("Authorization") != "") == forward
		}) {
			t.Errorf("forwardJWT %t: status %d, backend %+v, %v", forward, got.status, got.backend, got.failure)
		}
	}
}
