package translate

import (
	"bytes"
	"iter"
	"reflect"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// Secrets reads Kubernetes Secrets. Bytes are PEM and must not be modified; ok is false if the Secret does not exist or
// does not contain the value.
type Secrets interface {
	// Certificate returns a certificate chain and its private key.
	Certificate(r *memo.Reader, n kobj.Name) (chain, key []byte, ok bool)
	// OnlyName returns the DNS name in a certificate, in lower case; "" if it has none or several, or does not exist.
	OnlyName(r *memo.Reader, n kobj.Name) string
	// CA returns the certificates of authorities.
	CA(r *memo.Reader, n kobj.Name) (pem []byte, ok bool)
	// ConfigMapCA returns the certificates of authorities that a ConfigMap has.
	ConfigMapCA(r *memo.Reader, n kobj.Name) (pem []byte, ok bool)
	// CRL returns the lists of revoked certificates.
	CRL(r *memo.Reader, n kobj.Name) (pem []byte, ok bool)
}

// Sources is the input of the tables. All fields are required.
type Sources struct {
	Engine *memo.Engine
	// Listeners contains the listeners of all fleets; nil is none.
	Listeners *memo.Table[ir.ListenerKey, *ir.Listener]
	// Chains contains the chains of the listeners that have any; nil is none.
	Chains *memo.Table[ir.ChainKey, *ir.Chain]
	// Hosts contains the hosts of all listeners; nil is a host without a virtual host. Hosts with TLS settings belong to
	// TLS listeners.
	Hosts   memo.Derived[ir.HostKey, *ir.VirtualHost]
	Secrets Secrets
	// Limits returns the circuit breakers of a Service.
	Limits func(r *memo.Reader, service kobj.Name) ir.CircuitBreakers
	// Clusters returns the settings of all clusters.
	Clusters func(*memo.Reader) ir.ClusterSettings
	// Endpoints says which addresses of the slices are used.
	Endpoints func(*memo.Reader) ir.EndpointSettings
	// ExtensionTargets returns the targets of an ExtensionService, which change in place.
	ExtensionTargets func(r *memo.Reader, n kobj.Name) []ir.ExtensionTarget
	// Runtime returns the values of the runtime.
	Runtime func(*memo.Reader) ir.RuntimeSettings
	// Slices is the EndpointSlices of a Service, in any order.
	Slices func(r *memo.Reader, service kobj.Name) []*discoveryv1.EndpointSlice
}

// Tables contains the derived tables from hosts and listeners to xDS resources, for all fleets. Each run of the engine
// updates them.
type Tables struct {
	from Sources

	wildcards *memo.Index[ir.HostKey, ir.HostKey]         // TLS hosts with a wildcard
	fallbacks *memo.Index[ir.ListenerKey, ir.HostKey]     // the hosts with a fallback certificate
	ownChains *memo.Index[ir.ListenerKey, ir.HostKey]     // the hosts with a part of their own in the listener
	chainsBy  *memo.Index[ir.ListenerKey, ir.ChainKey]    // the chains of a listener
	sharing   *memo.Index[sharedKey, ir.HostKey]          // the hosts that share a filter chain
	sockets   *memo.Index[ir.ListenerKey, ir.ListenerKey] // the listeners that share a socket
	socketOf  *memo.Table[ir.ListenerKey, string]         // "" if the listener does not exist
	settings  *memo.Table[ir.ListenerKey, *ir.Listener]   // listeners without addresses and origins, on which filter chains do not depend

	routes routeTables
	chains *memo.Table[ir.HostKey, chain]
	// listenerChains contains the filter chains of chains.
	listenerChains *memo.Table[ir.ChainKey, table.Part]
	shared         *memo.Table[sharedKey, table.Part] // the filter chains that hosts share; zero: the listener does not exist

	sharedChains *memo.Index[ir.ListenerKey, sharedKey]
	sharingNames map[ir.ListenerKey]int         // how many hosts share filter chains
	onlyNames    *memo.Table[kobj.Name, string] // see Secrets; by Secret

	outputs []output
}

// chain is the filter chain of a host.
type chain struct {
	part        table.Part // of the listener; zero: the host has no filter chain of its own
	shared      *sharedKey // the filter chain that the host shares; nil: none
	scoped      bool       // the server name of a connection selects the route table by a scope
	certificate *kobj.Name // non-nil: Envoys may also subscribe to the certificate by the hostname
	fallback    kobj.Name  // the certificate for clients without the server name; zero: none
	origins     []kobj.Key // the objects of the host
	lenders     []string   // see lenders; the filter chain or the origins are others if they differ
}

func equalChain(a, b chain) bool {
	return equalPointee(a.certificate, b.certificate) && equalPointee(a.shared, b.shared) && a.scoped == b.scoped &&
		a.fallback == b.fallback && slices.Equal(a.origins, b.origins) && equalPart(a.part, b.part)
}

func equalPointee[V comparable](a, b *V) bool { return a == b || a != nil && b != nil && *a == *b }

// secretKey is a Secret and its use.
type secretKey struct {
	ca   bool
	name kobj.Name
	crl  kobj.Name // of a CA: the Secret with its revocation lists; zero: none
	host string    // non-empty: the name by which Envoys subscribe to the certificate

	configMap bool // of a CA: name is of a ConfigMap
}

// New adds the tables to the engine of s.
func New(s Sources) *Tables {
	t := &Tables{from: s}
	t.addSockets()
	t.addSettings()
	t.addRoutes()
	t.addFallbacks()
	t.addOnlyNames()
	t.addChains()
	t.addListenerChains()
	t.addSharedChains()
	t.addHostScopes()
	t.addListeners()
	t.addClusters()
	t.addDatagrams()
	t.addSecrets()
	t.addEndpoints()
	t.addCombined()
	t.addRuntime()
	t.addStatsSecrets()
	return t
}

func hostFleet(k ir.HostKey) ir.Fleet         { return k.Listener.Fleet }
func shardFleet(s shard) ir.Fleet             { return s.listener.Fleet }
func listenerFleet(k ir.ListenerKey) ir.Fleet { return k.Fleet }

// addChains adds the table of filter chains of hosts.
func (t *Tables) addChains() {
	t.wildcards = memo.NewIndex(t.from.Hosts, "translate/TLS wildcards", ir.HostKey.Compare, func(k ir.HostKey, v *ir.VirtualHost) []ir.HostKey {
		if v == nil || v.TLS == nil || !wildcard(k.Hostname) {
			return nil
		}
		return []ir.HostKey{k}
	})
	t.chains = hostTable(t, "translate/filter chains", equalChain, t.chainOf)
	t.chains.Watch()
	t.from.Listeners.Watch()
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

// addSockets adds the table of socket names, so that derivations that read only the socket of a listener do not depend on
// its other fields.
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

// addSettings adds the table of what filter chains read of their listener.
func (t *Tables) addSettings() {
	t.settings = memo.NewTable(t.from.Engine, memo.Options[ir.ListenerKey, *ir.Listener]{
		Name: "translate/listener settings", Equal: func(a, b *ir.Listener) bool { return reflect.DeepEqual(a, b) },
		Derive: func(r *memo.Reader, k ir.ListenerKey) *ir.Listener {
			l := t.from.Listeners.Get(r, k)
			if l == nil {
				return nil
			}
			settings := *l
			settings.Addresses, settings.Origins = nil, nil
			return &settings
		},
	})
}

// addListeners adds the table of Envoy's listeners, by socket. A listener that consists of hosts exists while it has one.
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

// listener derives Envoy's listener of the socket. Only TLS listeners share a socket; otherwise the first one gets it.
func (t *Tables) listener(r *memo.Reader, socket ir.ListenerKey) *table.Resource {
	var first *ir.Listener
	var chains []namedChain
	for _, k := range t.sockets.Get(r, socket) {
		l := t.from.Listeners.Get(r, k)
		if l == nil || first != nil && (!first.Protocol.Secure() || !l.Protocol.Secure()) {
			continue
		}
		if first == nil {
			first, chains = l, t.chainsOf(r, l)
			continue
		}
		chains = union(chains, t.chainsOf(r, l))
	}
	if first == nil {
		return nil
	}
	return envoyListener(first, chains)
}

// valuesOf yields the values of the hosts, in the order of hosts.
func valuesOf[V any](r *memo.Reader, from *memo.Table[ir.HostKey, V], hosts []ir.HostKey) iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, k := range hosts {
			if !yield(from.Get(r, k)) {
				return
			}
		}
	}
}

