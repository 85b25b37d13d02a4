package translate

import (
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	mapperv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3"
	selectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// With certificates on demand, the TLS hosts that ask for nothing special share one filter chain, so that one more of
// them changes no listener. Envoy asks for the certificate by the name that the client asks for, and finds the route
// table by the same name: each host has a secret and a scope named after it. A host keeps both while it has a filter
// chain of its own for other reasons, for the connections that it had before.
const (
	sharedChainName = "on-demand/certificates" // no hostname: those have no slash
	noServerName    = "on-demand/none"         // what is asked for a client that names no host; there is no such secret

	// handshakeTimeout is for how long a connection may wait for its certificate.
	handshakeTimeout = 5 * time.Second
)

// canShareFilterChain reports whether a host can do without a filter chain of its own.
func canShareFilterChain(v *ir.VirtualHost) bool {
	return mayShareFilterChain(v) && !wildcard(v.Key.Hostname) && v.TCP == nil && terminates(v.TLS) &&
		v.TLS.Min == ir.TLSDefault && v.TLS.Max == ir.TLSDefault
}

// sharedChain takes the TLS connections that no other filter chain is for.
func sharedChain(l *ir.Listener) table.Part {
	e := &encoder{}
	manager := httpChain{listener: l, byServerName: true}
	chain := &listenerv3.FilterChain{
		Name:                          sharedChainName,
		FilterChainMatch:              serverName("*"),
		Filters:                       []*listenerv3.Filter{manager.filter(e)},
		TransportSocket:               onDemandTLS(e, l),
		TransportSocketConnectTimeout: durationpb.New(handshakeTimeout),
	}
	return table.Part{Name: sharedChainName, Body: e.bytes(chain), Invalid: e.invalid()}
}

// onDemandTLS terminates TLS with whatever certificate the controller has for the name that the client asks for.
// Sessions are not resumed: Envoy cannot do both.
func onDemandTLS(e *encoder, l *ir.Listener) *corev3.TransportSocket {
	selector := &selectorv3.Config{
		ConfigSource: ads(),
		CertificateMapper: &corev3.TypedExtensionConfig{
			Name: "envoy.tls.certificate_mappers.sni", TypedConfig: e.pack(&mapperv3.SNI{DefaultValue: noServerName}),
		},
	}
	return tlsTransport(e, &tlsv3.DownstreamTlsContext{
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:     tlsParameters(e, ir.TLS{}, l.TLS),
			AlpnProtocols: protocols(l.Client.HTTP.Versions),
			CustomTlsCertificateSelector: &corev3.TypedExtensionConfig{
				Name: "envoy.tls.certificate_selectors.on_demand_secret", TypedConfig: e.pack(selector),
			},
		},
		SessionTicketKeysType:            &tlsv3.DownstreamTlsContext_DisableStatelessSessionResumption{DisableStatelessSessionResumption: true},
		DisableStatefulSessionResumption: true,
	})
}

// hostScope leads to the route table of a host the requests on connections that were opened for it.
func hostScope(v *ir.VirtualHost) *table.Resource {
	name := routeTable(v.Key)
	r := scope(name, name, []table.Ref{{Type: table.Secret, Name: v.Key.Hostname}, {Type: table.Route, Name: name}})
	r.Origins = v.Origins
	return r
}

// addOnDemand makes the scopes of the hosts that can share a filter chain.
func (t *Tables) addOnDemand() {
	memo.DemandFrom(t.chains, owned(t, "translate/scopes of TLS hosts", hostFleet, func(r *memo.Reader, k ir.HostKey) *table.Resource {
		v := t.from.Hosts.Get(r, k)
		if v == nil {
			return nil
		}
		return hostScope(v)
	}), func(k ir.HostKey, c chain) []ir.HostKey {
		if c.certificate == nil {
			return nil
		}
		return []ir.HostKey{k}
	})
}

// chainOf is the filter chain of a host. On demand it has none of its own, unless a wildcard host covers it, which has its
// own filter chain and would take the connections.
func (t *Tables) chainOf(r *memo.Reader, v *ir.VirtualHost) chain {
	l := t.from.Listeners.Get(r, v.Key.Listener)
	if l == nil || !l.CertificatesOnDemand || !canShareFilterChain(v) {
		return chain{part: filterChain(v, l)}
	}
	c := chain{certificate: &v.TLS.Certificate}
	for _, w := range coveredBy(v.Key.Hostname) {
		if len(t.wildcards.Get(r, ir.HostKey{Listener: v.Key.Listener, Hostname: w})) > 0 {
			c.part = filterChain(v, l)
			break
		}
	}
	return c
}

// coveredBy is the wildcards that match the hostname, as filter chains are matched: whatever the number of labels.
func coveredBy(hostname string) []string {
	wildcards := []string{"*"}
	for rest := hostname; ; {
		_, parent, found := strings.Cut(rest, ".")
		if !found {
			return wildcards
		}
		wildcards, rest = append(wildcards, "*."+parent), parent
	}
}

// chainsOf is the filter chains that a listener makes of a socket: those of hosts, and the shared one, unless there is a
// host "*", which takes whatever is left.
func (t *Tables) chainsOf(r *memo.Reader, l *ir.Listener) []table.Part {
	var chains []table.Part
	for _, k := range t.ownChains.Get(r, l.Key) {
		chains = append(chains, t.chains.Get(r, k).part)
	}
	if l.CertificatesOnDemand && len(t.wildcards.Get(r, ir.HostKey{Listener: l.Key, Hostname: "*"})) == 0 {
		chains = append(chains, sharedChain(l))
	}
	return chains
}
