package translate

import (
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"contour.example/contour/internal/ir"
)

// tcpIdle is the idle timeout of a proxied connection, as in Contour.
const tcpIdle = 9001 * time.Second

// tcpFilter returns the network filter that forwards bytes.
func tcpFilter(e *encoder, t ir.TCPProxy, l *ir.Listener) *listenerv3.Filter {
	proxy := &tcpproxyv3.TcpProxy{
		StatPrefix:  l.Key.Name,
		IdleTimeout: durationpb.New(tcpIdle),
		AccessLog:   accessLog(e, l.Client.AccessLog),
	}
	setTCPClusters(e, proxy, t.Backends)
	return &listenerv3.Filter{
		Name:       "envoy.filters.network.tcp_proxy",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.pack(proxy)},
	}
}

// setTCPClusters sets the clusters. It omits backends of weight zero, which a TCP proxy does not support.
func setTCPClusters(e *encoder, proxy *tcpproxyv3.TcpProxy, backends []ir.Backend) {
	weighted := &tcpproxyv3.TcpProxy_WeightedCluster{}
	for i, w := range weights(backends) {
		if w > 0 {
			weighted.Clusters = append(weighted.Clusters, &tcpproxyv3.TcpProxy_WeightedCluster_ClusterWeight{
				Name: backendName(e, backends[i]), Weight: w,
			})
		}
	}
	switch len(weighted.GetClusters()) {
	case 0:
	case 1:
		proxy.ClusterSpecifier = &tcpproxyv3.TcpProxy_Cluster{Cluster: weighted.GetClusters()[0].GetName()}
	default:
		proxy.ClusterSpecifier = &tcpproxyv3.TcpProxy_WeightedClusters{WeightedClusters: weighted}
	}
}
