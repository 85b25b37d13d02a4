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
	routes    map[string]*routev3.RouteConfiguration
	clusters  map[string]*clusterv3.Cluster
	endpoints map[string]*endpointv3.ClusterLoadAssignment
	secrets   map[string]*tlsv3.Secret
}

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

// New returns an Envoy with the resources. It fails if a resource does not decode or its message has another name.
func New(resources []Resource) (*Envoy, error) {
	e := &Envoy{
		listeners: map[string]*listenerv3.Listener{},
		scopes:    map[string]*routev3.ScopedRouteConfiguration{},
		tables:    map[string]string{},
		routes:    map[string]*routev3.RouteConfiguration{},
		clusters:  map[string]*clusterv3.Cluster{},
		endpoints: map[string]*endpointv3.ClusterLoadAssignment{},
		secrets:   map[string]*tlsv3.Secret{},
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
