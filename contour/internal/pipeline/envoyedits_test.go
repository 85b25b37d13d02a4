//go:build envoy

package pipeline_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// editLoad sends requests one after the other over a connection, and counts those without an expected response.
type editLoad struct {
	*keptConnection
	sent, wrong atomic.Int64
	last        atomic.Value // the last unexpected response
	also        atomic.Int64 // a status that is expected beside 200
}

func (l *editLoad) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := l.send(); err != nil {
			l.wrong.Add(1)
			l.last.Store(err.Error())
		}
		l.sent.Add(1)
	}
}

func (l *editLoad) send() error {
	request, err := http.NewRequest(http.MethodGet, l.url+"/api", http.NoBody)
	if err != nil {
		return err
	}
	response, err := l.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if s := int64(response.StatusCode); s != http.StatusOK && s != l.also.Load() {
		return fmt.Errorf("status %d", s)
	}
	return nil
}

// editLoads are the loads during the edits of a test.
type editLoads []*editLoad

// start runs loads on the hosts of startUpstreams, with HTTP/1.1 and HTTP/2, until the test ends.
func (f *fleet) startEditLoads(t *testing.T) editLoads {
	t.Helper()
	var all editLoads
	for _, http2 := range []bool{false, true} {
		all = append(all,
			&editLoad{keptConnection: f.connect("host-0.example.com", false, http2)},
			&editLoad{keptConnection: f.connect("tls-1.example.com", true, http2)})
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for _, l := range all {
		l.expect(t, "before", "/api", http.StatusOK)
		running.Go(func() { l.run(stop) })
	}
	t.Cleanup(func() {
		close(stop)
		running.Wait()
		for _, l := range all {
			l.CloseIdleConnections()
		}
	})
	return all
}

// after waits until each load has sent some requests since an edit, and fails if one was not answered as expected.
func (all editLoads) after(t *testing.T, edit string) {
	t.Helper()
	for _, l := range all {
		before := l.sent.Load()
		if !eventually(func() bool { return l.sent.Load() > before+20 }) {
			t.Fatalf("%s: %s stands still", edit, l.name)
		}
		if n := l.wrong.Swap(0); n > 0 {
			t.Errorf("%s: %s: %d requests failed, the last with %v", edit, l.name, n, l.last.Load())
		}
	}
}

// ofAPI is an edit of the route for /api only.
func ofAPI(edit func(*contourv1.Route)) func(*contourv1.Route) {
	return func(r *contourv1.Route) {
		if len(r.Conditions) > 0 {
			edit(r)
		}
	}
}

// routeEdits are edits of every part of a route that is not the subject of another test of edits, and the status that they
// give to requests for a time.
func routeEdits() []struct {
	name string
	also int64
	edit func(*contourv1.Route)
} {
	header := &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "X-A", Value: "%REQ(host)%"}}, Remove: []string{"X-B"}}
	return []struct {
		name string
		also int64
		edit func(*contourv1.Route)
	}{
		{"request headers", 0, func(r *contourv1.Route) { r.RequestHeadersPolicy = header }},
		{"response headers", 0, func(r *contourv1.Route) { r.ResponseHeadersPolicy = header }},
		{"headers of a service", 0, func(r *contourv1.Route) {
			r.Services[0].RequestHeadersPolicy, r.Services[0].ResponseHeadersPolicy = header, header
		}},
		{"the host header", 0, func(r *contourv1.Route) {
			r.RequestHeadersPolicy = &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "Host", Value: "other.example.com"}}}
		}},
		{"timeouts", 0, func(r *contourv1.Route) {
			r.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: "30s", Idle: "1m", IdleConnection: "10s"}
		}},
		{"no timeouts", 0, func(r *contourv1.Route) {
			r.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: "infinity", Idle: "infinity"}
		}},
		{"retries", 0, func(r *contourv1.Route) {
			r.RetryPolicy = &contourv1.RetryPolicy{NumRetries: 3, PerTryTimeout: "5s", RetryOn: []contourv1.RetryOn{"5xx", "retriable-status-codes"}, RetriableStatusCodes: []uint32{503}}
		}},
		{"a rewrite of the path", 0, func(r *contourv1.Route) {
			r.PathRewritePolicy = &contourv1.PathRewritePolicy{ReplacePrefix: []contourv1.ReplacePrefix{{Replacement: "/v2"}}}
		}},
		{"websockets", 0, func(r *contourv1.Route) { r.EnableWebsockets = true }},
		{"no requirement of TLS", 0, func(r *contourv1.Route) { r.PermitInsecure = true }},
		{"conditions", 0, func(r *contourv1.Route) {
			r.Conditions = append(slices.Clone(r.Conditions), contourv1.MatchCondition{Header: &contourv1.HeaderMatchCondition{Name: "X-Absent", NotPresent: true}})
		}},
		{"a query condition", http.StatusNotFound, func(r *contourv1.Route) {
			r.Conditions = append(slices.Clone(r.Conditions), contourv1.MatchCondition{QueryParameter: &contourv1.QueryParameterMatchCondition{Name: "q", Exact: "1"}})
		}},
		{"all conditions on headers", 0, func(r *contourv1.Route) {
			for _, h := range []contourv1.HeaderMatchCondition{
				{Name: "User-Agent", Present: true},
				{Name: "User-Agent", Contains: "HTTP-CLIENT", IgnoreCase: true},
				{Name: "Accept-Encoding", Exact: "GZIP", IgnoreCase: true},
				{Name: "User-Agent", Regex: "Go-.*"},
				{Name: "X-Absent", NotContains: "a", TreatMissingAsEmpty: true},
				{Name: "X-Absent", NotExact: "a", TreatMissingAsEmpty: true},
			} {
				r.Conditions = append(slices.Clone(r.Conditions), contourv1.MatchCondition{Header: &h})
			}
		}},
		{"all conditions on query parameters", http.StatusNotFound, func(r *contourv1.Route) {
			for _, q := range []contourv1.QueryParameterMatchCondition{
				{Name: "a", Prefix: "x", IgnoreCase: true}, {Name: "b", Suffix: "x"}, {Name: "c", Regex: "x.*"}, {Name: "d", Contains: "x"}, {Name: "e", Present: true},
			} {
				r.Conditions = append(slices.Clone(r.Conditions), contourv1.MatchCondition{QueryParameter: &q})
			}
		}},
		{"an exact path", 0, ofAPI(func(r *contourv1.Route) { r.Conditions = []contourv1.MatchCondition{{Exact: "/api"}} })},
		{"a regular expression of the path", 0, ofAPI(func(r *contourv1.Route) { r.Conditions = []contourv1.MatchCondition{{Regex: "/a.i"}} })},
		{"a rewrite of one prefix", 0, ofAPI(func(r *contourv1.Route) {
			r.PathRewritePolicy = &contourv1.PathRewritePolicy{ReplacePrefix: []contourv1.ReplacePrefix{{Prefix: "/api", Replacement: "/v3"}}}
		})},
		{"denied addresses", 0, func(r *contourv1.Route) {
			r.IPDenyFilterPolicy = []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourcePeer, CIDR: "10.0.0.0/8"}}
		}},
		{"weights", 0, func(r *contourv1.Route) {
			other := r.Services[0]
			other.Name, other.Weight = map[string]string{"service-0": "service-1", "service-1": "service-0"}[other.Name], 30
			r.Services[0].Weight = 70
			r.Services = append(r.Services, other)
		}},
		{"another service", 0, func(r *contourv1.Route) {
			r.Services[0].Name = map[string]string{"service-0": "service-1", "service-1": "service-0"}[r.Services[0].Name]
		}},
		{"another protocol", 0, func(r *contourv1.Route) { r.Services[0].Protocol = new("h2c") }},
		{"internal redirects", 0, func(r *contourv1.Route) {
			r.InternalRedirectPolicy = &contourv1.HTTPInternalRedirectPolicy{
				MaxInternalRedirects: 2, RedirectResponseCodes: []contourv1.RedirectResponseCode{302, 307},
				AllowCrossSchemeRedirect: "Always", DenyRepeatedRouteRedirect: true,
			}
		}},
		{"filters of addresses", 0, func(r *contourv1.Route) {
			r.IPAllowFilterPolicy = []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourceRemote, CIDR: "127.0.0.0/8"}}
		}},
		{"a limit that is not reached", 0, func(r *contourv1.Route) {
			r.RateLimitPolicy = &contourv1.RateLimitPolicy{Local: &contourv1.LocalRateLimitPolicy{
				Requests: 1 << 20, Unit: "second", Burst: 10, ResponseStatusCode: 503,
				ResponseHeadersToAdd: []contourv1.HeaderValue{{Name: "X-Limited", Value: "yes"}},
			}}
		}},
		{"a redirect", http.StatusFound, func(r *contourv1.Route) {
			r.Services, r.RequestRedirectPolicy = nil, &contourv1.HTTPRequestRedirectPolicy{Hostname: new("other.example.com")}
		}},
		{"a redirect to a path", http.StatusMovedPermanently, func(r *contourv1.Route) {
			r.Services, r.RequestRedirectPolicy = nil, &contourv1.HTTPRequestRedirectPolicy{
				Scheme: new("https"), Port: new(int32(8443)), StatusCode: new(contourv1.RedirectResponseCode(301)), Path: new("/other"),
			}
		}},
		{"a redirect to a prefix", http.StatusFound, func(r *contourv1.Route) {
			r.Services, r.RequestRedirectPolicy = nil, &contourv1.HTTPRequestRedirectPolicy{Prefix: new("/other")}
		}},
		{"a direct response", http.StatusTeapot, func(r *contourv1.Route) {
			r.Services, r.DirectResponsePolicy = nil, &contourv1.HTTPDirectResponsePolicy{StatusCode: http.StatusTeapot, Body: "short"}
		}},
	}
}

