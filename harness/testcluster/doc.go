// Package testcluster provides a Kubernetes cluster with everything that this project needs to run.
//
// It takes Options: a kind cluster to create, with the number of workers and the
// load balancer, or the kubeconfig of an existing cluster. It returns a Cluster, whose
// nodes have our images; it applies manifests and waits until their workloads are ready.
// Images are built while the nodes start, because both take long. When Up fails, or its
// context ends, nothing remains: no container, process, route, file, nor an engine that
// was started for it. Down does the same later, also in another process.
//
// The package does not choose what is applied.
package testcluster
