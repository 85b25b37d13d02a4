package translate

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/config"
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

// Sources is what the resources of one fleet are made from. All fields are required.
type Sources struct {
	Engine *memo.Engine
	Fleet  ir.Fleet
	// Hosts has every host of every fleet; nil is a host without a virtual host.
	Hosts   *memo.Table[ir.HostKey, *ir.VirtualHost]
	Secrets Secrets
	// Config is the groups of the configuration that listeners are made of; the others may be empty.
	Config func(*memo.Reader) config.Config
	// Limits is the circuit breakers of a Service.
	Limits func(r *memo.Reader, service kobj.Name) ir.CircuitBreakers
	// Slices is the EndpointSlices of a Service, in any order.
	Slices func(r *memo.Reader, service kobj.Name) []*discoveryv1.EndpointSlice
	// OnDemand has TLS hosts without special settings share a filter chain, and their certificates be asked for by name.
	OnDemand bool
}

// Tables is the derived tables from hosts to xDS resources. They are up to date after each run of the engine.
type Tables struct {
	from Sources

	// What hosts say, turned around.
	ownChains    *memo.Index[ir.Listener, ir.HostKey]
	wildcards    *memo.Index[string, ir.HostKey] // nil unless certificates are on demand
	certificates *memo.Index[secretKey, ir.HostKey]

	routes routeTables
	chains *memo.Table[ir.HostKey, table.Part]

	outputs []output
}

// secretKey is a Secret and the use that is made of it.
type secretKey struct {
	authority bool
	name      kobj.Name
	host      string // non-empty: the certificate that is asked for by that name
}

// output is a table of resources, whatever its keys are.
type output struct {
	changes func(yield func(before, after *table.Resource))
	all     func(yield func(*table.Resource))
}

// New adds the tables to the engine of s. What they hold follows the hosts; the listeners for plain
// requests and for statistics exist always.
func New(s Sources) *Tables {
	t := &Tables{from: s}
	t.indexHosts()
	t.addRoutes()
	t.addOnDemand()
	t.addListeners()
	t.addClusters()
	t.addSecrets()
	t.addEndpoints()
	return t
}

// indexHosts turns around what hosts say.
func (t *Tables) indexHosts() {
	t.certificates = indexOf(t, "translate/hosts by certificate", func(v *ir.VirtualHost) []secretKey {
		if !terminates(v.TLS) {
			return nil
		}
		keys := []secretKey{{name: v.TLS.Certificate}}
		if t.from.OnDemand && sharesChain(v) {
			keys = append(keys, secretKey{name: v.TLS.Certificate, host: v.Key.Hostname})
		}
		return keys
	})
}

// indexOf finds the virtual hosts of the fleet by what of says about them.
func indexOf[I comparable](t *Tables, name string, of func(*ir.VirtualHost) []I) *memo.Index[I, ir.HostKey] {
	return memo.NewIndex(t.from.Hosts, name, compareHosts, ofFleet(t, of))
}

// ofFleet is what of says about the virtual hosts of the fleet, and nothing about others.
func ofFleet[I comparable](t *Tables, of func(*ir.VirtualHost) []I) func(ir.HostKey, *ir.VirtualHost) []I {
	return func(k ir.HostKey, v *ir.VirtualHost) []I {
		if v == nil || k.Fleet != t.from.Fleet {
			return nil
		}
		return of(v)
	}
}

func compareHosts(a, b ir.HostKey) int {
	return cmp.Or(
		strings.Compare(string(a.Fleet), string(b.Fleet)),
		strings.Compare(string(a.Listener), string(b.Listener)),
		strings.Compare(a.Hostname, b.Hostname),
	)
}

// addListeners makes the listeners; that for TLS exists while it has filter chains.
func (t *Tables) addListeners() {
	t.chains = hostTable(t, "translate/filter chains", equalPart, func(r *memo.Reader, v *ir.VirtualHost) table.Part {
		if t.onDemand(r, v) {
			return table.Part{}
		}
		return filterChain(v, t.from.Config(r))
	})
	memo.Hold(t.from.Hosts, t.chains, func(k ir.HostKey, v *ir.VirtualHost) []ir.HostKey {
		if v == nil || k.Fleet != t.from.Fleet || k.Listener != ir.HTTPS {
			return nil
		}
		return []ir.HostKey{k}
	})
	t.ownChains = memo.NewIndex(t.chains, "translate/filter chains by listener", compareHosts, func(k ir.HostKey, p table.Part) []ir.Listener {
		if p.Name == "" {
			return nil
		}
		return []ir.Listener{k.Listener}
	})
	listeners := resources(t, "translate/listeners", func(r *memo.Reader, name string) *table.Resource {
		switch cfg := t.from.Config(r); name {
		case string(ir.HTTP):
			return httpListener(cfg)
		case string(ir.HTTPS):
			return httpsListener(cfg, t.httpsChains(r, cfg))
		case statsName:
			return statsListener(cfg)
		}
		return nil
	})
	for _, name := range []string{string(ir.HTTP), string(ir.HTTPS), statsName} {
		listeners.Demand(name)
	}
}