// Each part of a route is added and removed under load, over HTTP/1.1 and HTTP/2, with and without TLS: no request fails, and no
// connection is closed.
func TestEditsOfRoutesLoseNoRequestsOnEnvoy(t *testing.T) {
	none := func(*contourv1.Route) {}
	f := startUpstreams(t, none)
	loads := f.startEditLoads(t)
	for _, e := range routeEdits() {
		for _, l := range loads {
			l.also.Store(e.also)
		}
		f.editRoutes(t, e.edit)
		loads.after(t, e.name)
		f.editRoutes(t, none)
		loads.after(t, "no "+e.name)
	}
	for _, l := range loads {
		if n := l.opened.Load(); n != 1 {
			t.Errorf("%s: %d connections, want 1", l.name, n)
		}
		t.Logf("%s: %d requests", l.name, l.sent.Load())
	}
}

// inclusionEdit is a list of inclusions; nil if the root has the routes.
type inclusionEdit struct {
	name     string
	includes []contourv1.Include
}

func inclusionEdits() []inclusionEdit {
	absent := contourv1.MatchCondition{Header: &contourv1.HeaderMatchCondition{Name: "X-Absent", NotPresent: true}}
	return []inclusionEdit{
		{"an inclusion", []contourv1.Include{{Name: "first"}}},
		{"one of another object", []contourv1.Include{{Name: "second"}}},
		{"a condition", []contourv1.Include{{Name: "second", Conditions: []contourv1.MatchCondition{absent}}}},
		{"a prefix", []contourv1.Include{{Name: "first"}, {Name: "second", Conditions: []contourv1.MatchCondition{{Prefix: "/api"}}}}},
		{"a namespace", []contourv1.Include{{Name: "first", Namespace: "team"}}},
		{"no inclusion", nil},
	}
}

