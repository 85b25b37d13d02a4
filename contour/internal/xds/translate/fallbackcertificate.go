package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// A listener has a filter chain with the fallback certificate, for connections that no other chain matches, while a host has a
// fallback. Its route table contains the virtual hosts with a fallback; the Host header selects among them. Another host
// with that match, "*" or that of certificates on demand, takes its place.

// fallbackChainName is the name of the filter chain; not a hostname, which has no slash.
const fallbackChainName = "fallback/certificate"

// fallbackTable returns the name of the route table of the hosts of a listener that have a fallback.
func fallbackTable(l ir.ListenerKey) string { return tlsTables(l) + fallbackChainName }

// fallbackChain returns the filter chain with the certificate.
func fallbackChain(l *ir.Listener, certificate kobj.Name) table.Part {
	e := &encoder{}
	manager := httpChain{listener: l, routes: fallbackTable(l.Key)}
	chain := &listenerv3.FilterChain{
		Name:            fallbackChainName,
		Filters:         []*listenerv3.Filter{manager.filter(e)},
		TransportSocket: downstreamTLS(e, ir.TLS{Certificate: certificate}, l.TLS, protocols(l.Client.HTTP.Versions)...),
	}
	return table.Part{
		Name: fallbackChainName, Body: e.bytes(chain), Invalid: e.invalid(),
		Needs: []table.Ref{
			{Type: table.Route, Name: fallbackTable(l.Key)}, {Type: table.Secret, Name: certificateName(certificate)},
		},
	}
}

// fallbackOf returns the fallback certificate of a host; zero if it has none.
func fallbackOf(v *ir.VirtualHost) kobj.Name {
	if v == nil || v.TCP != nil || !terminates(v.TLS) {
		return kobj.Name{}
	}
	return v.TLS.Fallback
}

// addFallbacks adds the table of the route tables of hosts with a fallback.
func (t *Tables) addFallbacks() {
	listeners := func(k ir.HostKey, v *ir.VirtualHost) []ir.ListenerKey {
		if fallbackOf(v) == (kobj.Name{}) {
			return nil
		}
		return []ir.ListenerKey{k.Listener}
	}
	t.fallbacks = memo.NewIndex(t.from.Hosts, "translate/hosts with a fallback certificate", ir.HostKey.Compare, listeners)
	memo.DemandFrom(t.from.Hosts, owned(t, "translate/fallback route tables", listenerFleet, func(r *memo.Reader, l ir.ListenerKey) *table.Resource {
		hosts := t.fallbacks.Get(r, l)
		return routeConfiguration(fallbackTable(l), shareHosts(len(hosts), valuesOf(r, t.routes.hosts, hosts)))
	}), listeners)
}

// fallback returns the filter chain with the fallback certificate; false if no host of the listener has one.
func (t *Tables) fallback(r *memo.Reader, l *ir.Listener) (table.Part, bool) {
	for _, k := range t.fallbacks.Get(r, l.Key) {
		if c := t.chains.Get(r, k); c.fallback != (kobj.Name{}) {
			return fallbackChain(l, c.fallback), true
		}
	}
	return table.Part{}, false
}
