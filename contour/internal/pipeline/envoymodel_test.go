//go:build envoy

package pipeline_test

import (
	"cmp"
	"encoding/pem"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"golang.org/x/net/http/httpguts"
	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	"contour.example/envoybootstrap"
	"contour.example/envoybootstrap/admin"
)

// usualPairs is a number of random requests of which some depend on each feature, with the usual seed.
const usualPairs = 16000

var pairs = flag.Int("pairs", usualPairs, "number of random requests that the model and a real Envoy answer")

var wrongs = flag.Int("wrongs", 10, "number of differences after which the comparison ends")

var firstConfiguration = flag.Int("first", 0, "number of random configurations to leave out before the first one, to replay a difference")

// longestPair is how much of the time of the test a request may have: on a slower machine fewer are compared.
const longestPair = 20 * time.Millisecond

// requestsEach is the number of requests to a configuration.
const requestsEach = 150

// backendName is the name in the certificate of the backends.
const backendName = "backend.example.com"

// gatewayAddress is the address of the Gateway of random configurations.
const gatewayAddress = "127.100.97.1"

// material returns the certificates and tokens of random configurations and requests.
func (f *fleet) material(t *testing.T) stagetest.Material {
	t.Helper()
	m := stagetest.Material{
		Endpoint:  func(service string) string { return fmt.Sprint("127.0.0.1:", f.backends.port(t, service)) },
		Authority: must(os.ReadFile("testdata/authority.pem"))(t), BackendName: backendName, GatewayAddr: gatewayAddress, ClientChains: map[string][]byte{},
		Now: time.Now(),
	}
	for i := range 3 {
		m.Pairs = append(m.Pairs, must(stagetest.NewPair(fmt.Sprintf("certificate-%d.example.com", i), time.Now().AddDate(10, 0, 0)))(t))
	}
	for _, name := range []string{"good", "below", "expired", "revoked", "stranger"} {
		m.ClientChains[name] = must(stagetest.Client(name))(t)
	}
	for _, c := range loadCases(t) {
		for _, o := range c.Objects {
			if s, ok := o.Object.(*corev1.Secret); ok && c.Name == validationCase {
				switch s.Name {
				case "ca":
					m.Clients = s.Data["ca.crt"]
				case "crl":
					m.Revoked = s.Data["crl.pem"]
				}
			}
		}
	}
	if block, _ := pem.Decode(m.Clients); block == nil || len(m.Revoked) == 0 {
		t.Fatal("the case has no authority of clients")
	}
	known, unknown := must(stagetest.NewIssuer("one"))(t), must(stagetest.NewIssuer("two"))(t)
	m.KeySet = must(stagetest.KeySet(known))(t)
	const issuer = "https://issuer.example.org"
	for _, claims := range []map[string]any{
		{"iss": issuer, "aud": "a"},
		{"iss": issuer, "aud": []string{"b", "c"}},
		{"iss": issuer},
		{"iss": "https://other.example.org", "aud": "a"},
		{"aud": "a"},
		{"iss": issuer, "aud": "a", "exp": time.Now().Add(-time.Hour).Unix()},
		{"iss": issuer, "aud": "a", "exp": time.Now().Add(time.Hour).Unix()},
		{"iss": issuer, "aud": "a", "nbf": time.Now().Add(time.Hour).Unix()},
		{},
	} {
		m.Tokens = append(m.Tokens, must(known.Token(claims))(t))
	}
	valid := map[string]any{"iss": issuer, "aud": "a"}
	m.Tokens = append(m.Tokens, must(unknown.Token(valid))(t), must(stagetest.Unsigned(valid))(t), m.Tokens[0]+"x", m.Tokens[0][:len(m.Tokens[0])-8])
	return m
}

// comparison is a comparison of the model with a real Envoy.
type comparison struct {
	*fleet
	envoy    *admin.Client
	random   *rand.Rand
	traffic  *stagetest.Traffic
	base     config.Config
	clients  keeper
	model    *semantic.Envoy
	compared int
	unsent   int            // requests that clients or backends of these tests cannot have
	again    int            // requests that were sent more than once
	unknown  map[string]int // reasons why the model cannot tell
	outcomes map[string]int
	features map[string]int // of the answers
	wrong    int

	configurations int
	configuring    time.Duration
	configured     time.Time // the last of them
}

