// Package kind tests what is installed in production, in a cluster with nodes: load balancer, an Envoy on each node,
// pods, and what happens to them.
//
// manifests/contour.yaml is applied by kubectl to a cluster of package cluster with two workers. A file is a feature: what
// is done, and what requests through the load balancer and the API server show. Its manifests are the YAML file of its name.
// Features run one after the other, because most of them break something that all share; the list is in suite_test.go.
// Every request of a load counts: one that fails, fails the feature. In the end no controller may have restarted, logged
// an error, or written anything while nothing changed; and kubectl must be able to delete it all.
// A feature that fails leaves artifacts.
package kind
