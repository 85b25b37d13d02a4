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

	"contour.example/contour/internal/config"
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

// sharesChain reports whether a host can do without a filter chain of its own.
func sharesChain(v *ir.VirtualHost) bool {
	return v.Key.Listener == ir.HTTPS && !wildcard(v.Key.Hostname) && v.TCP == nil && terminates(v.TLS) &&
		v.TLS.Min == ir.TLSDefault && v.TLS.Max == ir.TLSDefault
}

// sharedChain takes the TLS connections that no other filter chain is for.
func sharedChain(cfg config.Config) table.Part {
	e := &encoder{}
	manager := httpChain{listener: ir.HTTPS, byServerName: true, log: cfg.AccessLog.HTTPS, logFormat: cfg.AccessLog.Format}
	chain := &listenerv3.FilterChain{
		Name:                          sharedChainName,
		FilterChainMatch:              serverName("*"),
		Filters:                       []*listenerv3.Filter{manager.filter(e)},
		TransportSocket:               onDemandTLS(e, cfg),
		TransportSocketConnectTimeout: durationpb.New(handshakeTimeout),
	}
	return table.Part{Name: sharedChainName, Body: e.bytes(chain), Invalid: e.invalid()}
}

// onDemandTLS terminates TLS with whatever certificate the controller has for the name that the client asks for.
// Sessions are not resumed: Envoy cannot do both.
func onDemandTLS(e *encoder, cfg config.Config) *corev3.TransportSocket {
	selector := &selectorv3.Config{
		ConfigSource: ads(),
		CertificateMapper: &corev3.TypedExtensionConfig{
			Name: "envoy.tls.certificate_mappers.sni", TypedConfig: e.pack(&mapperv3.SNI{DefaultValue: noServerName}),
		},
	}
	return tlsTransport(e, &tlsv3.DownstreamTlsContext{
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams:     tlsParameters(e, ir.TLS{}, cfg),
			AlpnProtocols: httpProtocols(),
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
	r := scope(routeTable(v.Key), table.Ref{Type: table.Secret, Name: v.Key.Hostname})
	r.Origins = v.Origins
	return r
}

// addOnDemand makes the scopes of the hosts that can share a filter chain.
func (t *Tables) addOnDemand() {
	if !t.from.OnDemand {
		return
	}
	t.wildcards = indexOf(t, "translate/TLS wildcards by name", func(v *ir.VirtualHost) []string {
		if v.Key.Listener != ir.HTTPS || !wildcard(v.Key.Hostname) {
			return nil
		}
		return []string{v.Key.Hostname}
	})
	sharers := indexOf(t, "translate/hosts on demand", func(v *ir.VirtualHost) []ir.HostKey {
		if !sharesChain(v) {
			return nil
		}
		return []ir.HostKey{v.Key}
	})
	memo.Drive(sharers, resources(t, "translate/scopes of TLS hosts", func(r *memo.Reader, k ir.HostKey) *table.Resource {
		v := t.from.Hosts.Get(r, k)
		if v == nil {
			return nil
		}
		return hostScope(v)
	}))
}

// onDemand reports whether connections for the host go to the shared filter chain. A wildcard host that covers it has
// its own filter chain and would take them, so that then the host needs one as well.
func (t *Tables) onDemand(r *memo.Reader, v *ir.VirtualHost) bool {
	if !t.from.OnDemand || !sharesChain(v) {
		return false
	}
	for _, w := range coveredBy(v.Key.Hostname) {
		if len(t.wildcards.Get(r, w)) > 0 {
			return false
		}
	}
	return true
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

// httpsChains is the filter chains of the listener for TLS: those of hosts, and the shared one, unless there is a host
// "*", which takes whatever is left.
func (t *Tables) httpsChains(r *memo.Reader, cfg config.Config) []table.Part {
	chains := gather(r, t.chains, t.ownChains.Get(r, ir.HTTPS))
	if t.from.OnDemand && len(t.wildcards.Get(r, "*")) == 0 {
		chains = append(chains, sharedChain(cfg))
	}
	return chains
}
