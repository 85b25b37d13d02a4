// Package cluster provides Kubernetes clusters to test in.
//
// In goes a Provider: kind (nodes as containers of this machine), existing (whatever a
// kubeconfig leads to) or local (an API server as a process, without nodes). Out comes
// a Cluster: a client configuration, and what this kind of cluster can do. Delete
// removes everything that Create made, also after another process made it; it is
// called by Create when that fails or its context ends.
//
// What a cluster runs is not this package's business, but for one thing: a kind
// cluster gives addresses to Services of type LoadBalancer.
package cluster
