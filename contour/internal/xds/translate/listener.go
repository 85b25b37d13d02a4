package translate

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// The field numbers of Listener whose elements are parts.
const (
	filterChainsField    = 3
	listenerFiltersField = 9
)

// envoyListener returns Envoy's listener for the listeners that share a socket, with the settings of the first one; nil if
// it would have no filter chain. chains are the parts of hosts.
func envoyListener(first *ir.Listener, chains []namedChain) *table.Resource {
	switch {
	case first.Admin:
		return statsListener(first)
	case first.Protocol == ir.ListenHTTP:
		return httpListener(first)
	case len(chains) == 0:
		return nil
	case first.Protocol == ir.ListenUDP:
		return udpListener(first, chains)
	case first.Protocol == ir.ListenTCP:
		return tcpListener(first, chains)
	}
	return tlsListener(first, chains)
}

// httpListener returns the listener for HTTP requests of all hosts.
func httpListener(of *ir.Listener) *table.Resource {
	e := &encoder{}
	l := listener(of)
	l.ListenerFilters = proxyProtocol(e, of)
	l.FilterChains = []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{httpChain{listener: of}.filter(e)}}}
	return listenerResource(e, l, append(tracingNeeds(of), table.Ref{Type: table.Scope, Name: shard{listener: of.Key}.name()})...)
}

// tlsListener returns the listener for TLS connections, with a filter chain for each host.
func tlsListener(of *ir.Listener, chains []namedChain) *table.Resource {
	e := &encoder{}
	l := listener(of)
	l.ListenerFilters = append(
		proxyProtocol(e, of),
		listenerFilter(e, "envoy.filters.listener.tls_inspector", tlsInspector(of.Connections)),
	)
	l.FilterChainMatcher = chainMatcher(e, chains)
	r := listenerResource(e, l, tracingNeeds(of)...)
	r.Field, r.Parts = filterChainsField, partsOf(chains)
	return r
}

// tcpListener returns a TCP listener with one filter chain.
func tcpListener(of *ir.Listener, chains []namedChain) *table.Resource {
	e := &encoder{}
	l := listener(of)
	l.ListenerFilters = proxyProtocol(e, of)
	r := listenerResource(e, l)
	r.Field, r.Parts = filterChainsField, partsOf(chains)
	return r
}

// udpListener returns a UDP listener with one listener filter.
func udpListener(of *ir.Listener, filters []namedChain) *table.Resource {
	e := &encoder{}
	l := listener(of)
	l.TcpKeepalive, l.PerConnectionBufferLimitBytes, l.ConnectionBalanceConfig = nil, nil, nil
	l.UdpListenerConfig = &listenerv3.UdpListenerConfig{}
	r := listenerResource(e, l)
	r.Field, r.Parts = listenerFiltersField, partsOf(filters)
	return r
}

func listenerResource(e *encoder, l *listenerv3.Listener, needs ...table.Ref) *table.Resource {
	body := e.bytes(l)
	return &table.Resource{
		Ref: table.Ref{Type: table.Listener, Name: l.GetName()}, Body: body, Needs: needs, Invalid: e.invalid(),
	}
}

// listener returns a listener on the socket, with the TCP keepalive of Contour.
func listener(of *ir.Listener) *listenerv3.Listener {
	l := &listenerv3.Listener{
		Name: of.Socket,
		TcpKeepalive: &corev3.TcpKeepalive{
			KeepaliveTime: number(45), KeepaliveInterval: number(5), KeepaliveProbes: number(9),
		},
	}
	setConnections(l, of.Connections)
	for i, ip := range of.Addresses {
		at := socketAddress(of, ip)
		if i == 0 {
			l.Address = at
			continue
		}
		l.AdditionalAddresses = append(l.AdditionalAddresses, &listenerv3.AdditionalAddress{Address: at})
	}
	return l
}

// socketAddress returns the address on which Envoy listens. The unspecified IPv6 address includes IPv4, as in Contour.
func socketAddress(of *ir.Listener, ip string) *corev3.Address {
	parsed, err := netip.ParseAddr(ip)
	at := &corev3.SocketAddress{
		Address: ip, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: of.Port},
		Ipv4Compat: err == nil && parsed == netip.IPv6Unspecified(),
	}
	if of.Protocol == ir.ListenUDP {
		at.Protocol = corev3.SocketAddress_UDP
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: at}}
}

// proxyProtocol returns the filter that reads the client's address from the PROXY protocol, if it is enabled.
func proxyProtocol(e *encoder, l *ir.Listener) []*listenerv3.ListenerFilter {
	if !l.Client.ProxyProtocol {
		return nil
	}
	return []*listenerv3.ListenerFilter{
		listenerFilter(e, "envoy.filters.listener.proxy_protocol", &proxyprotocolv3.ProxyProtocol{}),
	}
}

func listenerFilter(e *encoder, name string, m message) *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{Name: name, ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.pack(m)}}
}
