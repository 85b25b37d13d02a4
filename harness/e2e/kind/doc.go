// Package kind tests what is installed in production, in a cluster with nodes: load balancer, an Envoy on each node,
// pods, and what happens to them.
//
// manifests/contour.yaml is applied by kubectl to a cluster of package cluster with two workers. A file is a feature: what
// is done, and what requests through the load balancer and the API server show. Its manifests are the YAML file of its name.
// Most features break something that others share, so suite_test.go says which run in turn and which side by side. Some need
// a second installation, for another ingress class, in the same cluster.
// Every request of a load counts: one that fails, fails the feature. In the end no controller may have restarted, logged
// an error, or written anything while nothing changed; and kubectl must be able to delete it all.
// A feature that fails leaves artifacts.
package kind
