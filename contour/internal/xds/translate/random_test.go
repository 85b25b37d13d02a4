package translate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// random generates values of the ir. It selects texts from a few, so that values collide; with valid set it generates only
// values that compile may return.
type random struct {
	*rand.Rand
	texts []string
	valid bool
}

// newRandom generates values that compile may return.
func newRandom(seed uint64) random {
	return random{Rand: rand.New(rand.NewPCG(seed, 0)), valid: true, texts: []string{"a", "b", "web", "x-header"}}
}

// wild generates any values, with the given text among their texts.
func wild(seed uint64, text string) random {
	return random{Rand: rand.New(rand.NewPCG(seed, 0)), texts: []string{text, "", "a", "/", "/a/", "*.", "\x00", "\xff", "%", "a\nb", "?#"}}
}

func (r random) text() string { return r.texts[r.IntN(len(r.texts))] }

func (r random) flip() bool { return r.IntN(2) == 0 }

// some returns up to three values.
func some[T any](r random, of func() T) []T {
	var out []T
	for range r.IntN(4) {
		out = append(out, of())
	}
	return out
}

func maybe[T any](r random, of func() T) *T {
	if r.flip() {
		return nil
	}
	v := of()
	return &v
}

// enum returns one of the values up to last; a wild one may be larger.
func enum[T ~uint8](r random, last T) T {
	if r.valid {
		return T(r.IntN(int(last) + 1))
	}
	return T(r.IntN(int(last) + 3))
}

func (r random) path() string {
	if !r.valid {
		return r.text()
	}
	return [...]string{"/", "/a", "/a/", "/a/b"}[r.IntN(4)]
}

func (r random) number(limit int) uint32 {
	if !r.valid && r.IntN(8) == 0 {
		return r.Uint32()
	}
	return uint32(r.IntN(limit))
}

func (r random) timeout() ir.Timeout {
	d := time.Duration(r.IntN(3)) * time.Second
	if !r.valid {
		d = time.Duration(r.Uint64())
	}
	return ir.Timeout{Disabled: r.IntN(4) == 0, Duration: d}
}

func (r random) name() kobj.Name { return kobj.Name{Namespace: r.text(), Name: r.text()} }

func (r random) cluster() ir.Cluster {
	c := ir.Cluster{
		Endpoints: ir.EndpointKey{Service: r.name(), Port: r.text()}, Port: int32(r.number(3)),
		Protocol: enum(r, ir.ProtocolH2), SNI: r.text(), Tuning: ir.Intern(r.tuning()),
	}
	if !r.valid || c.Protocol.UsesTLS() {
		if r.flip() {
			c.TLS = ir.UpstreamTLS{CA: r.name(), Names: ir.NewList(some(r, r.text)...)}
			tuning := c.Tuning.Value()
			tuning.Authorities = ir.Authorities{ConfigMap: r.flip(), System: r.flip() && !r.valid, URIs: ir.NewList(some(r, r.text)...)}
			c.Tuning = ir.Intern(tuning)
		}
	}
	return c
}

func (r random) tuning() ir.Tuning {
	t := ir.Tuning{Idle: r.timeout()}
	if r.flip() {
		t.ClientCertificate = r.name()
	}
	if r.flip() {
		return t
	}
	t.Balancing = enum(r, ir.BalanceHash)
	if r.flip() {
		t.SlowStart = ir.SlowStart{Window: time.Second, Aggression: 1.5, MinWeight: uint32(r.IntN(101))}
	}
	t.Health = ir.HealthCheck{
		Kind: enum(r, ir.HealthTCP), Interval: time.Second, Timeout: time.Second, Healthy: 1, Unhealthy: 1,
		Path: "/" + r.text(), Host: r.text(), Port: r.text(), Statuses: ir.Statuses{}.With(r.IntN(700), r.IntN(700)),
	}
	if !r.valid && r.flip() {
		t.Health.Timeout, t.Health.Path, t.SlowStart.Aggression = time.Duration(r.IntN(3)-1), r.text(), float64(r.IntN(3)-1)
	}
	return t
}

