package translate

import (
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// filterChain returns the filter chain of a host, as a part of the listener; zero if the listener does not exist, is an HTTP
// or UDP listener or has no such hosts. It does not depend on the routes of the host.
func filterChain(v *ir.VirtualHost, l *ir.Listener) table.Part {
	if l == nil || l.ByHost() || l.Protocol == ir.ListenUDP || l.Protocol.Secure() == (v.Key.Hostname == "") {
		return table.Part{}
	}
	e := &encoder{}
	chain := &listenerv3.FilterChain{Name: v.Key.Hostname}
	part := table.Part{Name: v.Key.Hostname, Origins: v.Origins}
	if l.Protocol == ir.ListenTCP {
		part.Name, chain.Name = anyConnection, anyConnection
		setTCP(e, chain, &part, v, l)
	} else {
		setTLS(e, chain, &part, v, l)
	}
	part.Body = e.bytes(chain)
	part.Invalid = e.invalid()
	return part
}

// setTCP makes the chain forward the bytes of connections.
func setTCP(e *encoder, chain *listenerv3.FilterChain, part *table.Part, v *ir.VirtualHost, l *ir.Listener) {
	if v.TCP == nil {
		e.addInvalid("a host of a TCP listener has no TCP proxy")
		return
	}
	if len(v.TCP.Backends) == 0 { // no filters: Envoy closes the connection
		return
	}
	chain.Filters = []*listenerv3.Filter{tcpFilter(e, *v.TCP, l)}
	part.Needs = clusterNeeds(&ir.VirtualHost{TCP: v.TCP})
}

// setTLS sets the filters and the TLS settings of the chain.
func setTLS(e *encoder, chain *listenerv3.FilterChain, part *table.Part, v *ir.VirtualHost, l *ir.Listener) {
	switch {
	case v.TLS == nil:
		e.addInvalid("a host of a TLS listener has no TLS settings")
	case v.TLS.CloseConnections: // no filters: Envoy closes the connection
	case v.TLS.Passthrough && v.TCP == nil:
		e.addInvalid("connections are to be passed through, but to no backend")
	case v.TCP != nil:
		setTCP(e, chain, part, v, l)
	default:
		chain.Filters = []*listenerv3.Filter{httpsManager(v, l).filter(e)}
		part.Needs = []table.Ref{{Type: table.Route, Name: routeTable(v.Key)}}
	}
	if terminates(v.TLS) {
		chain.TransportSocket = downstreamTLS(e, *v.TLS, l.TLS, alpn(v, l)...)
		part.Needs = append(part.Needs, table.Ref{Type: table.Secret, Name: certificateName(v.TLS.Certificate)})
		part.Needs = append(part.Needs, clientNeeds(v.TLS.Clients)...)
	}
}

// terminates reports whether the listener decrypts the connections.
func terminates(t *ir.TLS) bool { return t != nil && !t.Passthrough && !t.CloseConnections }

func httpsManager(v *ir.VirtualHost, l *ir.Listener) httpChain {
	return httpChain{
		listener: l, routes: routeTable(v.Key), checkSNI: strings.HasPrefix(v.Key.Hostname, "*."), forward: v.TLS.Clients.Forward,
	}
}

// alpn returns the ALPN protocols of terminated connections: none if Envoy only forwards their bytes.
func alpn(v *ir.VirtualHost, l *ir.Listener) []string {
	if v.TCP != nil {
		return nil
	}
	return protocols(l.Client.HTTP.Versions)
}
