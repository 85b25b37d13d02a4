//go:build local && counterpart

package e2e

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"contour.example/harness/openid"
	"contour.example/harness/traffic"
)

// loginHost is the host of the test. Only its users' browsers follow the redirect to callback.
const (
	loginHost = "login.example"
	callback  = "https://" + loginHost + "/oauth2/callback"
	loggedIn  = "X-Auth-Request-Email"
)

// Users log in at an OpenID provider by oauth2-proxy, which authorizes requests by HTTP: a request without a session is redirected to the
// login and reaches no backend, one with a session reaches it with the name of the user, whatever the client says of that; a public
// route needs none. While oauth2-proxy is away requests are refused, and a session outlives that.
func TestCounterpartOAuth2Proxy(t *testing.T) {
	f := newFixture(t, shared)
	provider, err := openid.Start(t.Context(), t.TempDir(), shared.Addresses, callback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Stop(); err != nil {
			t.Error(err)
		}
	})
	proxy := f.newCounterpart("oauth2-proxy", func(at netip.AddrPort) []string {
		return []string{
			"--http-address=" + at.String(), "--reverse-proxy", "--upstream=static://200", "--set-xauthrequest", "--skip-provider-button",
			"--provider=oidc", "--oidc-issuer-url=" + provider.Issuer(), "--redirect-url=" + callback,
			"--client-id=" + openid.Web, "--client-secret=" + openid.Secret, "--scope=openid profile email", "--email-domain=*",
			"--cookie-secret=0123456789abcdef0123456789abcdef",
		}
	})
	f.service("shop", f.server("shop", "0"))
	f.certificate("cert", loginHost)
	f.extensionAt("oauth2-proxy", "http/1.1", proxy.address)
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: login}
spec:
  virtualhost:
    fqdn: %s
    tls: {secretName: cert}
    authorization:
      extensionRef: {name: oauth2-proxy}
      serviceType: http
      responseTimeout: 5s
      httpSettings: {allowedAuthorizationHeaders: [{exact: cookie}], allowedUpstreamHeaders: [{prefix: x-auth-request-}]}
  routes:
  - {services: [{name: shop, port: 80}]}
  - {conditions: [{prefix: /public}], services: [{name: shop, port: 80}], authPolicy: {disabled: true}}
`, loginHost)
	session := f.logIn(provider)
	forged := func(cookies string) traffic.Request {
		r := withCookies("/account", cookies)
		r.Headers.Set(loggedIn, "admin@login.example")
		return r
	}
	const user = "test-user@zitadel.ch"
	with := f.until(forged(session), ok)
	if got := with.Echo.Headers.Values(loggedIn); len(got) != 1 || got[0] != user {
		t.Errorf("the backend receives %s %q, want %s", loggedIn, got, user)
	}
	for name, cookies := range map[string]string{"no session": "", "a forged session": session[:30] + "AAAA" + session[34:]} {
		if a := f.once(forged(cookies)); a.Status != http.StatusFound || a.Backend() != "" {
			t.Errorf("%s: %s, want a redirect", name, a)
		}
	}
	if a := f.once(withCookies("/public", "")); a.Backend() != "shop" {
		t.Errorf("a public route: %s", a)
	}

	proxy.stop(t)
	f.status(forged(session), http.StatusServiceUnavailable)
	if a := f.once(withCookies("/public", "")); a.Backend() != "shop" {
		t.Errorf("a public route without oauth2-proxy: %s", a)
	}
	proxy.start(t)
	f.eventually(forged(session), http.StatusOK, recovery)
}

// logIn follows the redirects as a browser does, and returns the cookie of the session.
func (f *fixture) logIn(provider *openid.Provider) string {
	f.t.Helper()
	toLogin := f.until(withCookies("/account", ""), func(a traffic.Answer) string {
		if !strings.HasPrefix(a.Headers.Get("Location"), provider.Issuer()) {
			return a.String() + ", want a redirect to " + provider.Issuer()
		}
		return ""
	})
	back, err := provider.Login(f.t.Context(), toLogin.Headers.Get("Location"))
	if err != nil {
		f.t.Fatal(err)
	}
	path, ours := strings.CutPrefix(back, "https://"+loginHost)
	if !ours {
		f.t.Fatalf("the provider redirects to %q, want %s", back, callback)
	}
	in := f.once(withCookies(path, cookies(toLogin)))
	if in.Status != http.StatusFound || in.Headers.Get("Location") != "/account" {
		f.t.Fatalf("callback: %s, %v; want a redirect to the page before the login", in, in.Headers)
	}
	return cookies(in)
}

func withCookies(path, cookies string) traffic.Request {
	r := traffic.Request{Host: loginHost, Path: path, TLS: &traffic.TLS{}, Headers: http.Header{}}
	if cookies != "" {
		r.Headers.Set("Cookie", cookies)
	}
	return r
}

// cookies are those that an answer sets, as a browser sends them.
func cookies(a traffic.Answer) string {
	var out []string
	for _, c := range (&http.Response{Header: a.Headers}).Cookies() {
		if c.MaxAge >= 0 && c.Value != "" {
			out = append(out, c.Name+"="+c.Value)
		}
	}
	return strings.Join(out, "; ")
}

// once sends the request once.
func (f *fixture) once(r traffic.Request) traffic.Answer {
	f.t.Helper()
	a, err := f.s.Traffic.Do(f.t.Context(), r)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}
