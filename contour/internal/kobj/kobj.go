// Package kobj names Kubernetes objects: a Key is kind, namespace and name,
// comparable and totally ordered. Every stage refers to objects by Key, so that
// a diagnostic does not need the object itself.
//
// The package lists the kinds that the controller reads and nothing about their fields.
package kobj

import (
	"cmp"
	"slices"
	"strings"
)

// Kind is the kind of a Kubernetes object, as in a manifest.
type Kind string

// The kinds that the controller reads.
const (
	HTTPProxy                Kind = "HTTPProxy"
	TLSCertificateDelegation Kind = "TLSCertificateDelegation"
	ExtensionService         Kind = "ExtensionService"
	ContourConfiguration     Kind = "ContourConfiguration"
	ContourDeployment        Kind = "ContourDeployment"
	Ingress                  Kind = "Ingress"
	Service                  Kind = "Service"
	Secret                   Kind = "Secret"
	EndpointSlice            Kind = "EndpointSlice"
	ConfigMap                Kind = "ConfigMap"
	Namespace                Kind = "Namespace"
	GatewayClass             Kind = "GatewayClass"
	Gateway                  Kind = "Gateway"
	ListenerSet              Kind = "ListenerSet"
	HTTPRoute                Kind = "HTTPRoute"
	GRPCRoute                Kind = "GRPCRoute"
	TLSRoute                 Kind = "TLSRoute"
	TCPRoute                 Kind = "TCPRoute"
	UDPRoute                 Kind = "UDPRoute"
	ReferenceGrant           Kind = "ReferenceGrant"
	BackendTLSPolicy         Kind = "BackendTLSPolicy"
)

// Name is a namespace and a name, of an object whose kind is clear from the context.
type Name struct {
	Namespace string
	Name      string
}

// String is "namespace/name", or "name" for a cluster-scoped object.
func (n Name) String() string {
	if n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "/" + n.Name
}

// Compare orders names by namespace, then name.
func (n Name) Compare(o Name) int {
	return cmp.Or(strings.Compare(n.Namespace, o.Namespace), strings.Compare(n.Name, o.Name))
}

// Key is the identity of one object.
type Key struct {
	Kind Kind
	Name
}

// Of is the key of the object of that kind, namespace and name.
func Of(kind Kind, namespace, name string) Key {
	return Key{Kind: kind, Name: Name{Namespace: namespace, Name: name}}
}

// String is "Kind namespace/name", as diagnostics and logs show it.
func (k Key) String() string { return string(k.Kind) + " " + k.Name.String() }

// Compare orders keys by kind, namespace, name.
func (k Key) Compare(o Key) int {
	return cmp.Or(strings.Compare(string(k.Kind), string(o.Kind)), k.Name.Compare(o.Name))
}

// Sort orders keys in place and drops duplicates.
func Sort(keys []Key) []Key {
	slices.SortFunc(keys, Key.Compare)
	return slices.Compact(keys)
}
