package table

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/kobj"
)

// Type is a type of xDS resource. Its order is the order in which a session serves types:
// what is needed comes before what needs it.
type Type uint8

// The types that the controller serves.
const (
	Cluster Type = iota + 1
	Endpoint
	Secret
	Listener
	Scope
	Route
)

// Types lists every Type in serving order.
func Types() []Type { return []Type{Cluster, Endpoint, Secret, Listener, Scope, Route} }

const urlPrefix = "type.googleapis.com/envoy."

// URL is the type URL of the protobuf message, "" for a value that is no Type.
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
	}
	return ""
}

// String is the short name of the type's discovery service, as metrics and logs show it.
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
	}
	return "unknown"
}

// Collective reports whether Envoy takes all resources of the type without naming them.
func (t Type) Collective() bool { return t == Cluster || t == Listener || t == Scope }

// Kept reports whether resources of the type stay as long as something needs them. A need for a listener only says what
// comes first: listeners need route tables in turn, and the two would keep each other for good.
func (t Type) Kept() bool { return t != Listener }

// TypeOf is the Type with that type URL; false if the controller does not serve it.
func TypeOf(url string) (Type, bool) {
	for _, t := range Types() {
		if t.URL() == url {
			return t, true
		}
	}
	return 0, false
}

// Ref is the identity of one resource within a fleet.
type Ref struct {
	Type Type
	Name string
}

// Compare orders refs by type, then name.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Type, o.Type), strings.Compare(r.Name, o.Name))
}

// String is "CDS name".
func (r Ref) String() string { return r.Type.String() + " " + r.Name }

// Resource is one resource as translate made it. It is immutable once published.
//
// A composite resource has Parts, the elements of one repeated message field: its bytes are
// Body followed by every part as field number Field, length-delimited. Faults of a part stay
// with the part. Part names are unique within their resource and stable across versions.
type Resource struct {
	Ref     Ref
	Body    []byte // deterministic encoding of the message, not wrapped in Any; without the parts
	Field   protowire.Number
	Parts   []Part
	Needs   []Ref      // what Envoy must have for this resource to work
	Origins []kobj.Key // the objects to blame
	Invalid string     // non-empty: known to be bad; handled as if Envoy had said so, and never sent
}

// Part is one element of a composite resource's repeated field.
type Part struct {
	Name    string
	Body    []byte
	Needs   []Ref
	Origins []kobj.Key
	Invalid string
}

// Rejection is a piece of a resource that is wanted now and that Envoy (or the message's own
// validation) refuses.
type Rejection struct {
	Ref     Ref
	Part    string // "" when it is the resource itself, without its parts
	Hash    string // of the refused bytes, hex
	Message string // Envoy's words
	Origins []kobj.Key
}

// Compare orders rejections by resource, then part.
func (r Rejection) Compare(o Rejection) int {
	return cmp.Or(r.Ref.Compare(o.Ref), strings.Compare(r.Part, o.Part), strings.Compare(r.Hash, o.Hash))
}
