package translate

import (
	"cmp"
	"fmt"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// Hosts of a listener with one certificate and the same TLS versions share a filter chain, so that one more such host is a name in the
// matcher of the listener and no filter chain (docs/design/0005-tls-hosts.md). A host whose certificate has no other name has a
// smaller one of its own, since there is none to share it with. Each host keeps a route table of its own, which a scope selects:
//   - by the server name of the connection, for requests to that host. This key does not contain the chain, so that a host whose
//     certificate becomes another Secret is served on its connections until these end;
//   - by the chain and the requested host, for requests to another host of the chain: HTTP/2 clients reuse a connection for the
//     hosts that its certificate covers. A host of another chain has no scope with that key, and the response is 421.
//
// Envoy finds the first without an expression. The second are for few requests, which the route table of the server name leads to its
// virtual host for other hosts: there a script runs, changes the key, and has the request routed again. Filters of policies are those of
// the first route, so a host with such filters is not served to these requests (coalescedGuard).

// sharedKey identifies a filter chain that hosts share.
type sharedKey struct {
	listener    ir.ListenerKey
	certificate kobj.Name
	min, max    ir.TLSVersion
}

func (k sharedKey) compare(o sharedKey) int {
	return cmp.Or(
		k.listener.Compare(o.listener), cmp.Compare(k.certificate.Namespace, o.certificate.Namespace),
		cmp.Compare(k.certificate.Name, o.certificate.Name), cmp.Compare(k.min, o.min), cmp.Compare(k.max, o.max),
	)
}

// name returns the name of the filter chain; not a hostname, which has no slash.
func (k sharedKey) name() string {
	name := tlsTables(k.listener) + k.certificate.String()
	if k.min != ir.TLSDefault || k.max != ir.TLSDefault {
		name += "/" + versionText(k.min) + "-" + versionText(k.max)
	}
	return name
}

// versionText returns the number of a TLS version, "" for the default.
func versionText(v ir.TLSVersion) string {
	switch v {
	case ir.TLSDefault:
		return ""
	case ir.TLS12:
		return "1.2"
	case ir.TLS13:
		return "1.3"
	}
	return fmt.Sprint(uint16(v))
}

// scopePrefix returns the beginning of the keys of scopes for requests to other hosts of the chain. A hash, so that no name of an
// object is in the keys.
func (k sharedKey) scopePrefix() string {
	return coalescedPrefix(k.listener) + hash(clusterHashSize, k.certificate.Namespace, k.certificate.Name, fmt.Sprint(k.min), fmt.Sprint(k.max)) + "//"
}

// coalescedPrefix is the beginning of the keys of scopes for requests to other hosts of all chains of a listener: no other key begins with
// it, and the header begins with it only after the script of the filter chain.
func coalescedPrefix(l ir.ListenerKey) string { return tlsTables(l) + "/" }

// scopeKey is the format of the key of the scope of a request, which is the server name whatever the request is for. After the
// separator follows what the script needs.
func (k sharedKey) scopeKey() string {
	return tlsTables(k.listener) + "%REQUESTED_SERVER_NAME%:" + k.scopePrefix()
}

// servedByName reports whether the server name of a connection is enough to serve the requests of a host: also to a client without a
// certificate.
func servedByName(v *ir.VirtualHost) bool {
	return !wildcard(v.Key.Hostname) && v.TCP == nil && terminates(v.TLS) && v.TLS.Clients.Certificates != ir.RequiredClientCertificates
}

// sharedKeyOf returns the filter chain that the host shares with others; nil if it has one of its own.
func (t *Tables) sharedKeyOf(r *memo.Reader, v *ir.VirtualHost) *sharedKey {
	if !servedByName(v) || v.TLS.Clients.Requested() || !mayShareFilterChain(v) || t.onlyNames.Get(r, v.TLS.Certificate) == v.Key.Hostname {
		return nil
	}
	return &sharedKey{v.Key.Listener, v.TLS.Certificate, v.TLS.Min, v.TLS.Max}
}

// sharedFilterChain returns the filter chain without what its hosts need.
func sharedFilterChain(k sharedKey, l *ir.Listener) table.Part {
	e := &encoder{}
	manager := httpChain{listener: l, shared: &k}
	chain := &listenerv3.FilterChain{
		Name:            k.name(),
		Filters:         []*listenerv3.Filter{manager.filter(e)},
		TransportSocket: downstreamTLS(e, ir.TLS{Certificate: k.certificate, Min: k.min, Max: k.max}, l.TLS, protocols(l.Client.HTTP.Versions)...),
	}
	return table.Part{
		Name: k.name(), Body: e.bytes(chain), Invalid: e.invalid(),
		Needs: []table.Ref{{Type: table.Secret, Name: certificateName(k.certificate)}},
	}
}

// scopedHost identifies the scope of a host for requests on connections to other hosts of the chain.
type scopedHost struct {
	chain    sharedKey
	hostname string
}

// addOnlyNames adds the table of the only names of certificates, so that a certificate that is issued again changes nothing else.
func (t *Tables) addOnlyNames() {
	t.onlyNames = memo.NewTable(t.from.Engine, memo.Options[kobj.Name, string]{
		Name: "translate/only names of certificates", Equal: func(a, b string) bool { return a == b }, Derive: t.from.Secrets.OnlyName,
	})
}

// addSharedChains adds the tables of the filter chains that hosts share.
func (t *Tables) addSharedChains() {
	shared := func(_ ir.HostKey, c chain) []sharedKey {
		if c.shared == nil {
			return nil
		}
		return []sharedKey{*c.shared}
	}
	t.sharingNames = map[ir.ListenerKey]int{}
	memo.Follow(t.chains, func(k ir.HostKey, c chain) []ir.ListenerKey {
		if c.shared == nil {
			return nil
		}
		return []ir.ListenerKey{k.Listener}
	}, func(l ir.ListenerKey, added bool) {
		if !added {
			t.sharingNames[l]--
		} else {
			t.sharingNames[l]++
		}
		if t.sharingNames[l] == 0 {
			delete(t.sharingNames, l)
		}
	})
	t.sharing = memo.NewIndex(t.chains, "translate/hosts by shared filter chain", ir.HostKey.Compare, shared)
	t.shared = memo.NewTable(t.from.Engine, memo.Options[sharedKey, table.Part]{
		Name: "translate/shared filter chains", Equal: equalPart, Derive: t.deriveShared,
	})
	memo.DemandFrom(t.chains, t.shared, shared)
	t.sharedChains = memo.NewIndex(t.shared, "translate/shared filter chains by listener", sharedKey.compare, func(k sharedKey, p table.Part) []ir.ListenerKey {
		if p.Name == "" {
			return nil
		}
		return []ir.ListenerKey{k.listener}
	})
	fleet := func(k scopedHost) ir.Fleet { return k.chain.listener.Fleet }
	memo.DemandFrom(t.chains, owned(t, "translate/scopes of hosts by shared filter chain", fleet, func(r *memo.Reader, k scopedHost) *table.Resource {
		host := ir.HostKey{Listener: k.chain.listener, Hostname: k.hostname}
		s := scope(k.chain.scopePrefix()+k.hostname, routeTable(host), []table.Ref{{Type: table.Route, Name: routeTable(host)}})
		s.Origins = t.chains.Get(r, host).origins
		return s
	}), func(k ir.HostKey, c chain) []scopedHost {
		if c.shared == nil {
			return nil
		}
		return []scopedHost{{*c.shared, k.Hostname}}
	})
}

// deriveShared derives a filter chain with the needs and objects of its hosts. Its bytes depend on neither.
func (t *Tables) deriveShared(r *memo.Reader, k sharedKey) table.Part {
	l := t.settings.Get(r, k.listener)
	if l == nil {
		return table.Part{}
	}
	part := sharedFilterChain(k, l)
	for _, host := range t.sharing.Get(r, k) {
		part.Needs = append(part.Needs, table.Ref{Type: table.Scope, Name: routeTable(host)})
		part.Origins = append(part.Origins, t.chains.Get(r, host).origins...)
	}
	part.Origins = kobj.Sort(part.Origins)
	return part
}

// sharedChainsOf returns the shared filter chains of a listener.
func (t *Tables) sharedChainsOf(r *memo.Reader, l *ir.Listener) []namedChain {
	var chains []namedChain
	for _, k := range t.sharedChains.Get(r, l.Key) {
		hosts := t.sharing.Get(r, k)
		names := make([]string, 0, len(hosts))
		for _, host := range hosts {
			names = append(names, host.Hostname)
		}
		chains = append(chains, namedChain{t.shared.Get(r, k), names})
	}
	return chains
}