func (r random) special() *ir.Special {
	if !r.flip() {
		return nil
	}
	s := &ir.Special{Hash: some(r, func() ir.HashKey {
		k := ir.HashKey{Terminal: r.flip()}
		*[]*string{&k.Cookie, &k.Header, &k.Query, new(string)}[r.IntN(4)] = "x"
		return k
	})}
	s.Mirrors = some(r, func() ir.Mirror {
		return ir.Mirror{Cluster: r.cluster(), PerMillion: uint32(r.IntN(1_000_001)), KeepHost: r.flip()}
	})
	return s
}

func (r random) edits() ir.HeaderEdits {
	return ir.HeaderEdits{Set: some(r, func() ir.Header { return ir.Header{Name: r.text(), Value: r.text(), Append: r.flip()} }), Remove: some(r, r.text)}
}

func (r random) backend() ir.Backend {
	b := ir.Backend{Cluster: r.cluster(), Weight: r.number(3), RequestHeaders: r.edits(), ResponseHeaders: r.edits()}
	if r.IntN(8) == 0 {
		b.Unresolved, b.Cluster = true, ir.Cluster{}
	}
	if r.flip() {
		b.Host = r.text()
	}
	if r.IntN(8) == 0 {
		b.Cookies = new(r.cookies())
	}
	return b
}

// backends returns at least one, unless the values are wild.
func (r random) backends() []ir.Backend {
	b := some(r, r.backend)
	if r.valid {
		b = append(b, r.backend())
	}
	return b
}

func (r random) forward() ir.Forward {
	return ir.Forward{
		Backends: r.backends(), Timeout: r.timeout(), Idle: r.timeout(), Websocket: r.flip(), Special: r.special(),
		Rewrite: maybe(r, func() ir.PathRewrite {
			w := ir.PathRewrite{Prefix: r.path()}
			if r.flip() {
				w.Full = r.path()
			}
			return w
		}),
		Unresolved: []uint16{0, 500, 503}[r.IntN(3)],
		Host:       maybe(r, func() ir.HostRewrite { return ir.HostRewrite{Literal: r.text(), Header: r.text()} }),
		Retry: maybe(r, func() ir.Retry {
			return ir.Retry{On: some(r, r.text), Count: r.number(3), PerTry: r.timeout(), StatusCode: some(r, func() uint32 { return 500 + r.number(50) }), BackOff: time.Duration(r.number(3)) * time.Second}
		}),
	}
}

func (r random) match() ir.Match {
	return ir.Match{
		Path: ir.PathMatch{Kind: enum(r, ir.PathMethod), Value: r.path()},
		Headers: some(r, func() ir.HeaderMatch {
			return ir.HeaderMatch{Name: r.text(), Kind: enum(r, ir.StringPresent), Value: r.text(), IgnoreCase: r.flip(), Invert: r.flip(), MissingAsEmpty: r.flip()}
		}),
		Query: some(r, func() ir.QueryMatch {
			return ir.QueryMatch{Name: r.text(), Kind: enum(r, ir.StringPresent), Value: r.text(), IgnoreCase: r.flip()}
		}),
	}
}

