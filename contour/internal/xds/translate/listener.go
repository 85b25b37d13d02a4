package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// filterChainsField is the number of Listener.filter_chains.
const filterChainsField = 3

// httpListener takes plain requests of all hosts.
func httpListener(cfg config.Config) *table.Resource {
	e := &encoder{}
	l := listener(string(ir.HTTP), cfg.Listeners.HTTP)
	l.ListenerFilters = proxyProtocol(e, cfg)
	manager := httpChain{listener: ir.HTTP, log: cfg.AccessLog.HTTP, logFormat: cfg.AccessLog.Format}
	l.FilterChains = []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{manager.filter(e)}}}
	return listenerResource(e, l, table.Ref{Type: table.Scope, Name: shard{}.name()})
}

// httpsListener takes TLS connections, for each host by its own filter chain; nil without any.
func httpsListener(cfg config.Config, chains []table.Part) *table.Resource {
	if len(chains) == 0 {
		return nil
	}
	e := &encoder{}
	l := listener(string(ir.HTTPS), cfg.Listeners.HTTPS)
	l.ListenerFilters = append(
		proxyProtocol(e, cfg),
		listenerFilter(e, "envoy.filters.listener.tls_inspector", &tlsinspectorv3.TlsInspector{}),
	)
	r := listenerResource(e, l)
	r.Field, r.Parts = filterChainsField, chains
	return r
}

func listenerResource(e *encoder, l *listenerv3.Listener, needs ...table.Ref) *table.Resource {
	body := e.bytes(l)
	return &table.Resource{
		Ref: table.Ref{Type: table.Listener, Name: l.GetName()}, Body: body, Needs: needs, Invalid: e.invalid(),
	}
}

// listener binds a socket whose dead peers are noticed, with Contour's periods.
func listener(name string, at config.Address) *listenerv3.Listener {
	return &listenerv3.Listener{
		Name:    name,
		Address: socket(at),
		TcpKeepalive: &corev3.TcpKeepalive{
			KeepaliveTime: number(45), KeepaliveInterval: number(5), KeepaliveProbes: number(9),
		},
	}
}

func socket(at config.Address) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: at.Host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: at.Port},
	}}}
}

// proxyProtocol reads the client's address from the PROXY protocol, if a load balancer in front speaks it.
func proxyProtocol(e *encoder, cfg config.Config) []*listenerv3.ListenerFilter {
	if !cfg.Listeners.UseProxyProtocol {
		return nil
	}
	return []*listenerv3.ListenerFilter{
		listenerFilter(e, "envoy.filters.listener.proxy_protocol", &proxyprotocolv3.ProxyProtocol{}),
	}
}

func listenerFilter(e *encoder, name string, m message) *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{Name: name, ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.pack(m)}}
}
