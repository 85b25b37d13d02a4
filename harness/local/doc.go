// Package local is a Kubernetes API server on this machine: etcd and
// kube-apiserver as child processes on loopback ports.
//
// In goes where their files shall lie; out comes a Cluster with a client
// configuration and a kubeconfig file that have all rights. There are no nodes, no
// controllers and no service accounts: a Service gets its cluster IP, but nobody
// makes EndpointSlices or removes the objects of a deleted namespace.
//
// It is tuned for tests: nothing is synced to disk, no request is queued or limited.
package local
