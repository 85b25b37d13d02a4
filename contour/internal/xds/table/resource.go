package table

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/kobj"
)

// Type is a type of xDS resource. Sessions serve types in this order:
// a type precedes the types that need it.
type Type uint8

// The types that the controller serves.
const (
	Cluster Type = iota + 1
	Endpoint
	Secret
	Listener
	Scope
	Route
	Runtime
)

// Types lists every Type in serving order.
func Types() []Type { return []Type{Cluster, Endpoint, Secret, Listener, Scope, Route, Runtime} }

const urlPrefix = "type.googleapis.com/envoy."

// URL returns the type URL of the protobuf message, "" for an undefined Type.
func (t Type) URL() string {
	switch t {
	case Cluster:
		return urlPrefix + "config.cluster.v3.Cluster"
	case Endpoint:
		return urlPrefix + "config.endpoint.v3.ClusterLoadAssignment"
	case Secret:
		return urlPrefix + "extensions.transport_sockets.tls.v3.Secret"
	case Listener:
		return urlPrefix + "config.listener.v3.Listener"
	case Scope:
		return urlPrefix + "config.route.v3.ScopedRouteConfiguration"
	case Route:
		return urlPrefix + "config.route.v3.RouteConfiguration"
	case Runtime:
		return urlPrefix + "service.runtime.v3.Runtime"
	}
	return ""
}

// Service returns the gRPC service for resources of the type alone, and the word that its methods are named with:
// Stream<word> and Delta<word>.
func (t Type) Service() (service, word string) {
	switch t {
	case Cluster:
		return "envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters"
	case Endpoint:
		return "envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints"
	case Secret:
		return "envoy.service.secret.v3.SecretDiscoveryService", "Secrets"
	case Listener:
		return "envoy.service.listener.v3.ListenerDiscoveryService", "Listeners"
	case Scope:
		return "envoy.service.route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes"
	case Route:
		return "envoy.service.route.v3.RouteDiscoveryService", "Routes"
	case Runtime:
		return "envoy.service.runtime.v3.RuntimeDiscoveryService", "Runtime"
	}
	return "", ""
}

// String is the short name of the type's discovery service, which metrics and logs use.
func (t Type) String() string {
	switch t {
	case Cluster:
		return "CDS"
	case Endpoint:
		return "EDS"
	case Secret:
		return "SDS"
	case Listener:
		return "LDS"
	case Scope:
		return "SRDS"
	case Route:
		return "RDS"
	case Runtime:
		return "RTDS"
	}
	return "unknown"
}

// Collective reports whether Envoy subscribes to all resources of the type at once, with a wildcard.
func (t Type) Collective() bool { return t == Cluster || t == Listener || t == Scope }

// Kept reports whether resources of the type remain as long as something needs them. A need for a listener only
// determines the order: listeners need route tables in turn, and neither could ever be removed.
func (t Type) Kept() bool { return t != Listener }

// MayNeed reports whether resources of the type can need those of another.
func (t Type) MayNeed(need Type) bool {
	switch t {
	case Cluster:
		return need == Endpoint || need == Secret
	case Listener:
		return need != Listener
	case Scope:
		return need == Route || need == Secret
	case Route:
		return need == Cluster || need == Route || need == Scope
	default:
		return false
	}
}

// TypeOf returns the Type with that type URL; false if the controller does not serve it.
func TypeOf(url string) (Type, bool) {
	for _, t := range Types() {
		if t.URL() == url {
			return t, true
		}
	}
	return 0, false
}

// Ref identifies a resource within a fleet.
type Ref struct {
	Type Type
	Name string
}

// Compare orders refs by type, then name.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Type, o.Type), strings.Compare(r.Name, o.Name))
}

// String returns the type and the name, such as "CDS name".
func (r Ref) String() string { return r.Type.String() + " " + r.Name }

// Resource is a resource as translate derives it. It is immutable after Publish.
//
// A composite resource has Parts, the elements of one repeated message field: its bytes are
// Body followed by every part as field number Field, length-delimited. Each part is accepted or
// rejected by itself. Part names are unique within their resource and stable across versions.
type Resource struct {
	Ref     Ref
	Body    []byte // deterministic encoding of the message, not wrapped in Any; without the parts
	Field   protowire.Number
	Parts   []Part
	Needs   []Ref      // the resources without which this one does not work
	Origins []kobj.Key // the objects whose statuses report a rejection
	Invalid string     // non-empty: why the resource is invalid; it is rejected without being sent
}

// Size is about the number of bytes of the encoded message.
func (r *Resource) Size() int {
	size := len(r.Body)
	for i := range r.Parts {
		size += len(r.Parts[i].Body)
	}
	return size
}

// Part is one element of a composite resource's repeated field.
type Part struct {
	Name    string
	Body    []byte
	Needs   []Ref
	Origins []kobj.Key
	Invalid string
}

// Rejection is a wanted piece of a resource that the Envoys of the fleet, or the validation of the message, reject.
type Rejection struct {
	Ref         Ref
	Part        string // "": the resource without its parts
	Hash        string // of the rejected bytes, hexadecimal
	Node        string // of an Envoy that rejects it; "" if the message is invalid
	ErrorDetail string // of Envoy, or why the message is invalid
	Unconfirmed bool   // other Envoys of the fleet may accept it, or did before they were gone
	Origins     []kobj.Key
}

// Compare orders rejections by resource, then part.
func (r Rejection) Compare(o Rejection) int {
	return cmp.Or(r.Ref.Compare(o.Ref), strings.Compare(r.Part, o.Part), strings.Compare(r.Hash, o.Hash))
}
