package translate

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	runtimev3 "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/xds/table"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// service returns a cluster on port 80 of a Service in namespace app.
func service(name string) ir.Cluster {
	return ir.Cluster{Endpoints: ir.EndpointKey{Service: kobj.Name{Namespace: "app", Name: name}, Port: "http"}, Port: 80}
}

// to returns an action that forwards to one Service.
func to(name string) *ir.Forward {
	return &ir.Forward{Backends: []ir.Backend{{Cluster: service(name), Weight: 1}}}
}

func prefix(p string) ir.Match { return ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: p}} }

func segment(p string) ir.Match { return ir.Match{Path: ir.PathMatch{Kind: ir.PathSegment, Value: p}} }

func hostKey(l ir.ListenerKey, name string) ir.HostKey {
	return ir.HostKey{Listener: l, Hostname: name}
}

func httpHost(name string, routes ...ir.Route) *ir.VirtualHost {
	return &ir.VirtualHost{Key: hostKey(classic.HTTP(), name), Routes: routes, Origins: []kobj.Key{kobj.Of(kobj.HTTPProxy, "app", "root")}}
}

func httpsHost(name string, routes ...ir.Route) *ir.VirtualHost {
	v := httpHost(name, routes...)
	v.Key.Listener = classic.HTTPS()
	v.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "app", Name: "cert"}}
	return v
}

func passthrough(name string, backends ...ir.Backend) *ir.VirtualHost {
	v := httpsHost(name)
	v.TLS = &ir.TLS{Passthrough: true}
	v.TCP = &ir.TCPProxy{Backends: backends}
	return v
}

func terminatedTCP(name string, backends ...ir.Backend) *ir.VirtualHost {
	v := passthrough(name, backends...)
	v.TLS = &ir.TLS{Certificate: kobj.Name{Namespace: "app", Name: "cert"}}
	return v
}

func routesOf(v *ir.VirtualHost) *table.Resource {
	if v.Key.Listener == classic.HTTP() {
		return routeConfiguration(shard{listener: v.Key.Listener}.name(), shareHosts(1, slices.Values([]hostRoutes{virtualHost(v)})), newOverrides().routed)
	}
	return tlsTable(v.Key, virtualHost(v))
}

func chainsOf(l listeners, hosts ...*ir.VirtualHost) *table.Resource {
	var chains []namedChain
	for _, v := range hosts {
		chains = append(chains, named(filterChain(v, &l.https), v.Key.Hostname))
	}
	return tlsListener(&l.https, chains)
}

// rawListener returns a listener without hostnames on two addresses.
func rawListener(p ir.ListenerProtocol) *table.Resource {
	l := other("raw", p)
	l.Client = ir.ClientSettings{ProxyProtocol: p == ir.ListenTCP, AccessLog: ir.AccessLog{Path: "/dev/stdout"}}
	if p == ir.ListenUDP {
		return envoyListener(&l, []namedChain{{Part: udpFilter(&l)}})
	}
	v := at(l, passthrough("", ir.Backend{Cluster: service("raw"), Weight: 1}))
	v.TLS = nil
	return envoyListener(&l, []namedChain{{Part: filterChain(v, &l)}})
}

// loggingJSON returns listeners with a JSON access log, the PROXY protocol and TLS 1.3.
func loggingJSON() listeners {
	return classicListeners(func(l *listeners) {
		l.http.Client = ir.ClientSettings{ProxyProtocol: true, AccessLog: ir.AccessLog{Path: "/dev/stdout", LogFormat: ir.LogFormat{Format: "json"}}}
		l.https.Client = ir.ClientSettings{ProxyProtocol: true}
		l.https.TLS.Min = ir.TLS13
	})
}

