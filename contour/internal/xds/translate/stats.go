package translate

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	connectionlimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/connection_limit/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	anypb "google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// The bounds of the stats listener, which other pods can reach. Envoy answers these requests in the thread that also
// handles its configuration; the circuit breakers of the admin cluster (package envoybootstrap) bound how many at a time.
const (
	maxStatsConnections = 1024
	statsHeadersTimeout = 5 * time.Second
	statsRequestTimeout = 10 * time.Second
	statsIdleTimeout    = time.Minute
	maxStatsHeaderKiB   = 16
	statsBufferBytes    = 32 << 10
)

// statsListener returns a listener for Envoy's readiness and statistics, and nothing else of its admin interface unless Inspect is set: it
// matches exact paths. Without TLS it has no needs, so that it responds as soon as Envoy is connected. The limit of connections and the
// overload manager do not apply to it, unless EnforceOverload is set, and it has a limit of its own: if an Envoy at its limits seemed
// unhealthy, the other Envoys would get its clients.
func statsListener(of *ir.Listener) *table.Resource {
	e := &encoder{}
	l := listener(of)
	l.IgnoreGlobalConnLimit, l.BypassOverloadManager = !of.EnforceOverload, !of.EnforceOverload
	l.PerConnectionBufferLimitBytes = number(statsBufferBytes)
	chain := &listenerv3.FilterChain{TransportSocket: statsTLS(e, of), Filters: []*listenerv3.Filter{
		networkFilter("envoy.filters.network.connection_limit", e.pack(&connectionlimitv3.ConnectionLimit{
			StatPrefix: "stats", MaxConnections: wrapperspb.UInt64(maxStatsConnections),
		})),
		networkFilter("envoy.filters.network.http_connection_manager", e.pack(statsManager(e, of))),
	}}
	l.FilterChains = []*listenerv3.FilterChain{chain}
	return listenerResource(e, l, statsNeeds(of)...)
}

func networkFilter(name string, config *anypb.Any) *listenerv3.Filter {
	return &listenerv3.Filter{Name: name, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: config}}
}

func statsManager(e *encoder, of *ir.Listener) *hcmv3.HttpConnectionManager {
	return &hcmv3.HttpConnectionManager{
		StatPrefix: "stats",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name:                     of.Key.Name,
			VirtualHosts:             []*routev3.VirtualHost{{Name: adminName, Domains: adminDomains(of), Routes: adminRoutes(of)}},
			IgnorePortInHostMatching: true,
		}},
		HttpFilters:               []*hcmv3.HttpFilter{httpFilter(e, "envoy.filters.http.router", &routerv3.Router{})},
		NormalizePath:             wrapperspb.Bool(true),
		MaxRequestHeadersKb:       number(maxStatsHeaderKiB),
		RequestHeadersTimeout:     durationpb.New(statsHeadersTimeout),
		RequestTimeout:            durationpb.New(statsRequestTimeout),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(statsIdleTimeout)},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams: number(10), InitialStreamWindowSize: number(64 << 10), InitialConnectionWindowSize: number(1 << 20),
		},
	}
}

// adminDomains returns the hosts of requests that are served: only a local one if the pages are for those who can log in to the machine, or
// forward a port of it, so that no web page in their browser reads them by a name that leads there.
func adminDomains(of *ir.Listener) []string {
	if of.Inspect {
		return []string{"localhost", "127.0.0.1", "[::1]"}
	}
	return []string{"*"}
}

// adminRoutes lead to Envoy's admin endpoint. Readiness has circuit breakers of its own, those of the high priority, so that
// readers of statistics do not make an Envoy look dead.
func adminRoutes(of *ir.Listener) []*routev3.Route {
	to := func(path string, priority corev3.RoutingPriority) *routev3.Route {
		match := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}}
		if of.Inspect {
			match.Headers = []*routev3.HeaderMatcher{headerMatcher(ir.HeaderMatch{Name: ":method", Value: "GET"})}
		}
		return &routev3.Route{Match: match, Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: adminName}, Priority: priority,
		}}}
	}
	routes := []*routev3.Route{to("/ready", corev3.RoutingPriority_HIGH)}
	for _, path := range adminPaths(of) {
		routes = append(routes, to(path, corev3.RoutingPriority_DEFAULT))
	}
	return routes
}

// adminPaths returns the paths that a listener serves besides readiness.
func adminPaths(of *ir.Listener) []string {
	switch {
	case of.ReadyOnly:
		return nil
	case of.Inspect: // those of Contour
		return []string{
			"/certs", "/clusters", "/config_dump", "/listeners", "/memory", "/runtime", "/server_info", "/stats", "/stats/prometheus", "/stats/recentlookups",
		}
	}
	return []string{"/stats", "/stats/prometheus"}
}