// The model answers random requests to random configurations as a real Envoy does, and seldom cannot tell.
func TestModelIsThatOfEnvoy(t *testing.T) {
	c := startComparison(t)
	began := time.Now()
	for ; c.compared < *pairs && c.wrong < *wrongs && time.Since(began) < longestPair*time.Duration(*pairs); c.configurations++ {
		objects, settings := c.traffic.Configuration(), c.settings()
		if c.configurations >= *firstConfiguration {
			c.configure(t, objects, settings)
		}
		for range requestsEach {
			if r := c.traffic.Request(); c.configurations >= *firstConfiguration {
				c.compare(t, r)
			}
		}
		c.clients.close()
	}
	cannot := 0
	for _, why := range slices.Sorted(maps.Keys(c.unknown)) {
		t.Logf("cannot tell: %d %s", c.unknown[why], why)
		cannot += c.unknown[why]
	}
	t.Logf("%d configurations took %s, %d pairs %s", c.configurations, c.configuring, c.compared, time.Since(began)-c.configuring)
	t.Logf("%d not sent, %d again, %d wrong, cannot tell %d (%.2f %%), outcomes %v", c.unsent, c.again, c.wrong, cannot, 100*float64(cannot)/float64(c.compared), c.outcomes)
	t.Logf("features: %v", c.features)
	enough := usualPairs
	if os.Getenv("SEED") != "" { // some features are rare
		enough = 10 * usualPairs
	}
	for feature := range featuresOf(semantic.Request{}, semantic.Answer{}) {
		if c.features[feature] == 0 && c.compared >= enough {
			t.Errorf("no answer depends on %s", feature)
		}
	}
	if 100*cannot >= c.compared {
		t.Errorf("the model cannot tell %d of %d answers", cannot, c.compared)
	}
}

func startComparison(t *testing.T) *comparison {
	t.Helper()
	seed := randomtest.Seed(t)
	socket := ""
	f := startFleetWith(t, func(c *envoybootstrap.Config) { socket = c.AdminSocket })
	return &comparison{
		fleet: f, envoy: admin.New(socket, admin.Options{}), base: f.config, random: rand.New(rand.NewPCG(seed, 1)), traffic: stagetest.NewTraffic(rand.NewPCG(seed, 2), f.material(t)),
		clients: keeper{kept: map[string]*literalConn{}}, unknown: map[string]int{}, outcomes: map[string]int{}, features: map[string]int{},
	}
}

// settings returns random settings.
func (c *comparison) settings() config.Config {
	cfg := c.base
	cfg.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix(stagetest.GatewayAddresses)}
	if c.random.IntN(2) == 0 {
		cfg.RateLimits.Service = stagetest.RateLimitService()
	}
	if c.random.IntN(2) == 0 {
		cfg.HTTP.TrustedHops = 1 + c.random.Uint32N(2)
	}
	for _, edit := range settingsOfModel() {
		if c.random.IntN(6) == 0 {
			edit(&cfg)
		}
	}
	return cfg
}

// configure replaces the objects and the settings.
func (c *comparison) configure(t *testing.T, objects []store.Change, cfg config.Config) {
	t.Helper()
	began := time.Now()
	c.sys.SetKeySets(c.traffic.Fetched())
	c.replace(t, stagetest.Case{Config: cfg, Objects: objects})
	c.configured = time.Now()
	c.configuring += c.configured.Sub(began)
	c.model = c.sys.model(t)
}