// withSettings returns listeners with all settings.
func withSettings() listeners {
	seconds := func(n int) ir.Timeout { return ir.Timeout{Duration: time.Duration(n) * time.Second} }
	return classicListeners(func(l *listeners) {
		l.http.Connections = ir.ConnectionSettings{ExactBalance: true, BufferLimitBytes: 1, AcceptPerSocketEvent: 2, TypeOfService: 3, TrafficClass: 4, JA3: true, JA4: true}
		l.http.Client = ir.ClientSettings{
			AccessLog: ir.AccessLog{Path: "/dev/stdout", LogFormat: ir.LogFormat{Text: "%REQ_WITHOUT_QUERY(:PATH)%\n", MinStatus: 300}},
			HTTP: ir.HTTPSettings{
				Versions: ir.OnlyHTTP1, RejectChunkedLength: true, KeepSlashes: true, StripTrailingHostDot: true, ServerHeader: ir.PassServerHeader,
				Compression: ir.CompressNone, TrustedHops: 5, MaxRequestsPerConnection: 6, MaxConcurrentStreams: 7,
				Windows: ir.Windows{Stream: 65_535, Connection: 65_536}, Underscores: ir.RejectUnderscores, EscapedSlashes: ir.RedirectEscapedSlashes,
				MaxHeaderKiB: 8, MaxHeaders: 9,
			},
			Timeouts: ir.ClientTimeouts{
				Request: seconds(1), ConnectionIdle: seconds(2), StreamIdle: ir.Timeout{Disabled: true}, ConnectionMax: seconds(4), DelayedClose: seconds(5), ShutdownGrace: seconds(6), RequestHeaders: seconds(7),
			},
		}
		l.https.Connections = l.http.Connections
		l.https.Client = ir.ClientSettings{
			AccessLog: ir.AccessLog{Path: "/dev/stdout", LogFormat: ir.LogFormat{Format: "json", Fields: []ir.LogField{{Name: "a", Value: "%PROTOCOL%"}}}},
			HTTP: ir.HTTPSettings{
				Versions: ir.OnlyHTTP2, ServerHeader: ir.AppendServerHeaderIfAbsent, Compression: ir.CompressZstd,
				Underscores: ir.DropUnderscores, EscapedSlashes: ir.RejectEscapedSlashes,
			},
		}
		l.https.TLS = ir.TLSSettings{Min: ir.TLS12, Max: ir.TLS12, CipherSuites: []string{"ECDHE-RSA-AES256-GCM-SHA384"}, Curves: []string{"X25519"}}
		l.stats.ReadyOnly = true
	})
}

func clusterSettings() ir.ClusterSettings {
	return ir.ClusterSettings{
		ConnectTimeout: 250 * time.Millisecond, MaxRequestsPerConnection: 1, BufferLimitBytes: 2, Windows: ir.Windows{Stream: 65_535}, CircuitBreakers: ir.CircuitBreakers{MaxConnections: 3, MaxRetries: 4},
		TLS: ir.TLSSettings{Min: ir.TLS13, Curves: []string{"P-256"}},
	}
}

