// Package kind tests the production manifests in a cluster with nodes: load balancer, an Envoy on each node,
// pods, and their failures.
//
// manifests/contour.yaml is applied by kubectl to a cluster of package cluster with two workers. A file is a feature: an
// action, and its effect on requests through the load balancer and on the API server. Its manifests are the YAML file of its name.
// Most features disturb something that others share, so suite_test.go specifies which run in turn and which side by side. Some need
// a second installation, for another ingress class, in the same cluster.
// Every request of a load counts: one that fails, fails the feature. At the end no controller may have restarted, logged
// an error, or written anything while nothing changed; and kubectl must be able to delete all objects.
// A feature that fails leaves artifacts.
package kind
