// Package cluster provides Kubernetes clusters to test in.
//
// It takes a Provider: kind (nodes as containers of this machine), existing (the cluster of a
// kubeconfig) or local (an API server as a process, without nodes). It returns
// a Cluster: a client configuration, and the operations that this kind of cluster supports. Delete
// removes everything that Create made, including what another process made; it is
// called by Create when that fails or its context ends.
//
// The package does not install anything in a cluster, with one exception: a kind
// cluster assigns addresses to Services of type LoadBalancer.
package cluster