// settingsOfModel are edits of the settings that answers depend on.
func settingsOfModel() []func(*config.Config) {
	return []func(*config.Config){
		func(c *config.Config) { c.RouteTables.Hosts = 0 },
		func(c *config.Config) { c.RouteTables.Hosts = 2 },
		func(c *config.Config) { c.HTTP.EscapedSlashes = ir.RejectEscapedSlashes },
		func(c *config.Config) { c.HTTP.EscapedSlashes = ir.RedirectEscapedSlashes },
		func(c *config.Config) { c.HTTP.Underscores = ir.RejectUnderscores },
		func(c *config.Config) { c.HTTP.Underscores = ir.DropUnderscores },
		func(c *config.Config) { c.HTTP.KeepSlashes = true },
		func(c *config.Config) { c.HTTP.StripTrailingHostDot = true },
		func(c *config.Config) { c.HTTP.ServerHeader = ir.PassServerHeader },
		func(c *config.Config) { c.HTTP.ServerHeader = ir.AppendServerHeaderIfAbsent },
		func(c *config.Config) { c.HTTP.Compression = ir.CompressNone },
		func(c *config.Config) { c.HTTP.Compression = ir.CompressBrotli },
		func(c *config.Config) { c.HTTP.RejectChunkedLength = true },
		func(c *config.Config) { c.HTTP.MaxRequestsPerConnection = 10 },
		func(c *config.Config) { c.Objects.FallbackCertificate = kobj.Name{Namespace: "a", Name: "secret-2"} },
		func(c *config.Config) { c.Objects.DisablePermitInsecure = true },
		func(c *config.Config) { c.RateLimits.Headers = true },
		func(c *config.Config) { c.RateLimits.ResourceExhausted = true },
		func(c *config.Config) { c.HTTP.MaxHeaders = 40 },
		func(c *config.Config) {
			c.Authorization.Server = &contourv1.AuthorizationServer{ExtensionServiceRef: contourv1.ExtensionServiceReference{Namespace: "a", Name: "grpc-authz"}}
		},
		func(c *config.Config) {
			c.Authorization.Server = &contourv1.AuthorizationServer{
				ExtensionServiceRef: contourv1.ExtensionServiceReference{Namespace: "b", Name: "http-authz"}, ServiceType: "http", FailOpen: true,
			}
		},
		func(c *config.Config) { c.HTTP.MaxHeaderKiB = 2 },
		func(c *config.Config) { c.HTTP.Versions = ir.OnlyHTTP1 },
		func(c *config.Config) { c.Objects.NamespacesOwnHosts = true },
		func(c *config.Config) { c.Objects.InclusionNeedsConsent = true },
		func(c *config.Config) { c.Objects.RootNamespaces = []string{"a"} },
		func(c *config.Config) { c.Objects.ClientCertificate = kobj.Name{Namespace: "a", Name: "secret-1"} },
		func(c *config.Config) {
			c.Headers = config.Headers{
				Requests:  ir.HeaderEdits{Set: []ir.Header{{Name: "X-Set", Value: "default"}, {Name: "X-Default", Value: "%REQ(X-A)%"}}, Remove: []string{"X-Gone"}},
				Responses: ir.HeaderEdits{Set: []ir.Header{{Name: "X-More", Value: "default"}}, Remove: []string{"X-C"}}, Ingress: c.Objects.DisablePermitInsecure,
			}
		},
		func(c *config.Config) {
			c.RateLimits.Default = []ir.LimitDescriptor{{{Kind: ir.LimitHeader, Key: "k", Header: "X-B"}}, {{Kind: ir.LimitConstant, Value: "a"}, {Kind: ir.LimitAddress}}}
		},
		func(c *config.Config) { c.TLS.Max = ir.TLS12 },
		func(c *config.Config) { c.Timeouts.StreamIdle = ir.Timeout{Duration: time.Minute} },
		func(c *config.Config) { c.Timeouts.Request = ir.Timeout{Duration: time.Minute} },
		func(c *config.Config) { c.TLS.Min = ir.TLS13 },
		func(c *config.Config) { c.Listeners.Connections.MaxConnections = 1000 },
	}
}