func (r random) policies() *ir.Policies {
	if r.IntN(3) > 0 {
		return nil
	}
	return &ir.Policies{
		CORS: maybe(r, func() ir.CORS {
			return ir.CORS{
				Origins: []ir.StringMatch{{Kind: []ir.StringKind{ir.StringExact, ir.StringRegex}[r.IntN(2)], Value: r.text(), IgnoreCase: r.flip()}},
				Methods: some(r, r.text), Headers: some(r, r.text), Expose: some(r, r.text), MaxAge: r.timeout(), Credentials: r.flip(), PrivateNetwork: r.flip(),
			}
		}),
		IPFilter: maybe(r, func() ir.IPFilter {
			p := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
			return ir.IPFilter{Deny: r.flip(), Sources: []ir.IPSource{{Prefix: p[r.IntN(2)], Peer: r.flip()}}, Invalid: r.IntN(4) == 0}
		}),
		LocalRateLimit: maybe(r, func() ir.LocalRateLimit {
			if r.IntN(4) == 0 {
				return ir.LocalRateLimit{Unlimited: true}
			}
			l := ir.LocalRateLimit{
				Requests: 1 + r.number(3), Burst: r.number(3), Interval: time.Minute, Code: 429, Invalid: r.IntN(4) == 0,
				Headers: []ir.Header{{Name: r.text(), Value: r.text()}},
			}
			if !r.valid {
				l.Requests, l.Code, l.Interval = r.Uint32(), r.Uint32(), time.Duration(r.Uint64())
			}
			return l
		}),
		JWT:           maybe(r, r.jwt),
		Authorization: maybe(r, r.authorization),
		Cookies:       maybe(r, r.cookies),

		GlobalRateLimit: maybe(r, r.globalRateLimit),
	}
}

func (r random) globalRateLimit() ir.GlobalRateLimit {
	if r.IntN(8) == 0 {
		return ir.GlobalRateLimit{Invalid: true}
	}
	return ir.GlobalRateLimit{
		Service: &ir.RateLimitService{
			Cluster: ir.ExtensionCluster{Object: r.name(), Protocol: ir.ProtocolH2C}, Domain: r.text(), Timeout: r.timeout(),
			FailOpen: r.flip(), Headers: r.flip(), ResourceExhausted: r.flip(),
		},
		Descriptors: some(r, func() ir.LimitDescriptor {
			return append(some(r, func() ir.LimitEntry {
				e := ir.LimitEntry{Kind: enum(r, ir.LimitAddress), Key: r.text(), Value: r.text(), Header: r.text()}
				if e.Kind == ir.LimitMatch {
					e.Headers, e.Unless = []ir.HeaderMatch{{Name: r.text(), Value: r.text()}}, r.flip()
				}
				return e
			}), ir.LimitEntry{Kind: ir.LimitAddress})
		}),
	}
}

func (r random) cookies() ir.CookieRewrites {
	return ir.CookieRewrites{Cookies: []ir.CookieRewrite{{Name: r.text(), Path: "/", Domain: "example.com"}}}
}

// authorization returns a section of a virtual host or of a route; a route may refer to the service of its host.
func (r random) authorization() ir.Authorization {
	if r.IntN(8) == 0 {
		return ir.Authorization{Invalid: true, Mode: enum(r, ir.AuthorizeNever)}
	}
	a := ir.Authorization{Mode: enum(r, ir.AuthorizeNever), Service: maybe(r, r.authorizationService)}
	if a.Service == nil || a.Service.HTTP == nil {
		a.Context = some(r, func() ir.ContextEntry { return ir.ContextEntry{Key: r.text(), Value: r.text()} })
	}
	return a
}

func (r random) authorizationService() ir.AuthorizationService {
	s := ir.AuthorizationService{
		Cluster: ir.ExtensionCluster{Object: r.name(), Protocol: ir.ProtocolH2C, Idle: r.timeout(), Balance: enum(r, ir.ExtensionLeastRequest)},
		Timeout: r.timeout(), FailOpen: r.flip(),
		Body: maybe(r, func() ir.AuthorizationBody {
			return ir.AuthorizationBody{MaxBytes: 1 + r.number(100), Partial: r.flip(), Raw: r.flip()}
		}),
	}
	if r.flip() {
		s.HTTP = &ir.HTTPAuthorization{PathPrefix: r.path(), RequestHeaders: []ir.StringMatch{{Value: "x-header"}}}
	}
	return s
}

