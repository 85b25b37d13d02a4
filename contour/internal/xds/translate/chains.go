package translate

import (
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// The chains of an HTTPS listener share its route tables. The first network filter of each records the chain of the connection, and the
// first route of a virtual host that belongs to a chain responds with 421 to requests of other connections. So a client may
// reuse a connection for all hosts of its chain, as HTTP/2 clients do with wildcard certificates, and for no other host; a
// new host changes no filter chain.
const (
	chainState     = "contour.chain" // the filter state with the identity of the chain
	chainStateSize = 8               // hexadecimal digits of an identity
)

// chainIdentity returns the identity of a chain, of a fixed length.
func chainIdentity(serverName string) string { return hash(chainStateSize, "chain", serverName) }

// addListenerChains adds the table of the filter chains of chains.
func (t *Tables) addListenerChains() {
	t.listenerChains = memo.NewTable(t.from.Engine, memo.Options[ir.ChainKey, table.Part]{
		Name: "translate/filter chains of listeners", Equal: equalPart,
		Derive: func(r *memo.Reader, k ir.ChainKey) table.Part {
			l, c := t.settings.Get(r, k.Listener), t.from.Chains.Get(r, k)
			if l == nil || c == nil {
				return table.Part{}
			}
			return listenerChain(l, c)
		},
	})
	t.from.Chains.Watch()
	memo.DemandFrom(t.from.Chains, t.listenerChains, func(k ir.ChainKey, _ *ir.Chain) []ir.ChainKey { return []ir.ChainKey{k} })
	t.chainsBy = memo.NewIndex(t.listenerChains, "translate/chains by listener", ir.ChainKey.Compare, func(k ir.ChainKey, p table.Part) []ir.ListenerKey {
		if p.Name == "" {
			return nil
		}
		return []ir.ListenerKey{k.Listener}
	})
}

// chainsOfListener returns the filter chains of the chains of a listener.
func (t *Tables) chainsOfListener(r *memo.Reader, l ir.ListenerKey) []namedChain {
	keys := t.chainsBy.Get(r, l)
	chains := make([]namedChain, 0, len(keys))
	for _, k := range keys {
		chains = append(chains, named(t.listenerChains.Get(r, k), k.ServerName))
	}
	return chains
}

func listenerChain(l *ir.Listener, c *ir.Chain) table.Part {
	e := &encoder{}
	name := c.Key.ServerName
	chain := &listenerv3.FilterChain{Name: name}
	part := table.Part{Name: name, Origins: c.Origins}
	switch { // without filters, Envoy closes the connection
	case l.Protocol == ir.ListenTCP:
		part.Name, chain.Name = anyConnection, anyConnection
	case l.Protocol == ir.ListenHTTPS && len(c.Certificates) > 0:
		chain.Filters = []*listenerv3.Filter{chainMarker(e, c), httpChain{listener: l}.filter(e)}
		part.Needs = []table.Ref{{Type: table.Scope, Name: shard{listener: l.Key}.name()}}
		terminateChain(e, chain, &part, l, c)
	}
	part.Body = e.bytes(chain)
	part.Invalid = e.invalid()
	return part
}

// terminateChain makes the filter chain terminate TLS with the certificates of a chain, and validate those of clients.
func terminateChain(e *encoder, chain *listenerv3.FilterChain, part *table.Part, l *ir.Listener, c *ir.Chain) {
	chain.TransportSocket = chainTLS(e, l, c)
	for _, n := range c.Certificates {
		part.Needs = append(part.Needs, table.Ref{Type: table.Secret, Name: certificateName(n)})
	}
	part.Needs = append(part.Needs, clientNeeds(c.Clients)...)
}

// chainedHost returns the filter chain of a host of a TLS listener, which forwards connections with the settings of the chain. Without a
// certificate they are closed, and while there is no such chain: when a listener gets another hostname, the chains of the routes follow.
func chainedHost(v *ir.VirtualHost, l *ir.Listener, c *ir.Chain) table.Part {
	e := &encoder{}
	chain := &listenerv3.FilterChain{Name: v.Key.Hostname}
	part := table.Part{Name: v.Key.Hostname, Origins: v.Origins}
	switch {
	case c == nil:
	case c.Passthrough:
		setTCP(e, chain, &part, v, l)
	case len(c.Certificates) > 0:
		setTCP(e, chain, &part, v, l)
		terminateChain(e, chain, &part, l, c)
	}
	part.Body = e.bytes(chain)
	part.Invalid = e.invalid()
	return part
}

// chainMarker returns the network filter that records the chain of a connection.
func chainMarker(e *encoder, c *ir.Chain) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name: "envoy.filters.network.set_filter_state",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.pack(&setfilterstatev3.Config{
			OnNewConnection: []*filterstatev3.FilterStateValue{{
				Key:        &filterstatev3.FilterStateValue_ObjectKey{ObjectKey: chainState},
				FactoryKey: "envoy.string",
				Value: &filterstatev3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
					Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
						Specifier: &corev3.DataSource_InlineString{InlineString: chainIdentity(c.Key.ServerName)},
					}},
				}},
			}},
		})},
	}
}

