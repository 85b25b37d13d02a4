package translate

import (
	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	matcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// udpFilter returns the listener filter that forwards datagrams, as a part of the listener. Envoy sends all of them to one
// cluster, so a part with several is invalid.
func udpFilter(v *ir.VirtualHost, l *ir.Listener) table.Part {
	e := &encoder{}
	part := table.Part{Name: anyConnection, Origins: v.Origins, Needs: clusterNeeds(&ir.VirtualHost{TCP: v.TCP})}
	proxy := &udpproxyv3.UdpProxyConfig{StatPrefix: l.Key.Name, AccessLog: accessLog(e, l.Client.AccessLog)}
	if len(part.Needs) != 1 {
		e.addInvalid("datagrams are to be forwarded to other than one cluster")
	} else {
		proxy.RouteSpecifier = &udpproxyv3.UdpProxyConfig_Matcher{Matcher: &matcherv3.Matcher{
			OnNoMatch: &matcherv3.Matcher_OnMatch{OnMatch: &matcherv3.Matcher_OnMatch_Action{Action: &xdscorev3.TypedExtensionConfig{
				Name: "route", TypedConfig: e.pack(&udpproxyv3.Route{Cluster: part.Needs[0].Name}),
			}}},
		}}
	}
	part.Body = e.fragment(&listenerv3.ListenerFilter{
		Name:       "envoy.filters.udp_listener.udp_proxy",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.pack(proxy)},
	})
	part.Invalid = e.invalid()
	return part
}
