// Package semantic is a model of Envoy: it answers requests as an Envoy with given xDS resources does. Users ask it what happens to a
// request (package preview), and tests send requests to a configuration instead of comparing its text.
//
// The input is the encoded resources of a fleet, as a session sends them, and one Request; the output is
// an Answer: the request that each backend receives, or the local reply of Envoy. The package implements
// the messages and fields that translate emits. Any other field that is set is an error. Tests send the
// same requests to a real Envoy, which verifies the model.
//
// The package does no I/O and does not depend on Kubernetes.
package semantic

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/xds/table"
)

// Envoy is the model of an Envoy with a set of resources.
type Envoy struct {
	listeners map[string]*listenerv3.Listener
	scopes    map[string]*routev3.ScopedRouteConfiguration
	tables    map[string]string // names of route tables by the keys of scopes
	routes    known[*routev3.RouteConfiguration]
	clusters  known[*clusterv3.Cluster]
	endpoints known[*endpointv3.ClusterLoadAssignment]
	secrets   known[*tlsv3.Secret]

	find   func(table.Ref) []byte // the body of a resource that is not decoded yet; nil: all are
	failed error                  // the first resource that did not decode
}

// known is the resources of a type that are decoded, by name.
type known[M proto.Message] map[string]M

// Resource is one encoded resource.
type Resource struct {
	Ref  table.Ref
	Body []byte
}

// Effective returns the resources that sessions send from a table.
func Effective(t *table.Table) []Resource {
	var out []Resource
	for _, v := range t.All() {
		out = append(out, Resource{Ref: v.Ref, Body: v.Body()})
	}
	return out
}

// Of returns an Envoy with the resources that sessions send from a table now, for one request: it decodes listeners, scopes, and of the
// others those that the request needs. It fails if a listener or a scope does not decode.
func Of(t *table.Table) (*Envoy, error) {
	var roots []Resource
	for v := range t.Scan() {
		if v.Ref.Type == table.Listener || v.Ref.Type == table.Scope {
			roots = append(roots, Resource{Ref: v.Ref, Body: v.Body()})
		}
	}
	e, err := New(roots)
	if err == nil {
		e.find = func(ref table.Ref) []byte {
			if v := t.Get(ref); v != nil {
				return v.Body()
			}
			return nil
		}
	}
	return e, err
}

// New returns an Envoy with the resources. It fails if a resource does not decode or its message has another name.
func New(resources []Resource) (*Envoy, error) {
	e := &Envoy{
		listeners: map[string]*listenerv3.Listener{},
		scopes:    map[string]*routev3.ScopedRouteConfiguration{},
		tables:    map[string]string{},
		routes:    known[*routev3.RouteConfiguration]{},
		clusters:  known[*clusterv3.Cluster]{},
		endpoints: known[*endpointv3.ClusterLoadAssignment]{},
		secrets:   known[*tlsv3.Secret]{},
	}
	for _, r := range resources {
		if err := e.add(r); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Ref, err)
		}
	}
	for _, s := range e.scopes {
		if f := s.GetKey().GetFragments(); len(f) == 1 {
			e.tables[f[0].GetStringKey()] = s.GetRouteConfigurationName()
		}
	}
	return e, nil
}

func (e *Envoy) add(r Resource) error {
	switch r.Ref.Type {
	case table.Listener:
		return decode(e.listeners, r, &listenerv3.Listener{}, (*listenerv3.Listener).GetName)
	case table.Scope:
		return decode(e.scopes, r, &routev3.ScopedRouteConfiguration{}, (*routev3.ScopedRouteConfiguration).GetName)
	case table.Route:
		return decode(e.routes, r, &routev3.RouteConfiguration{}, (*routev3.RouteConfiguration).GetName)
	case table.Cluster:
		return decode(e.clusters, r, &clusterv3.Cluster{}, (*clusterv3.Cluster).GetName)
	case table.Endpoint:
		return decode(e.endpoints, r, &endpointv3.ClusterLoadAssignment{}, (*endpointv3.ClusterLoadAssignment).GetClusterName)
	case table.Runtime:
		return nil // answers no request
	case table.Secret:
		return decode(e.secrets, r, &tlsv3.Secret{}, (*tlsv3.Secret).GetName)
	}
	return fmt.Errorf("unknown type %d", r.Ref.Type)
}

func (e *Envoy) routeTable(name string) *routev3.RouteConfiguration {
	return get(e, e.routes, table.Route, name)
}

func (e *Envoy) cluster(name string) *clusterv3.Cluster {
	return get(e, e.clusters, table.Cluster, name)
}

func (e *Envoy) assignment(name string) *endpointv3.ClusterLoadAssignment {
	return get(e, e.endpoints, table.Endpoint, name)
}

func (e *Envoy) secret(name string) *tlsv3.Secret { return get(e, e.secrets, table.Secret, name) }

// get returns a resource, nil if there is none.
func get[M proto.Message](e *Envoy, decoded known[M], t table.Type, name string) M {
	if m, ok := decoded[name]; ok || e.find == nil {
		return m
	}
	var none M
	ref := table.Ref{Type: t, Name: name}
	body := e.find(ref)
	if body == nil {
		decoded[name] = none // for the rest of the request
		return none
	}
	if err := e.add(Resource{Ref: ref, Body: body}); err != nil && e.failed == nil {
		e.failed = fmt.Errorf("%s: %w", ref, err)
	}
	return decoded[name]
}

func decode[M proto.Message](into map[string]M, r Resource, m M, name func(M) string) error {
	if err := (proto.UnmarshalOptions{}).Unmarshal(r.Body, m); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if name(m) != r.Ref.Name {
		return fmt.Errorf("the name of the message is %q", name(m))
	}
	into[r.Ref.Name] = m
	return nil
}
