// Package site makes a Kubernetes cluster that has everything this project needs to run in.
//
// In go Options: a kind cluster that is to be made, with how many workers and which
// load balancer, or the kubeconfig of a cluster that is there. Out comes a Site, whose
// nodes have our images; it applies manifests and waits until what they are about runs.
// Images are built while the nodes start, because both take long. When Up fails, or its
// context ends, nothing is left: no container, process, route, file, nor an engine that
// was started for it. Down does the same later, also in another process.
//
// What is applied to a site is not this package's business.
package site