// goldens returns the resources of each file of testdata, one file for each concept.
func goldens() map[string][]*table.Resource {
	defaults, json, demanded := classicListeners(), loggingJSON(), classicListeners(onDemand)
	set, secure := withSettings(), service("secure")
	secure.Protocol = ir.ProtocolTLS
	clusters := func(of ...ir.Cluster) (out []*table.Resource) {
		for _, c := range of {
			limits := ir.CircuitBreakers{}
			if c.Endpoints.Service.Name == "settings" {
				limits = ir.CircuitBreakers{MaxConnections: 1, MaxPendingRequests: 2, MaxRequests: 3, MaxRetries: 4, PerHostMaxConnections: 5}
			}
			out = append(out, cluster(c, limits, config.Default().Cluster))
		}
		return out
	}
	return map[string][]*table.Resource{
		"match":              {routesOf(httpHost("match.example.com", matches()...))},
		"wildcard":           {routesOf(httpHost("*.example.com", ir.Route{Match: prefix("/"), Forward: to("web")})), routesOf(httpHost("*", ir.Route{Match: prefix("/"), Forward: to("web")}))},
		"redirect":           {routesOf(httpHost("old.example.com", redirects()...)), routesOf(httpHost("*.example.com", redirects()[0]))},
		"answer":             {routesOf(httpHost("answer.example.com", answers()...))},
		"forward":            {routesOf(httpHost("forward.example.com", forwards()...))},
		"routeconfiguration": {routeConfiguration("ingress_http", nil, newOverrides().routed), routesOf(httpsHost("tls.example.com")), routesOf(httpsHost("*"))},
		"cluster":            clusters(manyClusters()...),
		"ondemand":           {tlsListener(&demanded.https, []namedChain{named(onDemandChain(&demanded.https), "*")}), hostScope(httpsHost("tls.example.com").Key, chain{certificate: &kobj.Name{Namespace: "app", Name: "cert"}})},
		"listener":           {httpListener(&defaults.http), httpListener(&json.http), envoyListener(&json.https, nil)},
		"settings":           {httpListener(&set.http), chainsOf(set, httpsHost("tls.example.com")), statsListener(&set.stats), cluster(secure, ir.CircuitBreakers{MaxRetries: 1}, clusterSettings())},
		"listener-raw":       {rawListener(ir.ListenTCP), rawListener(ir.ListenUDP)},
		"filterchain":        {chainsOf(defaults, httpsHost("tls.example.com"), httpsHost("*"), passthrough("raw.example.com", ir.Backend{Cluster: service("raw"), Weight: 3}, ir.Backend{Cluster: service("off")}))},
		"filterchain-tcp":    {chainsOf(json, terminatedTCP("tcp.example.com", ir.Backend{Cluster: service("a")}, ir.Backend{Cluster: service("b")}))},
		"misdirected":        {chainsOf(json, httpsHost("*.example.com"))},
		"stats":              {statsListener(&defaults.stats)},
		"secret":             {certificate(kobj.Name{Namespace: "app", Name: "cert"}, []byte("chain"), []byte("key")), authorities("cert", ""), authorities("cert", "crl")},
	}
}

func matches() []ir.Route {
	var routes []ir.Route
	add := func(m ir.Match) { routes = append(routes, ir.Route{Match: m, Direct: &ir.Direct{Code: 200}}) }
	for _, p := range []ir.PathMatch{
		{Kind: ir.PathPrefix, Value: "/pre"},
		{Kind: ir.PathSegment, Value: "/seg"},
		{Kind: ir.PathSegment, Value: "/seg/"},
		{Kind: ir.PathSegment, Value: "/"},
		{Kind: ir.PathSegment, Value: "/a?b"},
		{Kind: ir.PathExact, Value: "/exact"},
		{Kind: ir.PathRegex, Value: "/[0-9]+"},
	} {
		add(ir.Match{Path: p})
	}
	m := prefix("/")
	for kind := ir.StringExact; kind <= ir.StringPresent; kind++ {
		m.Headers = append(m.Headers, ir.HeaderMatch{Name: "x-a", Kind: kind, Value: "v", IgnoreCase: kind%2 == 0, Invert: kind%3 == 0, MissingAsEmpty: kind == ir.StringContains})
		m.Query = append(m.Query, ir.QueryMatch{Name: "q", Kind: kind, Value: "v", IgnoreCase: kind%2 == 0})
	}
	m.Headers = append(m.Headers, ir.HeaderMatch{Name: "x-empty", Kind: ir.StringContains})
	add(m)
	return routes
}

func redirects() []ir.Route {
	origin := kobj.Of(kobj.Ingress, "app", "old")
	return []ir.Route{
		{Match: prefix("/"), Redirect: &ir.Redirect{HTTPS: true, Code: 301}, Origin: origin},
		{Match: prefix("/a"), Redirect: &ir.Redirect{HTTPS: true, Port: 8443, Code: 308}, Origin: origin},
		{Match: prefix("/b"), Redirect: &ir.Redirect{Scheme: "http", Hostname: "new.example.com", Port: 81, Path: "/new", Code: 303}},
		{Match: prefix("/c"), Redirect: &ir.Redirect{Prefix: "/d", Code: 307}},
		{Match: segment("/e"), Redirect: &ir.Redirect{Prefix: "/"}},
	}
}