// addClusters adds the table of the clusters that hosts use.
func (t *Tables) addClusters() {
	follow(share(t, "translate/clusters", func(c ir.Cluster) string { return c.Endpoints.Service.Namespace }, func(r *memo.Reader, c ir.Cluster) *table.Resource {
		s := t.from.Clusters(r)
		return cluster(c, t.limits(r, c, s), s)
	}), t.from.Hosts, clustersOf)
}

// addSecrets derives the certificates that hosts serve and the CA bundles that clusters trust. A Secret
// that is missing has no resource.
func (t *Tables) addSecrets() {
	secrets := share(t, "translate/secrets", func(k secretKey) string { return k.name.Namespace }, func(r *memo.Reader, k secretKey) *table.Resource {
		if k.ca {
			return t.validationSecret(r, k)
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
	t.chainSecrets(secrets)
	follow(secrets, t.from.Hosts, fallbackCertificatesOf)
	follow(secrets, t.from.Hosts, casOf)
	follow(secrets, t.from.Hosts, shownBy)
	follow(secrets, t.from.Hosts, authoritiesOf)
	memo.Follow(t.chains, func(k ir.HostKey, c chain) []use[secretKey] {
		if c.certificate == nil {
			return nil
		}
		return []use[secretKey]{{k.Listener.Fleet, secretKey{name: *c.certificate, host: k.Hostname}}}
	}, secrets.count)
	t.addExtensions(secrets)
}

// validationSecret returns the CA bundle, with its revocation lists if it has any; nil if one of them is missing.
func (t *Tables) validationSecret(r *memo.Reader, k secretKey) *table.Resource {
	read := t.from.Secrets.CA
	if k.configMap {
		read = t.from.Secrets.ConfigMapCA
	}
	authorities, ok := read(r, k.name)
	if !ok {
		return nil
	}
	var lists []byte
	if k.crl != (kobj.Name{}) {
		if lists, ok = t.from.Secrets.CRL(r, k.crl); !ok {
			return nil
		}
	}
	return validationContext(k, authorities, lists)
}

// checkedEndpoints is a set of endpoints with a port of their own for health checks.
type checkedEndpoints struct {
	ir.EndpointKey
	checked string // the name of the Service's port for the checks
}

// addEndpoints adds the tables of the endpoints of each Service port of a cluster, empty if there are none.
func (t *Tables) addEndpoints() {
	follow(share(t, "translate/endpoints", func(k ir.EndpointKey) string { return k.Service.Namespace }, func(r *memo.Reader, k ir.EndpointKey) *table.Resource {
		return t.endpoints(r, endpointName(k), checkedEndpoints{EndpointKey: k})
	}), t.from.Hosts, endpointsOf)
	follow(share(t, "translate/endpoints with a port for health checks", func(k checkedEndpoints) string { return k.Service.Namespace }, func(r *memo.Reader, k checkedEndpoints) *table.Resource {
		return t.endpoints(r, checkedName(k), k)
	}), t.from.Hosts, checkedOf)
}

// endpoints derives the endpoints with the name.
func (t *Tables) endpoints(r *memo.Reader, name string, k checkedEndpoints) *table.Resource {
	of := endpoint.Port{Name: k.Port, Slices: t.from.Slices(r, k.Service), Settings: t.from.Endpoints(r), Checked: k.checked}
	body := endpoint.Encoded(name, of)
	return &table.Resource{
		Ref: table.Ref{Type: table.Endpoint, Name: name}, Body: body,
		Origins: []kobj.Key{{Kind: kobj.Service, Name: k.Service}},
	}
}

// hostTable adds a table with a value for each host. The value of a host that does not exist is zero and in no index.
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
