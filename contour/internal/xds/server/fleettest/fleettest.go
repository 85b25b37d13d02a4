// Package fleettest creates the resources of fleets of any size, for tests and benchmarks of the
// xDS server with many Envoys. Its input is a number of hosts; its output is resources with the
// names, needs and sizes of those of package translate, and a table that contains them.
//
// The bodies are not valid messages: a real Envoy rejects them.
package fleettest

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/xds/table"
)

// Shards is the number of route tables into which HTTP hosts are sharded.
const Shards = 256

// The number of hosts for each Service, and the sizes in bytes of the resources of an HTTPProxy with two routes.
const (
	hostsPerService = 10
	hostBytes       = 155
	chainBytes      = 450
	clusterBytes    = 300
	endpointBytes   = 120
	secretBytes     = 3 << 10
	scopeBytes      = 60
)

// Fleet is a table, its resources, and the names with which a client subscribes to all of them.
type Fleet struct {
	Table     *table.Table
	Resources []*table.Resource
	Names     map[table.Type][]string
}

// HTTP returns a fleet of n HTTP hosts: one cluster for ten hosts, Shards scopes and route tables.
func HTTP(n int) *Fleet {
	f := &Fleet{}
	f.clusters(n)
	var scopes []table.Ref
	for i := range Shards {
		name := fmt.Sprintf("http/%03d", i)
		var parts []table.Part
		for host := i; host < n; host += Shards {
			parts = append(parts, part(host, hostBytes, Cluster(host)))
		}
		route := table.Ref{Type: table.Route, Name: name}
		scope := table.Ref{Type: table.Scope, Name: name}
		f.add(composite(route, parts), simple(scope, scopeBytes, route))
		scopes = append(scopes, scope)
	}
	f.add(simple(table.Ref{Type: table.Listener, Name: "http"}, chainBytes, scopes...))
	return f.publish()
}

// TLS returns a fleet of n TLS hosts, each with a certificate, a route table and a filter chain.
func TLS(n int) *Fleet {
	f := &Fleet{}
	f.clusters(n)
	var chains []table.Part
	for i := range n {
		f.add(composite(Route(i), []table.Part{part(i, hostBytes, Cluster(i))}), simple(Secret(i), secretBytes))
		chains = append(chains, part(i, chainBytes, Route(i), Secret(i)))
	}
	f.add(composite(TLSListener(), chains))
	return f.publish()
}

// Cluster returns the cluster of host i.
func Cluster(i int) table.Ref {
	return table.Ref{Type: table.Cluster, Name: fmt.Sprintf("team/service-%05d/80/0123456789abcdef", i/hostsPerService)}
}

// Endpoints returns the endpoints of the cluster of host i.
func Endpoints(i int) table.Ref {
	return table.Ref{Type: table.Endpoint, Name: fmt.Sprintf("team/service-%05d/http", i/hostsPerService)}
}

// Shard returns the route table of host i of an HTTP fleet.
func Shard(i int) table.Ref {
	return table.Ref{Type: table.Route, Name: fmt.Sprintf("http/%03d", i%Shards)}
}

// Route returns the route table of host i of a TLS fleet.
func Route(i int) table.Ref {
	return table.Ref{Type: table.Route, Name: "https/" + hostname(i)}
}

// Secret returns the certificate of host i of a TLS fleet.
func Secret(i int) table.Ref {
	return table.Ref{Type: table.Secret, Name: fmt.Sprintf("certificate/team-%05d/tls", i)}
}

// TLSListener returns the listener of a TLS fleet.
func TLSListener() table.Ref { return table.Ref{Type: table.Listener, Name: "https"} }

// Changed returns the resource with text as the body of its middle part, or of the resource if it has no parts, and with
// additional needs there.
func (f *Fleet) Changed(ref table.Ref, text string, needs ...table.Ref) *table.Resource {
	next := *f.Resources[f.index(ref)]
	if len(next.Parts) == 0 {
		next.Body, next.Needs = []byte(text), append(slices.Clone(next.Needs), needs...)
		return &next
	}
	next.Parts = slices.Clone(next.Parts)
	p := &next.Parts[len(next.Parts)/2]
	p.Body, p.Needs = []byte(text), append(slices.Clone(p.Needs), needs...)
	return &next
}

// Original returns the resource as it was published first.
func (f *Fleet) Original(ref table.Ref) *table.Resource { return f.Resources[f.index(ref)] }

// Changes returns the whole table as the first changes of a session.
func (f *Fleet) Changes() []table.Change {
	w := f.Table.Watch("fleettest")
	defer w.Close()
	changes, _ := w.Take()
	return changes
}

func (f *Fleet) index(ref table.Ref) int {
	return slices.IndexFunc(f.Resources, func(r *table.Resource) bool { return r.Ref == ref })
}

func (f *Fleet) clusters(hosts int) {
	for i := 0; i < hosts; i += hostsPerService {
		f.add(simple(Cluster(i), clusterBytes, Endpoints(i)), simple(Endpoints(i), endpointBytes))
	}
}

func (f *Fleet) add(resources ...*table.Resource) { f.Resources = append(f.Resources, resources...) }

func (f *Fleet) publish() *Fleet {
	f.Table, f.Names = table.New(), map[table.Type][]string{}
	for _, r := range f.Resources {
		f.Names[r.Ref.Type] = append(f.Names[r.Ref.Type], r.Ref.Name)
	}
	f.Table.Publish(f.Resources, nil)
	return f
}

func hostname(i int) string { return fmt.Sprintf("host-%05d.example.com", i) }

// body returns size bytes, different for each name.
func body(name string, size int) []byte {
	return append([]byte(name), bytes.Repeat([]byte{'x'}, max(0, size-len(name)))...)
}

func part(i, size int, needs ...table.Ref) table.Part {
	return table.Part{Name: hostname(i), Body: body(hostname(i), size), Needs: needs}
}

func simple(ref table.Ref, size int, needs ...table.Ref) *table.Resource {
	return &table.Resource{Ref: ref, Body: body(ref.Name, size), Needs: needs}
}

func composite(ref table.Ref, parts []table.Part) *table.Resource {
	header := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), ref.Name)
	return &table.Resource{Ref: ref, Body: header, Field: 2, Parts: parts}
}
