package translate

import (
	"bytes"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// Secrets finds what Kubernetes Secrets hold. Bytes are PEM and may not be changed; ok is false where there is no
// such Secret, or where it does not hold that.
type Secrets interface {
	// Certificate is a certificate chain and its private key.
	Certificate(r *memo.Reader, n kobj.Name) (chain, key []byte, ok bool)
	// CA is the certificates of authorities.
	CA(r *memo.Reader, n kobj.Name) (pem []byte, ok bool)
}

// Sources is what resources are made from. All fields are required.
type Sources struct {
	Engine *memo.Engine
	// Listeners has every listener of every fleet; nil is none.
	Listeners *memo.Table[ir.ListenerKey, *ir.Listener]
	// Hosts has every host of every listener; nil is a host without a virtual host. Those with TLS settings are of
	// listeners for TLS.
	Hosts   *memo.Table[ir.HostKey, *ir.VirtualHost]
	Secrets Secrets
	// Limits is the circuit breakers of a Service.
	Limits func(r *memo.Reader, service kobj.Name) ir.CircuitBreakers
	// Clusters is what all clusters have in common.
	Clusters func(*memo.Reader) ir.ClusterSettings
	// Slices is the EndpointSlices of a Service, in any order.
	Slices func(r *memo.Reader, service kobj.Name) []*discoveryv1.EndpointSlice
}

// Tables is the derived tables from hosts and listeners to xDS resources, for all fleets. They are up to date after each
// run of the engine.
type Tables struct {
	from Sources

	wildcards *memo.Index[ir.HostKey, ir.HostKey]         // TLS hosts, each by itself
	ownChains *memo.Index[ir.ListenerKey, ir.HostKey]     // the hosts with a part in their listener
	sockets   *memo.Index[ir.ListenerKey, ir.ListenerKey] // the listeners that share a socket
	socketOf  *memo.Table[ir.ListenerKey, string]         // "" if the listener is gone

	routes routeTables
	chains *memo.Table[ir.HostKey, chain]

	outputs []output
}

// chain is how a listener matches the connections for a host.
type chain struct {
	part        table.Part // of the listener; zero: none of its own
	certificate *kobj.Name // non-nil: the certificate may also be asked for by the hostname
}

func equalChain(a, b chain) bool {
	same := a.certificate == b.certificate || a.certificate != nil && b.certificate != nil && *a.certificate == *b.certificate
	return same && equalPart(a.part, b.part)
}

// secretKey is a Secret and the use that is made of it.
type secretKey struct {
	ca   bool
	name kobj.Name
	host string // non-empty: the certificate that is asked for by that name
}

// New adds the tables to the engine of s. What they hold follows the hosts and the listeners.
func New(s Sources) *Tables {
	t := &Tables{from: s}
	t.addSockets()
	t.addRoutes()
	t.addChains()
	t.addOnDemand()
	t.addListeners()
	t.addClusters()
	t.addSecrets()
	t.addEndpoints()
	return t
}

func hostFleet(k ir.HostKey) ir.Fleet         { return k.Listener.Fleet }
func shardFleet(s shard) ir.Fleet             { return s.listener.Fleet }
func listenerFleet(k ir.ListenerKey) ir.Fleet { return k.Fleet }

// addChains makes the filter chains of hosts that are told apart by connections.
func (t *Tables) addChains() {
	t.wildcards = memo.NewIndex(t.from.Hosts, "translate/TLS wildcards", ir.HostKey.Compare, func(k ir.HostKey, v *ir.VirtualHost) []ir.HostKey {
		if v == nil || v.TLS == nil || !wildcard(k.Hostname) {
			return nil
		}
		return []ir.HostKey{k}
	})
	t.chains = hostTable(t, "translate/filter chains", equalChain, t.chainOf)
	memo.DemandFrom(t.from.Hosts, t.chains, func(k ir.HostKey, v *ir.VirtualHost) []ir.HostKey {
		if v == nil || v.TLS == nil && v.TCP == nil {
			return nil
		}
		return []ir.HostKey{k}
	})
	t.ownChains = memo.NewIndex(t.chains, "translate/filter chains by listener", ir.HostKey.Compare, func(k ir.HostKey, c chain) []ir.ListenerKey {
		if c.part.Name == "" {
			return nil
		}
		return []ir.ListenerKey{k.Listener}
	})
}

// addSockets makes the names of sockets, so that other changes of a listener do not concern what reads its socket.
func (t *Tables) addSockets() {
	t.socketOf = memo.NewTable(t.from.Engine, memo.Options[ir.ListenerKey, string]{
		Name: "translate/sockets", Equal: func(a, b string) bool { return a == b },
		Derive: func(r *memo.Reader, k ir.ListenerKey) string {
			if l := t.from.Listeners.Get(r, k); l != nil {
				return l.Socket
			}
			return ""
		},
	})
}

// addListeners makes the listeners of Envoy, each by its socket; those that depend on hosts exist while they have any.
func (t *Tables) addListeners() {
	socket := func(k ir.ListenerKey, l *ir.Listener) []ir.ListenerKey {
		if l == nil {
			return nil
		}
		return []ir.ListenerKey{{Fleet: k.Fleet, Name: l.Socket}}
	}
	t.sockets = memo.NewIndex(t.from.Listeners, "translate/listeners by socket", ir.ListenerKey.Compare, socket)
	memo.DemandFrom(t.from.Listeners, owned(t, "translate/listeners", listenerFleet, t.listener), socket)
}

// listener is the listener of Envoy with the socket. The first of several that are not for TLS has it alone.
func (t *Tables) listener(r *memo.Reader, socket ir.ListenerKey) *table.Resource {
	var first *ir.Listener
	var chains []table.Part
	for _, k := range t.sockets.Get(r, socket) {
		l := t.from.Listeners.Get(r, k)
		if l == nil || first != nil && (!first.Protocol.Secure() || !l.Protocol.Secure()) {
			continue
		}
		if first == nil {
			first, chains = l, t.chainsOf(r, l)
			continue
		}
		chains = joined(chains, t.chainsOf(r, l))
	}
	if first == nil {
		return nil
	}
	return envoyListener(first, chains)
}

// joined is the parts with those of more whose names are not among them.
func joined(parts, more []table.Part) []table.Part {
	names := make(map[string]bool, len(parts))
	for _, p := range parts {
		names[p.Name] = true
	}
	return append(parts, slices.DeleteFunc(more, func(p table.Part) bool { return names[p.Name] })...)
}

// valuesOf returns the values of the hosts, in the order of hosts.
func valuesOf[V any](r *memo.Reader, from *memo.Table[ir.HostKey, V], hosts []ir.HostKey) []V {
	values := make([]V, 0, len(hosts))
	for _, k := range hosts {
		values = append(values, from.Get(r, k))
	}
	return values
}

// addClusters makes each cluster that a host uses.
func (t *Tables) addClusters() {
	follow(share(t, "translate/clusters", func(r *memo.Reader, c ir.Cluster) *table.Resource {
		return cluster(c, t.from.Limits(r, c.Endpoints.Service), t.from.Clusters(r))
	}), t.from.Hosts, clustersOf)
}

// addSecrets derives the certificates that hosts serve and the CA bundles that clusters trust. A Secret
// that is missing has no resource.
func (t *Tables) addSecrets() {
	secrets := share(t, "translate/secrets", func(r *memo.Reader, k secretKey) *table.Resource {
		if k.ca {
			if pem, ok := t.from.Secrets.CA(r, k.name); ok {
				return ca(k.name, pem)
			}
			return nil
		}
		chain, key, ok := t.from.Secrets.Certificate(r, k.name)
		switch {
		case !ok:
			return nil
		case k.host != "":
			return namedCertificate(k.host, k.name, chain, key)
		}
		return certificate(k.name, chain, key)
	})
	follow(secrets, t.from.Hosts, certificatesOf)
	follow(secrets, t.from.Hosts, casOf)
	memo.Follow(t.chains, func(k ir.HostKey, c chain) []use[secretKey] {
		if c.certificate == nil {
			return nil
		}
		return []use[secretKey]{{k.Listener.Fleet, secretKey{name: *c.certificate, host: k.Hostname}}}
	}, secrets.count)
}

// addEndpoints makes the endpoints of each Service port that a cluster leads to, empty if there are none.
func (t *Tables) addEndpoints() {
	follow(share(t, "translate/endpoints", func(r *memo.Reader, k ir.EndpointKey) *table.Resource {
		e := &encoder{}
		name := endpointName(k)
		body := e.bytes(endpoint.Assignment(name, k.Port, t.from.Slices(r, k.Service)))
		return &table.Resource{
			Ref: table.Ref{Type: table.Endpoint, Name: name}, Body: body,
			Origins: []kobj.Key{{Kind: kobj.Service, Name: k.Service}}, Invalid: e.invalid(),
		}
	}), t.from.Hosts, endpointsOf)
}

// hostTable adds a table with a value for each host; that of a host that is gone is zero, and no index leads to it.
func hostTable[V any](t *Tables, name string, equal func(a, b V) bool, of func(*memo.Reader, *ir.VirtualHost) V) *memo.Table[ir.HostKey, V] {
	return memo.NewTable(t.from.Engine, memo.Options[ir.HostKey, V]{
		Name: name, Equal: equal,
		Derive: func(r *memo.Reader, k ir.HostKey) (none V) {
			v := t.from.Hosts.Get(r, k)
			if v == nil {
				return none
			}
			return of(r, v)
		},
	})
}

func equalPart(a, b table.Part) bool {
	return a.Name == b.Name && a.Invalid == b.Invalid && bytes.Equal(a.Body, b.Body) &&
		slices.Equal(a.Needs, b.Needs) && slices.Equal(a.Origins, b.Origins)
}

func equalResource(a, b *table.Resource) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Ref == b.Ref && a.Invalid == b.Invalid && a.Field == b.Field && bytes.Equal(a.Body, b.Body) &&
		slices.Equal(a.Needs, b.Needs) && slices.Equal(a.Origins, b.Origins) && slices.EqualFunc(a.Parts, b.Parts, equalPart)
}