func answers() []ir.Route {
	return []ir.Route{
		{Match: prefix("/a"), Direct: &ir.Direct{Code: 404, Body: "not here"}, ResponseHeaders: ir.HeaderEdits{Set: []ir.Header{{Name: "X-A", Value: "b"}}}},
		{Match: prefix("/no-backend"), Forward: &ir.Forward{}},
		{Match: prefix("/nothing")},
	}
}

func forwards() []ir.Route {
	rewritten := func(m ir.Match, prefix string) ir.Route {
		f := to("web")
		f.Rewrite = &ir.PathRewrite{Prefix: prefix}
		return ir.Route{Match: m, Forward: f}
	}
	all := to("web")
	all.Timeout, all.Idle, all.Websocket = ir.Timeout{Duration: 3 * time.Second}, ir.Timeout{Disabled: true}, true
	all.Retry = &ir.Retry{On: []string{"5xx", "reset"}, Count: 2, PerTry: ir.Timeout{Duration: time.Second}, StatusCode: []uint32{503}, BackOff: 50 * time.Millisecond}
	all.Host = &ir.HostRewrite{Literal: "internal"}
	byHeader := to("web")
	byHeader.Timeout, byHeader.Host = ir.Timeout{Disabled: true}, &ir.HostRewrite{Header: "x-host"}
	return []ir.Route{
		{
			Match: prefix("/all"), Forward: all, Origin: kobj.Of(kobj.HTTPProxy, "app", "child"),
			RequestHeaders:  ir.HeaderEdits{Set: []ir.Header{{Name: "X-Set", Value: "100%%"}}, Remove: []string{"X-Gone"}},
			ResponseHeaders: ir.HeaderEdits{Remove: []string{"Server"}},
		},
		{Match: prefix("/by-header"), Forward: byHeader},
		{Match: prefix("/weighted"), Forward: &ir.Forward{Backends: []ir.Backend{
			{Cluster: service("a"), Weight: 90, Host: "a.internal", RequestHeaders: ir.HeaderEdits{Set: []ir.Header{{Name: "X-To", Value: "a"}}}},
			{Cluster: service("b"), Weight: 10, ResponseHeaders: ir.HeaderEdits{Remove: []string{"X-B"}}},
			{Cluster: service("c")},
		}}},
		{Match: prefix("/one-with-edits"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: service("a"), Weight: 1, Host: "a.internal"}}}},
		{Match: prefix("/unweighted"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: service("a")}, {Cluster: service("b")}}}},
		rewritten(prefix("/old"), "/new"), rewritten(segment("/old"), "/new/"), rewritten(segment("/old"), "/"), rewritten(segment("/"), "/new"),
	}
}

