package translate

import (
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// filterChain is what happens to the TLS connections that ask for a host, as a part of the listener.
// What the host's routes are does not show in it.
func filterChain(v *ir.VirtualHost, cfg config.Config) table.Part {
	e := &encoder{}
	chain := &listenerv3.FilterChain{Name: v.Key.Hostname, FilterChainMatch: serverName(v.Key.Hostname)}
	part := table.Part{Name: v.Key.Hostname, Origins: v.Origins}
	switch {
	case v.TLS == nil:
		e.refuse("a host of a TLS listener has no TLS settings")
	case v.TLS.Refused: // no filters: Envoy closes the connection
	case v.TLS.Passthrough && v.TCP == nil:
		e.refuse("connections are to be passed through, but to no backend")
	case v.TCP != nil:
		chain.Filters = []*listenerv3.Filter{tcpFilter(e, *v.TCP, cfg)}
		part.Needs = clusterNeeds(&ir.VirtualHost{TCP: v.TCP})
	default:
		chain.Filters = []*listenerv3.Filter{httpsManager(v.Key, cfg).filter(e)}
		part.Needs = []table.Ref{{Type: table.Route, Name: routeTable(v.Key)}}
	}
	if terminates(v.TLS) {
		chain.TransportSocket = downstreamTLS(e, *v.TLS, cfg, alpn(v)...)
		part.Needs = append(part.Needs, table.Ref{Type: table.Secret, Name: certificateName(v.TLS.Certificate)})
	}
	part.Body = e.bytes(chain)
	part.Invalid = e.invalid()
	return part
}

// terminates reports whether the listener decrypts the connections.
func terminates(t *ir.TLS) bool { return t != nil && !t.Passthrough && !t.Refused }

// serverName matches connections that ask for hostname; "*" matches any TLS connection.
func serverName(hostname string) *listenerv3.FilterChainMatch {
	if hostname == "*" {
		return &listenerv3.FilterChainMatch{TransportProtocol: "tls"}
	}
	return &listenerv3.FilterChainMatch{ServerNames: []string{hostname}}
}

func httpsManager(k ir.HostKey, cfg config.Config) httpChain {
	return httpChain{
		listener: k.Listener, routes: routeTable(k), log: cfg.AccessLog.HTTPS, logFormat: cfg.AccessLog.Format,
		checkSNI: strings.HasPrefix(k.Hostname, "*."),
	}
}

// alpn is the protocols offered on a terminated connection: none if its bytes are not ours to read.
func alpn(v *ir.VirtualHost) []string {
	if v.TCP != nil {
		return nil
	}
	return httpProtocols()
}

func httpProtocols() []string { return []string{"h2", "http/1.1"} }