// compare sends a request until the response is that of the model: workers use a configuration some time after Envoy accepted it.
func (c *comparison) compare(t *testing.T, r semantic.Request) {
	t.Helper()
	r.Now = time.Now()
	if r.To != "" {
		r.To = ownAddress(r.To)
	}
	a, trace, err := c.model.Trace(r)
	if err == nil && unsendable(r, a) {
		c.unsent++
		return
	}
	if c.compared++; err != nil {
		c.unknown[normalized(err)]++
		return
	}
	to := r.To
	if to == "" {
		at := c.base.Listeners.HTTP
		if r.TLS {
			at = c.base.Listeners.HTTPS
		}
		to = fmt.Sprintf("%s:%d", at.Host, at.Port)
	}
	keep := !a.Refused && (len(a.From) == 0 || a.From[0].Path != "")
	var s seen
	var wrong []string
	for i := 0; i < 10 || time.Since(c.configured) < timeout; i++ {
		if i == 1 {
			c.again++
		}
		if i > 0 {
			time.Sleep(time.Duration(min(i, 20)) * 5 * time.Millisecond)
		}
		ended := c.clients.ended
		s = c.clients.send(to, r, keep && i == 0)
		if c.clients.ended > ended {
			t.Errorf("configuration %d, %+v: the connection of an earlier request fails: %v", c.configurations, r, s.failure)
		}
		if wrong = compareWithModel(r, a, s, backendName); len(wrong) == 0 {
			break
		}
	}
	c.outcomes[outcome(a)]++
	for feature, has := range featuresOf(r, a) {
		if has {
			c.features[feature]++
		}
	}
	if len(wrong) > 0 {
		c.wrong++
		if now, err := c.sys.model(t).Send(r); !reflect.DeepEqual(now, a) {
			t.Errorf("configuration %d: what is published has changed since; the model of it: %+v, %v", c.configurations, now, err)
		}
		for _, name := range clustersNamed(trace.Route) {
			t.Logf("endpoints of %s in Envoy:\n%s", name, c.endpoints(t, name))
		}
		least := c.shrink(to, r)
		r.ClientChain, least.ClientChain = nil, nil
		s.header.Del(receivedHeader)
		t.Errorf("configuration %d: %s\nrequest %+v\nleast request %+v\nmodel %+v\nEnvoy %d %v %v %v %+v\nroute %v\nhost %v\nrejected %q by %s", c.configurations, strings.Join(wrong, "\n  "), r, least, a, s.status, s.failure, s.header, s.body, s.backend, trace.Route, trace.Host.GetTypedPerFilterConfig(), trace.Rejected, trace.Chain)
	}
}

// clustersNamed returns the names of the clusters of a route.
func clustersNamed(r *routev3.Route) (names []string) {
	if name := r.GetRoute().GetCluster(); name != "" {
		names = append(names, name)
	}
	for _, w := range r.GetRoute().GetWeightedClusters().GetClusters() {
		names = append(names, w.GetName())
	}
	return names
}