// jwt returns a section whose providers have the public key of RFC 7517, appendix A.1.
func (r random) jwt() ir.JWT {
	switch r.IntN(6) {
	case 0:
		return ir.JWT{Invalid: true}
	case 1:
		return ir.JWT{Unavailable: true}
	}
	keys := ir.KeySet(`{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
	if !r.valid {
		keys = ir.KeySet(r.text())
	}
	providers := &ir.JWTProviders{List: []ir.JWTProvider{{Name: r.text(), Issuer: r.text(), Audiences: some(r, r.text), Forward: r.flip(), Keys: keys}}}
	if r.flip() {
		return ir.JWT{Providers: providers}
	}
	return ir.JWT{Providers: providers, Require: providers.List[0].Name}
}

// route returns a route with exactly one action, unless the values are wild.
func (r random) route() ir.Route {
	route := ir.Route{Match: r.match(), RequestHeaders: r.edits(), ResponseHeaders: r.edits(), Origin: kobj.Key{Kind: kobj.HTTPProxy, Name: r.name()}, Policies: r.policies()}
	redirect := func() ir.Redirect {
		return ir.Redirect{Scheme: r.text(), Hostname: r.text(), Port: r.number(60000), Path: r.path(), Prefix: r.path(), Code: 300 + r.number(9), HTTPS: r.flip()}
	}
	direct := func() ir.Direct { return ir.Direct{Code: 200 + r.number(300), Body: r.text()} }
	if !r.valid {
		route.Forward, route.Redirect, route.Direct = maybe(r, r.forward), maybe(r, redirect), maybe(r, direct)
		return route
	}
	switch r.IntN(4) {
	case 0:
		v := redirect()
		route.Redirect = &v
	case 1:
		v := direct()
		route.Direct = &v
	default:
		v := r.forward()
		route.Forward = &v
	}
	return route
}

func (r random) key() ir.HostKey {
	k := ir.HostKey{Listener: classic.HTTP(), Hostname: fmt.Sprintf("h%d.example.com", r.IntN(8))}
	if r.flip() {
		k.Listener = classic.HTTPS()
	}
	switch r.IntN(8) {
	case 0:
		k.Hostname = "*"
	case 1:
		k.Hostname = "*.example.com"
	case 2:
		if !r.valid {
			k.Hostname = r.text()
		}
	}
	return k
}

// validation makes some hosts that terminate TLS validate clients, and others have a fallback certificate.
func (r random) validation(t *ir.TLS) {
	switch {
	case t.Passthrough:
	case r.IntN(4) == 0:
		t.Clients = ir.ClientValidation{
			Certificates: ir.OptionalClientCertificates + ir.ClientCertificates(r.IntN(2)), Unverified: r.flip(),
			CA:      kobj.Name{Namespace: "app", Name: "ca"},
			Forward: ir.ForwardedCertificate{Enabled: r.flip(), Subject: r.flip(), Cert: r.flip(), Chain: r.flip(), DNS: r.flip(), URI: r.flip()},
		}
	case r.IntN(4) == 0:
		t.Fallback = r.name()
	}
}

func (r random) host() *ir.VirtualHost {
	v := &ir.VirtualHost{Key: r.key(), Origins: []kobj.Key{{Kind: kobj.HTTPProxy, Name: r.name()}}, Policies: r.policies()}
	tls := func() ir.TLS { return ir.TLS{Certificate: r.name(), Min: ir.TLS12, Max: ir.TLS13} }
	tcp := func() ir.TCPProxy { return ir.TCPProxy{Backends: r.backends()} }
	switch {
	case !r.valid:
		v.Routes, v.TLS, v.TCP = some(r, r.route), maybe(r, tls), maybe(r, tcp)
		if v.TLS != nil {
			v.TLS.Passthrough, v.TLS.Min = r.flip(), ir.TLSVersion(r.number(10))
		}
		return v
	case v.Key.Listener == classic.HTTPS():
		v.TLS, v.TCP = maybe(r, tls), maybe(r, tcp)
		if v.TLS == nil && v.TCP == nil {
			v.TLS = &ir.TLS{Certificate: r.name()}
		} else if v.TLS == nil {
			v.TLS = &ir.TLS{Passthrough: true}
		}
		r.validation(v.TLS)
	}
	if v.TCP == nil {
		v.Routes = some(r, r.route)
	}
	return v
}