// Routes move to an included object, to another one and back, and inclusions get conditions, under load: no request fails, and no
// connection is closed.
func TestEditsOfInclusionsLoseNoRequestsOnEnvoy(t *testing.T) {
	f := startUpstreams(t, func(*contourv1.Route) {})
	loads := f.startEditLoads(t)
	for _, e := range inclusionEdits() {
		for _, root := range []*contourv1.HTTPProxy{proxy(0), tlsProxy(1)} {
			routes := root.Spec.Routes
			if root.Spec.Includes = slices.Clone(e.includes); e.includes != nil {
				root.Spec.Routes = nil
			}
			for i := range root.Spec.Includes {
				root.Spec.Includes[i].Name = root.Name + "-" + root.Spec.Includes[i].Name
			}
			var step []store.Change
			for _, name := range []string{"first", "second"} {
				child := &contourv1.HTTPProxy{ObjectMeta: meta(root.Name + "-" + name)}
				child.Spec.Routes = routes
				step = append(step, change(child)...)
			}
			f.sys.Step(append(step, change(root)...))
		}
		f.waitIdle(t)
		loads.after(t, e.name)
	}
	for _, l := range loads {
		if n := l.opened.Load(); n != 1 {
			t.Errorf("%s: %d connections, want 1", l.name, n)
		}
	}
}

