package translate

import (
	"slices"
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
	onDemandChainName = "on-demand/certificates" // not a hostname, which has no slash
	noServerName      = "on-demand/none"         // for clients without a server name; the secret does not exist

	// handshakeTimeout limits the time for which a connection waits for its certificate.
	handshakeTimeout = 5 * time.Second
)

// servesOnDemand reports whether the filter chain with certificates on demand may serve a host.
func servesOnDemand(v *ir.VirtualHost) bool {
	return mayShareFilterChain(v) && !wildcard(v.Key.Hostname) && v.TCP == nil && terminates(v.TLS) &&
		v.TLS.Min == ir.TLSDefault && v.TLS.Max == ir.TLSDefault && !v.TLS.Clients.Requested()
}

// onDemandChain returns the filter chain of TLS connections that no other one matches.
func onDemandChain(l *ir.Listener) table.Part {
	e := &encoder{}
	manager := httpChain{listener: l, byServerName: true}
	chain := &listenerv3.FilterChain{
		Name:                          onDemandChainName,
		Filters:                       []*listenerv3.Filter{manager.filter(e)},
		TransportSocket:               onDemandTLS(e, l),
		TransportSocketConnectTimeout: durationpb.New(handshakeTimeout),
	}
	return table.Part{Name: onDemandChainName, Body: e.bytes(chain), Invalid: e.invalid()}
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
func hostScope(k ir.HostKey, c chain) *table.Resource {
	name := routeTable(k)
	needs := []table.Ref{{Type: table.Route, Name: name}}
	if c.certificate != nil {
		needs = append(needs, table.Ref{Type: table.Secret, Name: k.Hostname})
	}
	r := scope(name, name, needs)
	r.Origins = c.origins
	return r
}

// addHostScopes adds the table of the scopes by the server name.
func (t *Tables) addHostScopes() {
	memo.DemandFrom(t.chains, owned(t, "translate/scopes of TLS hosts", hostFleet, func(r *memo.Reader, k ir.HostKey) *table.Resource {
		return hostScope(k, t.chains.Get(r, k))
	}), func(k ir.HostKey, c chain) []ir.HostKey {
		if !c.scoped {
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
		return chain{origins: v.Origins, part: chainedHost(v, l, t.from.Chains.Get(r, ir.ChainKey{Listener: l.Key, ServerName: v.Chain}))}
	}
	c := chain{origins: v.Origins, lenders: lenders(v)}
	if l != nil && l.CertificatesOnDemand && servesOnDemand(v) {
		if c.certificate, c.scoped = &v.TLS.Certificate, true; !t.covered(r, v.Key) {
			return c
		}
	} else {
		c.fallback = fallbackOf(v)
	}
	if l != nil && l.Protocol == ir.ListenHTTPS && !l.ByHost() && v.Key.Hostname != "" {
		c.scoped, c.shared = servedByName(v), t.sharedKeyOf(r, v)
	}
	if c.shared == nil {
		c.part = filterChain(v, l)
	}
	return c
}

// covered reports whether there is a wildcard host whose filter chain would match the connections of the host.
func (t *Tables) covered(r *memo.Reader, k ir.HostKey) bool {
	return slices.ContainsFunc(coveredBy(k.Hostname), func(w string) bool {
		return len(t.wildcards.Get(r, ir.HostKey{Listener: k.Listener, Hostname: w})) > 0
	})
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
	chains = append(chains, t.sharedChainsOf(r, l)...)
	if l.ByChain {
		return union(chains, t.chainsOfListener(r, l.Key))
	}
	if len(t.wildcards.Get(r, ir.HostKey{Listener: l.Key, Hostname: "*"})) > 0 {
		return chains
	}
	if l.CertificatesOnDemand {
		return append(chains, named(onDemandChain(l), "*"))
	}
	if c, ok := t.fallback(r, l); ok {
		chains = append(chains, named(c, "*"))
	}
	return chains
}
