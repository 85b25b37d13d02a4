// Package kind describes the kinds of Kubernetes objects that the controller reads: one Descriptor for each kind, in a
// file of its own, and All, which lists them.
//
// A Descriptor is a value. It holds everything that the stages need to know of a kind without knowing what its fields
// mean: how it is named and decoded, which parts of an object are kept, which changes count, whether its objects claim
// hosts, how its status is compared and patched, and how it is read from a manifest. Sources, store, pending edits and
// the status writer iterate over the Descriptors and contain no list of kinds.
//
// What a kind refers to is not part of its Descriptor: a reference has a meaning, which belongs to the API that resolves
// it. compile/httpproxy and compile/ingress list their references (as values of type Reference) in a file beside the
// code that follows them, package compile joins them in its list of APIs, and the pipeline asks compile. The alternative,
// a function in each Descriptor, needs a registry above both packages, because the APIs import the store, which
// imports this package.
//
// The package holds no objects and imports no client. Access to the API server that a kind needs is written as markers
// beside its Descriptor; a test compares the two.
package kind