// chainTLS terminates TLS with the certificates of the chain, and validates those of clients.
func chainTLS(e *encoder, l *ir.Listener, c *ir.Chain) *corev3.TransportSocket {
	common := &tlsv3.CommonTlsContext{TlsParams: tlsParameters(e, ir.TLS{}, l.TLS)}
	if l.Protocol == ir.ListenHTTPS {
		common.AlpnProtocols = protocols(l.Client.HTTP.Versions)
	}
	for _, n := range c.Certificates {
		common.TlsCertificateSdsSecretConfigs = append(common.TlsCertificateSdsSecretConfigs, sds(certificateName(n)))
	}
	context := &tlsv3.DownstreamTlsContext{CommonTlsContext: common}
	validateClients(context, c.Clients)
	return tlsTransport(e, context)
}

// chainGuard returns the route that responds with 421 to requests of connections that do not belong to the chain (RFC 9110,
// 15.5.20).
func chainGuard(e *encoder, serverName string) *routev3.Route {
	return &routev3.Route{
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
			FilterState: []*matcherv3.FilterStateMatcher{{
				Key:     chainState,
				Matcher: &matcherv3.FilterStateMatcher_StringMatch{StringMatch: matching(otherChain(serverName))},
			}},
		},
		Action: &routev3.Route_DirectResponse{DirectResponse: directResponse(e, ir.Direct{Code: 421})},
	}
}

// otherChain returns the expression for every identity but that of the chain: Envoy has no inverted match of filter state. At
// some position another identity has another character.
func otherChain(serverName string) string {
	id := chainIdentity(serverName)
	var alternatives []string
	for i := range id {
		alternatives = append(alternatives, fmt.Sprintf("%s[^%c].*", id[:i], id[i]))
	}
	return strings.Join(alternatives, "|")
}

// chainSecrets counts the uses of the certificates of chains, and of what validates those of clients.
func (t *Tables) chainSecrets(secrets *shared[secretKey]) {
	memo.Follow(t.from.Chains, func(k ir.ChainKey, c *ir.Chain) []use[secretKey] {
		var uses []use[secretKey]
		for _, s := range secretsOfChain(c) {
			uses = append(uses, use[secretKey]{k.Listener.Fleet, s})
		}
		return uses
	}, secrets.count)
}

// secretsOfChain returns the certificates of a chain, and the authorities by which it validates clients.
func secretsOfChain(c *ir.Chain) (all []secretKey) {
	if c == nil {
		return nil
	}
	for _, n := range c.Certificates {
		all = append(all, secretKey{name: n})
	}
	if authorities, ok := clientAuthorities(c.Clients); ok {
		all = append(all, authorities)
	}
	return all
}
