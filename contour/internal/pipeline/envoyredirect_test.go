//go:build envoy

package pipeline_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// The hosts of these tests. Requests of the other host reach a backend of another name.
const (
	redirectHost = "redirect.example.com"
	otherHost    = "other.example.com"
)

// redirectHandler responds with a redirect to the query parameter to, or with what it received. It sends the headers by which
// Envoy finds the route of a redirect, with the host of another tenant.
func redirectHandler(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-contour-route-table", "ingress_http//"+otherHost)
		w.Header().Set("x-contour-same-http", "http://"+otherHost+"/")
		w.Header().Set("x-contour-same-https", "https://"+otherHost+"/")
		locations := r.URL.Query()["to"]
		if len(locations) == 0 {
			got := received{Service: name, Host: r.Host, Path: r.RequestURI, Header: r.Header}
			body, _ := io.ReadAll(r.Body)
			text, _ := json.Marshal(got)
			w.Header().Set(receivedHeader, string(text))
			fmt.Fprintf(w, "%s %s", r.Method, body)
			return
		}
		if locations[0] == "self" {
			locations[0] = "http://" + r.Host + r.RequestURI
		}
		code, err := strconv.Atoi(r.URL.Query().Get("code"))
		if err != nil {
			code = http.StatusFound
		}
		w.Header()["Location"] = locations
		w.Header().Set("X-Path", r.URL.Path)
		w.WriteHeader(code)
	})
}

// redirects are the objects of these tests: hosts with TLS and without, with a route for each policy, and another host.
func redirects(t *testing.T, f *fleet) []store.Change {
	t.Helper()
	var out []store.Change
	add := func(k kobj.Kind, o metav1.Object) {
		o.SetNamespace("redirects")
		out = append(out, store.Change{Key: kobj.Of(k, "redirects", o.GetName()), Object: o})
	}
	for _, name := range []string{"redirects", "redirects-other"} {
		meta := metav1.ObjectMeta{Namespace: "redirects", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}}
		add(kobj.Service, &corev1.Service{ObjectMeta: *meta.DeepCopy(), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
		add(kobj.EndpointSlice, f.local(t, &discoveryv1.EndpointSlice{
			ObjectMeta: meta, Ports: []discoveryv1.EndpointPort{{Name: new(""), Port: new(int32(0))}},
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
		}))
	}
	pair, err := stagetest.NewPair(redirectHost, stagetest.Now().AddDate(10, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	add(kobj.Secret, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "cert"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": []byte(pair.Certificate), "tls.key": []byte(pair.Key)},
	})
	route := func(prefix, service string, policy *contourv1.HTTPInternalRedirectPolicy) contourv1.Route {
		return contourv1.Route{
			Conditions: []contourv1.MatchCondition{{Prefix: prefix}}, PermitInsecure: prefix != "/secret", InternalRedirectPolicy: policy,
			Services: []contourv1.Service{{Name: service, Port: 80}},
		}
	}
	all := []contourv1.RedirectResponseCode{301, 302, 303, 307, 308}
	rewritten := route("/rewritten", "redirects", &contourv1.HTTPInternalRedirectPolicy{})
	rewritten.RequestHeadersPolicy = &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "Host", Value: "backend.internal"}}}
	denied := route("/denied", "redirects", nil)
	denied.IPDenyFilterPolicy = []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourcePeer, CIDR: "127.0.0.0/8"}}
	routes := []contourv1.Route{
		route("/", "redirects", nil),
		route("/secret", "redirects", nil),
		denied,
		route("/one", "redirects", &contourv1.HTTPInternalRedirectPolicy{}),
		route("/three", "redirects", &contourv1.HTTPInternalRedirectPolicy{MaxInternalRedirects: 3, RedirectResponseCodes: all}),
		route("/safe", "redirects", &contourv1.HTTPInternalRedirectPolicy{AllowCrossSchemeRedirect: "SafeOnly"}),
		route("/always", "redirects", &contourv1.HTTPInternalRedirectPolicy{AllowCrossSchemeRedirect: "Always"}),
		route("/unrepeated", "redirects", &contourv1.HTTPInternalRedirectPolicy{MaxInternalRedirects: 9, DenyRepeatedRouteRedirect: true}),
		rewritten,
	}
	proxy := func(name, fqdn string, tls *contourv1.TLS, routes ...contourv1.Route) {
		add(kobj.HTTPProxy, &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: contourv1.HTTPProxySpec{
			VirtualHost: &contourv1.VirtualHost{Fqdn: fqdn, TLS: tls}, Routes: routes,
		}})
	}
	proxy("redirect", redirectHost, &contourv1.TLS{SecretName: "cert"}, routes...)
	proxy("other", otherHost, nil, route("/", "redirects-other", nil))
	proxy("wildcard", "*.example.com", nil, route("/", "redirects-other", nil))
	return out
}

// redirected is a response to a request for a path of redirectHost.
type redirected struct {
	status   int
	location string
	at       string // the path of the backend's redirect, or of the request that it received last
	body     string
	header   http.Header
	received received
}