// endpoints returns what Envoy says about the endpoints of a cluster.
func (c *comparison) endpoints(t *testing.T, cluster string) string {
	text, err := c.envoy.Get(t.Context(), "/clusters")
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, cluster+"::") && (strings.Contains(line, "::health_flags::") || strings.Contains(line, "::added_via_api::")) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// shrink returns the request without most of what the difference does not depend on.
func (c *comparison) shrink(to string, r semantic.Request) semantic.Request {
	try := func(edit func(*semantic.Request)) {
		less := r
		less.Headers = maps.Clone(r.Headers)
		edit(&less)
		if a, err := c.model.Send(less); err == nil && len(compareWithModel(less, a, c.clients.send(to, less, false), backendName)) > 0 {
			r = less
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		try(func(r *semantic.Request) { delete(r.Headers, name) })
	}
	try(func(r *semantic.Request) { r.Path, _, _ = strings.Cut(r.Path, "?") })
	try(func(r *semantic.Request) { r.Path = "/" })
	try(func(r *semantic.Request) { r.Host, _, _ = strings.Cut(r.Host, ":") })
	try(func(r *semantic.Request) { r.Method, r.Upgrade = "", "" })
	try(func(r *semantic.Request) { r.HTTP2 = false })
	try(func(r *semantic.Request) { r.ClientCertificate, r.ClientChain = "", nil })
	try(func(r *semantic.Request) { r.Version = "" })
	return r
}

// unsendable reports whether clients or backends of these tests cannot have such a request.
func unsendable(r semantic.Request, a semantic.Answer) bool {
	if _, err := url.ParseRequestURI(r.Path); err != nil {
		return true
	}
	return slices.ContainsFunc(a.From, func(u semantic.Upstream) bool {
		bytes, two := u.Path == "", strings.HasPrefix(u.Protocol, "h2")
		_, err := url.ParseRequestURI(cmp.Or(u.Path, r.Path))
		plain := r.HTTP2 && !r.TLS && u.Protocol == "tls"            // Envoy negotiates HTTP/1.1, whatever the bytes of the client are
		twice := r.TLS && a.Certificate == "" && u.Protocol == "tls" // TLS of the client within that of Envoy
		return err != nil || !httpguts.ValidHostHeader(u.Host) || r.Upgrade != "" && (bytes || two) || bytes && (two || plain || twice)
	})
}

var numbers = regexp.MustCompile(`"[^"]*"|[0-9]+`)

// normalized is an error without names.
func normalized(err error) string { return numbers.ReplaceAllString(err.Error(), "_") }

// featuresOf says which features of the configuration an answer depends on.
func featuresOf(r semantic.Request, a semantic.Answer) map[string]bool {
	var u semantic.Upstream
	if len(a.From) > 0 {
		u = a.From[0]
	}
	response := a.Changes
	if len(a.From) > 0 {
		response = u.Response
	}
	has := func(c semantic.Changes, name string) bool { _, ok := c.Set[name]; return ok }
	sentCookie := r.Headers[semantic.SetCookieHeader]
	return map[string]bool{
		"a rewritten path": u.Path != "" && u.Path != r.Path, "a rewritten host": u.Host != "" && u.Host != r.Host,
		"request headers": len(u.Request.Set) > 1, "removed request headers": len(u.Request.Removed) > 1, "response headers": len(response.Set) > 0,
		"removed response headers": len(response.Removed) > 0, "headers of a local reply": len(a.From) == 0 && len(a.Changes.Set) > 0,
		"CORS": has(response, "access-control-allow-origin"), "a preflight": a.Status == 200 && len(a.From) == 0 && r.Method == "OPTIONS",
		"a rewritten cookie": sentCookie != "" && has(u.Response, "set-cookie") && u.Response.Set["set-cookie"] != sentCookie,
		"authorization":      has(u.Request, semantic.UserHeader), "a global rate limit": has(u.Request, semantic.LimitsHeader), "a request over the limit": a.Status == 429,
		"a client certificate": has(u.Request, "x-forwarded-client-cert"), "several backends": len(a.From) > 1, "lost requests": a.Lost > 0, "mirrors": len(a.Mirrors) > 0,
		"a verified backend": len(u.Verified) > 0, "hashing": u.Hash != "", "retries": u.Retry != "", "health checks": u.Check != "",
		"a session": u.Session != "", "a new session": strings.Contains(u.Response.Set["set-cookie"], "session-") || strings.HasPrefix(u.Session, "header") && strings.Contains(fmt.Sprint(u.Response.Set), "*"),
		"an upgrade of gRPC-Web": r.Upgrade != "" && strings.HasPrefix(r.Headers["content-type"], "application/grpc-web") && a.Status != 0, "gRPC-Web": len(a.From) > 0 && strings.HasPrefix(r.Headers["content-type"], "application/grpc-web"),
		"a certificate of Envoy": u.Shows != "",
		"a reply to gRPC":        a.GRPCStatus != "", "an upgrade": a.Status == 101, "a redirect": a.Location != "", "a direct response": a.Body != "" && a.Status < 300,
		"another server name": r.TLS && r.SNI != "" && !a.Refused, "a Gateway": r.To != "" && len(a.From) > 0, "bytes": len(a.From) > 0 && u.Path == "",
		"HTTP/2": r.HTTP2 && len(a.From) > 0, "an invalid object": a.Status == 500, "no endpoints": a.Status == 503, "a misdirected request": a.Status == 421,
		"no permission": a.Status == 403, "no token": a.Status == 401, "no connection": a.Refused, "a bad request": a.Status == 400, "compression": a.Changes.Set["content-encoding"] != "",
	}
}

// outcome is the kind of an answer.
func outcome(a semantic.Answer) string {
	switch {
	case a.Refused:
		return "refused"
	case len(a.From) > 0:
		return a.From[0].Protocol
	}
	return fmt.Sprint(a.Status)
}
