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

// With certificates on demand, TLS hosts with default settings share one filter chain, so that adding such a host does not
// change the listener. Envoy subscribes to the certificate by the server name of the connection, and selects the route table
// by the same name: each host has a secret and a scope with its name. A host that gets a filter chain of its own keeps
// both, for existing connections.
const (
	sharedChainName = "on-demand/certificates" // not a hostname, which has no slash
	noServerName    = "on-demand/none"         // for clients without a server name; the secret does not exist

	// handshakeTimeout limits the time for which a connection waits for its certificate.
	handshakeTimeout = 5 * time.Second
)

// canShareFilterChain reports whether a host needs no filter chain of its own.
func canShareFilterChain(v *ir.VirtualHost) bool {
	return mayShareFilterChain(v) && !wildcard(v.Key.Hostname) && v.TCP == nil && terminates(v.TLS) &&
		v.TLS.Min == ir.TLSDefault && v.TLS.Max == ir.TLSDefault && !v.TLS.Clients.Requested()
}

// sharedChain returns the filter chain of TLS connections that no other one matches.
func sharedChain(l *ir.Listener) table.Part {
	e := &encoder{}
	manager := httpChain{listener: l, byServerName: true}
	chain := &listenerv3.FilterChain{
		Name:                          sharedChainName,
		Filters:                       []*listenerv3.Filter{manager.filter(e)},
		TransportSocket:               onDemandTLS(e, l),
		TransportSocketConnectTimeout: durationpb.New(handshakeTimeout),
	}
	return table.Part{Name: sharedChainName, Body: e.bytes(chain), Invalid: e.invalid()}
}

// onDemandTLS terminates TLS with the certificate for the server name of the connection. Sessions are not resumed: Envoy
// does not support both.
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

// hostScope returns the scope that maps connections with the server name of a host to the route table of the host.
func hostScope(v *ir.VirtualHost) *table.Resource {
	name := routeTable(v.Key)
	r := scope(name, name, []table.Ref{{Type: table.Secret, Name: v.Key.Hostname}, {Type: table.Route, Name: name}})
	r.Origins = v.Origins
	return r
}

// addOnDemand adds the table of the scopes of hosts that can share a filter chain.
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

// chainOf derives the filter chain of a host. With certificates on demand the host has none of its own, unless a wildcard
// host has one that would match the connections.
func (t *Tables) chainOf(r *memo.Reader, v *ir.VirtualHost) chain {
	l := t.settings.Get(r, v.Key.Listener)
	if l != nil && l.ByChain && l.Protocol == ir.ListenTLS {
		return chain{part: chainedHost(v, l, t.from.Chains.Get(r, ir.ChainKey{Listener: l.Key, ServerName: v.Chain}))}
	}
	if l == nil || !l.CertificatesOnDemand || !canShareFilterChain(v) {
		return chain{part: filterChain(v, l), fallback: fallbackOf(v), lenders: lenders(v)}
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

// coveredBy returns the wildcards whose filter chains match the hostname: a wildcard matches any number of labels.
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

// chainsOf returns the filter chains of a listener: those of hosts, and the shared one or the one with the fallback
// certificate, unless there is a host "*", which matches all other connections.
func (t *Tables) chainsOf(r *memo.Reader, l *ir.Listener) []namedChain {
	if l.ByHost() {
		return t.chainsOfListener(r, l.Key)
	}
	if l.Protocol == ir.ListenUDP {
		return []namedChain{{Part: udpFilter(l)}}
	}
	var chains []namedChain
	for _, k := range t.ownChains.Get(r, l.Key) {
		chains = append(chains, named(t.chains.Get(r, k).part, k.Hostname))
	}
	if l.ByChain {
		return union(chains, t.chainsOfListener(r, l.Key))
	}
	if len(t.wildcards.Get(r, ir.HostKey{Listener: l.Key, Hostname: "*"})) > 0 {
		return chains
	}
	if l.CertificatesOnDemand {
		return append(chains, named(sharedChain(l), "*"))
	}
	if c, ok := t.fallback(r, l); ok {
		chains = append(chains, named(c, "*"))
	}
	return chains
}