// follow sends a request for a path of redirectHost, with a query that makes the backend redirect.
func (f *fleet) follow(t *testing.T, scheme, path string, edit ...func(*http.Request)) redirected {
	t.Helper()
	at := f.config.Listeners.HTTP
	if scheme == "https" {
		at = f.config.Listeners.HTTPS
	}
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: redirectHost},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(at.Host, fmt.Sprint(at.Port)))
			},
		},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+redirectHost+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edit {
		e(req)
	}
	resp, err := client.Do(req)
	if err != nil {
		return redirected{body: err.Error()}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	out := redirected{status: resp.StatusCode, location: resp.Header.Get("Location"), at: resp.Header.Get("X-Path"), body: string(body), header: resp.Header}
	if text := resp.Header.Get(receivedHeader); text != "" {
		if err := json.Unmarshal([]byte(text), &out.received); err != nil {
			t.Fatal(err)
		}
		out.at = out.received.Path
	}
	return out
}

// to returns a path with a query that makes the backend redirect to a location.
func to(path string, code int, location string) string {
	return fmt.Sprintf("%s?code=%d&to=%s", path, code, url.QueryEscape(location))
}

// at returns the location of a path of redirectHost.
func at(scheme, path string) string { return scheme + "://" + redirectHost + path }

// posted makes the request a POST with the body.
func posted(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
}

// Envoy follows the redirects of backends that the policy of the route selects, if they lead to the authority of the request: with
// HTTP hosts in one route table or sharded, and with TLS hosts that have a filter chain or share one.
func TestInternalRedirectsOnEnvoy(t *testing.T) {
	for name, edit := range map[string]func(*config.Config){
		"one route table, filter chains of hosts": func(*config.Config) {},
		"shards, certificates on demand":          func(c *config.Config) { c.RouteTables.Hosts = 0; onDemand(c) },
	} {
		t.Run(name, func(t *testing.T) {
			f := startFleet(t, edit)
			f.sys.Step(redirects(t, f))
			f.waitIdle(t)
			for _, scheme := range []string{"http", "https"} {
				f.until(t, "the host is served over "+scheme, func() (bool, string) {
					got := f.follow(t, scheme, "/")
					return got.status == http.StatusOK, fmt.Sprint(got)
				})
				t.Run(scheme, func(t *testing.T) {
					testFollowed(t, f, scheme)
					testPassed(t, f, scheme)
					testBodies(t, f, scheme)
				})
			}
			testCrossScheme(t, f)
		})
	}
}

// testFollowed follows redirects up to the maximum.
func testFollowed(t *testing.T, f *fleet, scheme string) {
	t.Helper()
	loop := func(times int) string { // redirects to itself, and at last to /end
		path := at(scheme, "/end")
		for range times {
			path = at(scheme, to("/three", 302, path))
		}
		return strings.TrimPrefix(path, at(scheme, ""))
	}
	for _, c := range []struct {
		path, at string
		status   int
	}{
		{to("/one", 302, at(scheme, "/end")), "/end", 200},
		{to("/one", 302, at(scheme, "/one/more?x=y")), "/one/more?x=y", 200},
		{to("/rewritten", 302, at(scheme, "/end")), "/end", 200},
		{to("/one", 301, at(scheme, "/end")), "/one", 301}, // only 302 by default
		{to("/three", 301, at(scheme, "/end")), "/end", 200},
		{to("/three", 307, at(scheme, "/end")), "/end", 200},
		{to("/three", 308, at(scheme, "/end")), "/end", 200},
		{loop(3), "/end", 200},
		{loop(4), "/three", 302},
		{"/three?to=self", "/three", 302},                 // a loop ends
		{to("/one", 302, at(scheme, "/denied")), "", 403}, // the filters of the other route
		{to("/one", 302, at(scheme, to("/one", 302, at(scheme, "/end")))), "/one", 302},
		{to("/unrepeated", 302, at(scheme, "/end")), "/end", 200},
		{to("/unrepeated", 302, at(scheme, to("/unrepeated/again", 302, at(scheme, "/end")))), "/end", 200}, // another route
		{to("/unrepeated", 302, at(scheme, to("/unrepeated/1", 302, at(scheme, "/unrepeated/2")))), "/unrepeated/1", 302},
	} {
		got := f.follow(t, scheme, c.path)
		if got.status != c.status || got.at != c.at {
			t.Errorf("%s: %d from %q, want %d from %q", c.path, got.status, got.at, c.status, c.at)
		}
		if got.status == http.StatusOK && (got.received.Service != "redirects/redirects" || got.received.Host != redirectHost) {
			t.Errorf("%s: %s received the request with host %s", c.path, got.received.Service, got.received.Host)
		}
		for name := range got.received.Header {
			if strings.HasPrefix(name, "X-Contour-") {
				t.Errorf("%s: the backend received %s", c.path, name)
			}
		}
	}
}

