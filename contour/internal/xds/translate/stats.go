package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// statsListener returns the listener for Envoy's readiness and statistics, and nothing else of its admin interface: it
// matches exact paths. It has no needs, so that it responds as soon as Envoy is connected. The limit of connections does not
// apply to it: if an Envoy at its limit seemed unhealthy, the other Envoys would get its clients.
func statsListener(of *ir.Listener) *table.Resource {
	e := &encoder{}
	l := listener(of)
	l.IgnoreGlobalConnLimit = true
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix: "stats",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name:         of.Key.Name,
			VirtualHosts: []*routev3.VirtualHost{{Name: adminName, Domains: []string{"*"}, Routes: adminRoutes(of.ReadyOnly)}},
		}},
		HttpFilters:   []*hcmv3.HttpFilter{httpFilter(e, "envoy.filters.http.router", &routerv3.Router{})},
		NormalizePath: wrapperspb.Bool(true),
	}
	l.FilterChains = []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.pack(manager)},
	}}}}
	return listenerResource(e, l)
}

func adminRoutes(readyOnly bool) []*routev3.Route {
	paths := []string{"/ready", "/stats", "/stats/prometheus"}
	if readyOnly {
		paths = paths[:1]
	}
	var routes []*routev3.Route
	for _, path := range paths {
		routes = append(routes, &routev3.Route{
			Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: adminName},
			}},
		})
	}
	return routes
}