// gather is the values of the given hosts, in their order.
func gather[V any](r *memo.Reader, from *memo.Table[ir.HostKey, V], hosts []ir.HostKey) []V {
	gathered := make([]V, 0, len(hosts))
	for _, k := range hosts {
		gathered = append(gathered, from.Get(r, k))
	}
	return gathered
}

// addClusters makes each cluster that a host uses.
func (t *Tables) addClusters() {
	clusters := resources(t, "translate/clusters", func(r *memo.Reader, c ir.Cluster) *table.Resource {
		return cluster(c, t.from.Limits(r, c.Endpoints.Service))
	})
	memo.Hold(t.from.Hosts, clusters, ofFleet(t, clustersOf))
}

// clustersOf is each cluster that a virtual host uses, once.
func clustersOf(v *ir.VirtualHost) []ir.Cluster {
	return distinct(v, func(c ir.Cluster) (ir.Cluster, bool) { return c, true })
}

// distinct is what of says about the clusters that a virtual host uses, each thing once, in the order of the routes.
func distinct[K comparable](v *ir.VirtualHost, of func(ir.Cluster) (K, bool)) []K {
	const few = 16 // up to which a list is searched faster than a map
	var all []K
	var seen map[K]bool
	for b := range backends(v) {
		k, ok := of(b.Cluster)
		if !ok || seen[k] || len(all) <= few && slices.Contains(all, k) {
			continue
		}
		if all = append(all, k); len(all) == few+1 {
			seen = make(map[K]bool, 2*len(all))
			for _, k := range all {
				seen[k] = true
			}
		}
		if seen != nil {
			seen[k] = true
		}
	}
	return all
}

// addSecrets makes the certificates that hosts serve and the authorities that clusters trust. A Secret
// that is missing has no resource.
func (t *Tables) addSecrets() {
	secrets := resources(t, "translate/secrets", func(r *memo.Reader, k secretKey) *table.Resource {
		if k.authority {
			if pem, ok := t.from.Secrets.CA(r, k.name); ok {
				return authority(k.name, pem)
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
	memo.Drive(t.certificates, secrets)
	memo.Hold(t.from.Hosts, secrets, ofFleet(t, authoritiesOf))
}

// authoritiesOf is each authority that the clusters of a virtual host trust, once.
func authoritiesOf(v *ir.VirtualHost) []secretKey {
	return distinct(v, func(c ir.Cluster) (secretKey, bool) { return secretKey{authority: true, name: c.TLS.CA}, verifies(c) })
}

// addEndpoints makes the endpoints of each Service port that a cluster leads to, empty if there are none.
func (t *Tables) addEndpoints() {
	endpoints := resources(t, "translate/endpoints", func(r *memo.Reader, k ir.EndpointKey) *table.Resource {
		e := &encoder{}
		name := endpointName(k)
		body := e.bytes(endpoint.Assignment(name, k.Port, t.from.Slices(r, k.Service)))
		return &table.Resource{
			Ref: table.Ref{Type: table.Endpoint, Name: name}, Body: body,
			Origins: []kobj.Key{{Kind: kobj.Service, Name: k.Service}}, Invalid: e.invalid(),
		}
	})
	memo.Hold(t.from.Hosts, endpoints, ofFleet(t, endpointsOf))
}

// endpointsOf is each set of endpoints that the clusters of a virtual host lead to, once.
func endpointsOf(v *ir.VirtualHost) []ir.EndpointKey {
	return distinct(v, func(c ir.Cluster) (ir.EndpointKey, bool) { return c.Endpoints, true })
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

// resources adds a table whose values are published; nil is none.
func resources[K comparable](t *Tables, name string, derive func(*memo.Reader, K) *table.Resource) *memo.Table[K, *table.Resource] {
	out := memo.NewTable(t.from.Engine, memo.Options[K, *table.Resource]{Name: name, Equal: equalResource, Derive: derive})
	out.Watch()
	t.outputs = append(t.outputs, output{
		changes: func(yield func(before, after *table.Resource)) {
			for _, c := range out.Changes() {
				yield(orNil(c.Old), orNil(c.New))
			}
		},
		all: func(yield func(*table.Resource)) {
			out.Keys(func(k K) bool {
				if v, ok := out.Peek(k); ok && v != nil {
					yield(v)
				}
				return true
			})
		},
	})
	return out
}

func orNil(r **table.Resource) *table.Resource {
	if r == nil {
		return nil
	}
	return *r
}

// Changes is what differs since the last call: resources that are new or other than before, and the names of those
// that are gone. Both are sorted.
func (t *Tables) Changes() (set []*table.Resource, removed []table.Ref) {
	for _, o := range t.outputs {
		o.changes(func(before, after *table.Resource) {
			switch {
			case after != nil:
				set = append(set, after)
			case before != nil:
				removed = append(removed, before.Ref)
			}
		})
	}
	sortResources(set)
	slices.SortFunc(removed, table.Ref.Compare)
	return set, removed
}

// All is every resource as of the last run, sorted.
func (t *Tables) All() []*table.Resource {
	var all []*table.Resource
	for _, o := range t.outputs {
		o.all(func(r *table.Resource) { all = append(all, r) })
	}
	sortResources(all)
	return all
}

func sortResources(rs []*table.Resource) {
	slices.SortFunc(rs, func(a, b *table.Resource) int { return a.Ref.Compare(b.Ref) })
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