// testPassed passes redirects to other authorities to the client as they are.
func testPassed(t *testing.T, f *fleet, scheme string) {
	t.Helper()
	for _, location := range []string{
		scheme + "://" + otherHost + "/", scheme + "://unknown.example.com/", scheme + "://example.org/", scheme + "://" + redirectHost + ":81/",
		scheme + "://" + redirectHost + "@" + otherHost + "/", scheme + "://" + redirectHost, scheme + "://" + redirectHost + "." + otherHost + "/",
		"//" + otherHost + "/", "/end", "end", scheme + ":///", "ftp://" + redirectHost + "/",
	} {
		for _, edit := range []func(*http.Request){
			func(*http.Request) {},
			func(r *http.Request) {
				r.Header.Set("x-contour-route-table", "ingress_http//"+otherHost)
				r.Header.Set("x-envoy-original-host", otherHost)
				r.Header.Set("x-contour-same-http", "http://"+otherHost+"/")
			},
		} {
			got := f.follow(t, scheme, to("/three", 302, location), edit)
			if got.status != http.StatusFound || got.location != location {
				t.Errorf("a redirect to %s: %d to %q, from %s", location, got.status, got.location, got.received.Service)
			}
			if name := "X-Contour-Route-Table"; got.header.Get(name) != "" {
				t.Errorf("the client receives %s: %s", name, got.header.Get(name))
			}
		}
	}
	for _, locations := range [][]string{{at(scheme, "/end"), scheme + "://" + otherHost + "/"}, {scheme + "://" + otherHost + "/", at(scheme, "/end")}} {
		path := to("/three", 302, locations[0]) + "&to=" + url.QueryEscape(locations[1])
		if got := f.follow(t, scheme, path); got.status != http.StatusFound && got.received.Service != "redirects/redirects" || got.received.Host == otherHost {
			t.Errorf("two Locations: %d from %s for %s", got.status, got.received.Service, got.received.Host)
		}
	}
	if got := f.follow(t, scheme, to("/", 302, at(scheme, "/end"))); got.status != http.StatusFound || got.location != at(scheme, "/end") {
		t.Errorf("a route without the policy: %d to %q", got.status, got.location)
	}
	withPort := func(r *http.Request) { r.Host = redirectHost + ":8080" }
	if got := f.follow(t, scheme, to("/one", 302, scheme+"://"+redirectHost+":8080/end"), withPort); got.status != http.StatusOK || got.at != "/end" {
		t.Errorf("a redirect to the port of the request: %d from %q", got.status, got.at)
	}
	if got := f.follow(t, scheme, to("/one", 302, at(scheme, "/end")), withPort); got.status != http.StatusFound {
		t.Errorf("a redirect to another port than that of the request: %d from %q", got.status, got.at)
	}
}

// testBodies repeats the body of the request, or leaves it out after a 303.
func testBodies(t *testing.T, f *fleet, scheme string) {
	t.Helper()
	for _, c := range []struct {
		code  int
		body  string
		wants redirected
	}{
		{302, "hello", redirected{status: 200, body: "POST hello"}},
		{307, "hello", redirected{status: 200, body: "POST hello"}},
		{308, strings.Repeat("x", 10_000), redirected{status: 200, body: "POST " + strings.Repeat("x", 10_000)}},
		{303, "hello", redirected{status: 200, body: "GET "}},
		{307, strings.Repeat("x", 1<<20), redirected{status: 307}}, // more than Envoy buffers
	} {
		got := f.follow(t, scheme, to("/three", c.code, at(scheme, "/end")), posted(c.body))
		if got.status != c.wants.status || got.body != c.wants.body {
			t.Errorf("%d with %d bytes: %d %.30q, want %d %.30q", c.code, len(c.body), got.status, got.body, c.wants.status, c.wants.body)
		}
	}
}

// testCrossScheme follows redirects to the other scheme as the policy says, and serves nothing without TLS that requires it.
func testCrossScheme(t *testing.T, f *fleet) {
	t.Helper()
	for _, c := range []struct {
		from, path, to string
		status         int
	}{
		{"http", "/one", at("https", "/end"), 302},
		{"https", "/one", at("http", "/end"), 302},
		{"http", "/safe", at("https", "/end"), 302},
		{"https", "/safe", at("http", "/end"), 200},
		{"http", "/always", at("https", "/end"), 200},
		{"https", "/always", at("http", "/end"), 200},
		{"http", "/always", at("https", "/secret"), 301}, // the redirect to HTTPS of the HTTP listener
		{"http", "/one", at("http", "/secret"), 301},
		{"https", "/always", at("http", "/secret"), 200},
	} {
		got := f.follow(t, c.from, to(c.path, 302, c.to))
		if got.status != c.status {
			t.Errorf("%s %s to %s: %d from %q, want %d", c.from, c.path, c.to, got.status, got.at, c.status)
		}
		if c.status == http.StatusMovedPermanently && got.location != at("https", "/secret") {
			t.Errorf("%s %s to %s: leads to %s", c.from, c.path, c.to, got.location)
		}
	}
}
