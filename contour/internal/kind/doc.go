// Package kind describes the kinds of Kubernetes objects that the controller reads: one Descriptor for each kind, in a
// file of its own, and All, which lists them.
//
// A Descriptor is a value. It contains everything that the stages need to know of a kind without knowing the meaning of
// its fields: its names, how it is decoded, which parts of an object are stored, which changes are relevant, whether its
// objects claim hosts, how its status is compared and patched, and how it is read from a manifest. Sources, store,
// pending edits and the status writer iterate over the Descriptors and contain no list of kinds.
//
// The references of a kind are not part of its Descriptor: the API that resolves a reference defines its meaning.
// compile/httpproxy and compile/ingress list their references (as values of type Reference) in a file beside the
// code that resolves them, package compile combines them in its list of APIs, and the pipeline calls compile. The
// alternative, a function in each Descriptor, needs a registry above both packages, because the APIs import the store,
// which imports this package.
//
// The package contains no objects and imports no client. Markers beside a Descriptor declare the access to the API server
// that the kind needs; a test compares the two.
package kind