func manyClusters() []ir.Cluster {
	change := func(name string, f func(*ir.Cluster)) ir.Cluster {
		c := service(name)
		f(&c)
		return c
	}
	return []ir.Cluster{
		service("plain"),
		change("unnamed-port", func(c *ir.Cluster) { c.Endpoints.Port = "" }),
		change("settings", func(c *ir.Cluster) {
			c.Tuning = ir.Intern(ir.Tuning{Idle: ir.Timeout{Duration: time.Minute}})
		}),
		change("h2c", func(c *ir.Cluster) { c.Protocol = ir.ProtocolH2C }),
		change("tls", func(c *ir.Cluster) { c.Protocol, c.SNI = ir.ProtocolTLS, "backend.internal" }),
		change("verified", func(c *ir.Cluster) {
			c.Protocol, c.Tuning = ir.ProtocolH2, ir.Intern(ir.Tuning{Idle: ir.Timeout{Disabled: true}})
			c.TLS = ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("a.internal", "b.internal")}
		}),
		change("verified-for-uris", func(c *ir.Cluster) {
			c.Protocol, c.TLS.CA = ir.ProtocolTLS, kobj.Name{Namespace: "app", Name: "ca"}
			c.Tuning = ir.Intern(ir.Tuning{Authorities: ir.Authorities{ConfigMap: true, URIs: ir.NewList("spiffe://a/b")}})
		}),
		change("verified-by-the-machine", func(c *ir.Cluster) {
			c.Protocol, c.TLS.Names = ir.ProtocolTLS, ir.NewList("a.internal")
			c.Tuning = ir.Intern(ir.Tuning{Authorities: ir.Authorities{System: true}})
		}),
		change("a-name-that-is-much-longer-than-most-people-choose", func(c *ir.Cluster) { c.Endpoints.Service.Namespace = "a-namespace-that-is-long-too" }),
	}
}

func TestGolden(t *testing.T) {
	var files []string
	for name, resources := range goldens() {
		files = append(files, name+".yaml")
		t.Run(name, func(t *testing.T) {
			stagetest.Goldens{Update: *update}.Compare(t, filepath.Join("testdata", name+".yaml"), yamlOf(t, resources))
		})
	}
	stagetest.NoOtherFiles(t, "testdata", files)
}

// yamlOf returns the text form of resources: one document each, with the other fields of table.Resource first.
func yamlOf(t *testing.T, resources []*table.Resource) []byte {
	t.Helper()
	var docs []string
	for _, r := range resources {
		if r == nil {
			docs = append(docs, "# no resource\n")
			continue
		}
		js, err := protojson.Marshal(decode(t, r))
		if err != nil {
			t.Fatal(err)
		}
		body, err := yaml.JSONToYAML(js)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, headOf(r)+string(body))
	}
	return []byte(strings.Join(docs, "---\n"))
}

func headOf(r *table.Resource) string {
	var b strings.Builder
	line := func(what string, needs []table.Ref, origins []kobj.Key, invalid string) {
		b.WriteString("# " + what + "\n")
		for _, n := range needs {
			b.WriteString("#   needs " + strings.ReplaceAll(n.String(), notServerName, `\0`) + "\n")
		}
		for _, o := range origins {
			b.WriteString("#   from " + o.String() + "\n")
		}
		if invalid != "" {
			b.WriteString("#   invalid: " + invalid + "\n")
		}
	}
	line(r.Ref.String(), r.Needs, r.Origins, r.Invalid)
	for _, p := range r.Parts {
		line("part "+p.Name, p.Needs, p.Origins, p.Invalid)
	}
	return b.String()
}

// decode returns the message that Envoy receives.
func decode(t testing.TB, r *table.Resource) message {
	t.Helper()
	m := empty(r.Ref.Type)
	if err := proto.Unmarshal(assembled(r), m); err != nil {
		t.Fatalf("%s: %v", r.Ref, err)
	}
	return m
}

// assembled returns the encoded resource with its parts.
func assembled(r *table.Resource) []byte {
	body := slices.Clone(r.Body)
	for _, p := range r.Parts {
		body = protowire.AppendBytes(protowire.AppendTag(body, r.Field, protowire.BytesType), p.Body)
	}
	return body
}

func empty(t table.Type) message {
	switch t {
	case table.Cluster:
		return &clusterv3.Cluster{}
	case table.Endpoint:
		return &endpointv3.ClusterLoadAssignment{}
	case table.Secret:
		return &tlsv3.Secret{}
	case table.Listener:
		return &listenerv3.Listener{}
	case table.Scope:
		return &routev3.ScopedRouteConfiguration{}
	case table.Route:
		return &routev3.RouteConfiguration{}
	case table.Runtime:
		return &runtimev3.Runtime{}
	}
	return nil
}