// handshakeEdit is an edit of what belongs to the handshakes of a host.
type handshakeEdit struct {
	name string
	edit func(*contourv1.VirtualHost)
}

func handshakeEdits() []handshakeEdit {
	return []handshakeEdit{
		{"the minimum version", func(h *contourv1.VirtualHost) { h.TLS.MinimumProtocolVersion = "1.3" }},
		{"the maximum version", func(h *contourv1.VirtualHost) { h.TLS.MaximumProtocolVersion = "1.2" }},
		{"another Secret", func(h *contourv1.VirtualHost) { h.TLS.SecretName = "cert-2" }},
		{"the fallback certificate", func(h *contourv1.VirtualHost) { h.TLS.EnableFallbackCertificate = true }},
		{"optional certificates of clients", func(h *contourv1.VirtualHost) {
			h.TLS.ClientValidation = &contourv1.DownstreamValidation{SkipClientCertValidation: true, OptionalClientCertificate: true}
		}},
		{"authorities and what is forwarded", func(h *contourv1.VirtualHost) {
			h.TLS.ClientValidation = &contourv1.DownstreamValidation{
				CACertificate: "ca", CertificateRevocationList: "crl", OnlyVerifyLeafCertCrl: true, OptionalClientCertificate: true,
				ForwardClientCertificate: &contourv1.ClientCertificateDetails{Subject: true, Cert: true, Chain: true, DNS: true, URI: true},
			}
		}},
	}
}

// clientAuthorities are the Secrets of the authorities of clients and of their revocation list.
func clientAuthorities(t *testing.T) (out []store.Change) {
	t.Helper()
	for _, c := range loadCases(t) {
		if c.Name != validationCase {
			continue
		}
		for _, name := range []string{"ca", "crl"} {
			i := slices.IndexFunc(c.Objects, func(o store.Change) bool { return o.Key == kobj.Of(kobj.Secret, "default", name) })
			s := c.Objects[i].Object.(*corev1.Secret).DeepCopy()
			s.Namespace = "team"
			out = append(out, change(s)...)
		}
	}
	return out
}

// The settings of a TLS host that belong to its handshakes are edited under load. Its connections are drained, which fails no
// request if the drain time is longer than that of a connection (5 s); those of the other host are not. A renewed certificate, which is no edit of the host, drains nothing.
func TestEditsOfTLSHostsFailNoRequestsOnEnvoy(t *testing.T) {
	f := startUpstreams(t, func(*contourv1.Route) {}, func(c *config.Config) {
		c.XDS.DrainTime, c.Objects.FallbackCertificate = 15*time.Second, kobj.Name{Namespace: "team", Name: "cert-2"}
	})
	f.sys.Step(append(append(change(secret(t, "team", "cert-2")), change(tlsProxy(0))...), clientAuthorities(t)...))
	f.waitIdle(t)
	loads := f.startEditLoads(t)
	other := &editLoad{keptConnection: f.connect("tls-0.example.com", true, true)}
	defer other.CloseIdleConnections()
	other.expect(t, "before", "/api", http.StatusOK)
	opened := func() (n int64) {
		for _, l := range loads {
			if l.TLSClientConfig != nil && l.url == "https://tls-1.example.com" {
				n += l.opened.Load()
			}
		}
		return n
	}
	expect := func(name string, before int64) { // other hosts keep the filter chain of these connections
		t.Helper()
		loads.after(t, name)
		if n := opened() - before; n > 0 {
			t.Errorf("%s opens %d connections", name, n)
		}
	}
	for _, e := range handshakeEdits() {
		for _, what := range []string{e.name, "no " + e.name} {
			p, before := tlsProxy(1), opened()
			if what == e.name {
				e.edit(p.Spec.VirtualHost)
			}
			f.sys.Step(change(p))
			f.waitIdle(t)
			expect(what, before)
		}
	}
	before := opened()
	f.sys.Step(change(secret(t, "team", "cert-1")))
	f.waitIdle(t)
	expect("a renewed certificate", before)
	if err := other.send(); err != nil || other.opened.Load() != 1 {
		t.Errorf("the other host: %v, %d connections", err, other.opened.Load())
	}
}
