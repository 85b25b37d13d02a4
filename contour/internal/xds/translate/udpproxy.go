package translate

import (
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	matcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	udpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/udp/udp_proxy/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// Envoy ends all flows of a listener for UDP with an update of the listener, and all of a cluster with an update of the cluster. So each
// listener for UDP has a cluster of its own, which does not depend on its host: the backends and their weights are its endpoints, whose
// updates end only the flows to endpoints that are removed.

// udpFilter returns the listener filter that forwards datagrams to the cluster of the listener, as a part of it.
func udpFilter(l *ir.Listener) table.Part {
	e := &encoder{}
	name := datagramClusterName(l.Key)
	part := table.Part{Name: anyConnection, Origins: l.Origins, Needs: []table.Ref{{Type: table.Cluster, Name: name}}}
	proxy := &udpproxyv3.UdpProxyConfig{
		StatPrefix: l.Key.Name, AccessLog: accessLog(e, l.Client.AccessLog),
		RouteSpecifier: &udpproxyv3.UdpProxyConfig_Matcher{Matcher: &matcherv3.Matcher{
			OnNoMatch: &matcherv3.Matcher_OnMatch{OnMatch: &matcherv3.Matcher_OnMatch_Action{Action: &xdscorev3.TypedExtensionConfig{
				Name: "route", TypedConfig: e.pack(&udpproxyv3.Route{Cluster: name}),
			}}},
		}},
	}
	part.Body = e.fragment(&listenerv3.ListenerFilter{
		Name:       "envoy.filters.udp_listener.udp_proxy",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.pack(proxy)},
	})
	part.Invalid = e.invalid()
	return part
}

// addDatagrams adds the tables of the clusters of listeners for UDP, and of their endpoints.
func (t *Tables) addDatagrams() {
	listeners := func(k ir.ListenerKey, l *ir.Listener) []ir.ListenerKey {
		if l == nil || l.Protocol != ir.ListenUDP {
			return nil
		}
		return []ir.ListenerKey{k}
	}
	memo.DemandFrom(t.from.Listeners, owned(t, "translate/clusters of datagrams", listenerFleet, t.datagramCluster), listeners)
	memo.DemandFrom(t.from.Listeners, owned(t, "translate/endpoints of datagrams", listenerFleet, t.datagramEndpoints), listeners)
}

// datagramCluster derives the cluster of a listener for UDP. Its flows count as connections of the limits.
func (t *Tables) datagramCluster(r *memo.Reader, l ir.ListenerKey) *table.Resource {
	e := &encoder{}
	m := &clusterv3.Cluster{
		Name:                      datagramClusterName(l),
		AltStatName:               strings.Join([]string{"datagrams", l.Name}, "_"),
		ClusterDiscoveryType:      &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:          &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads(), ServiceName: datagramEndpointsName(l)},
		CommonLbConfig:            &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{Value: 0}},
		IgnoreHealthOnHostRemoval: true,
		CircuitBreakers:           circuitBreakers(t.from.Clusters(r).CircuitBreakers),
	}
	body := e.bytes(m)
	return &table.Resource{
		Ref: table.Ref{Type: table.Cluster, Name: m.GetName()}, Body: body, Invalid: e.invalid(),
		Needs: []table.Ref{{Type: table.Endpoint, Name: datagramEndpointsName(l)}},
	}
}

// datagramEndpoints derives the endpoints of the backends of the host of a listener for UDP.
func (t *Tables) datagramEndpoints(r *memo.Reader, l ir.ListenerKey) *table.Resource {
	e := &encoder{}
	out := &table.Resource{Ref: table.Ref{Type: table.Endpoint, Name: datagramEndpointsName(l)}}
	var targets []endpoint.Target
	lost := uint32(0)
	if v := t.from.Hosts.Get(r, ir.HostKey{Listener: l}); v != nil && v.TCP != nil {
		out.Origins = v.Origins
		for i, w := range weights(v.TCP.Backends) {
			b := &v.TCP.Backends[i]
			if b.Unresolved {
				lost += w
				continue
			}
			targets = append(targets, endpoint.Target{Weight: w, Port: endpoint.Port{
				Name: b.Cluster.Endpoints.Port, Slices: t.from.Slices(r, b.Cluster.Endpoints.Service), Settings: t.from.Endpoints(r), UDP: true,
			}})
		}
	}
	out.Body = e.bytes(endpoint.Datagrams(out.Ref.Name, targets, lost))
	out.Invalid = e.invalid()
	return out
}
