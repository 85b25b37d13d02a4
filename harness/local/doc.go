// Package local is a Kubernetes API server on this machine: etcd and
// kube-apiserver as child processes on loopback ports.
//
// It takes a directory for their files and returns a Cluster with a client
// configuration and a kubeconfig file of a cluster administrator. There are no nodes, no
// controllers and no service accounts: a Service gets its cluster IP, but no controller
// creates EndpointSlices or removes the objects of a deleted namespace.
//
// It is tuned for tests: nothing is synced to disk, no request is queued or limited.
package local
