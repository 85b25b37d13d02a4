// Package kubelet runs Deployments and DaemonSets on this machine as processes: it is what a cluster with one node consists of, beside its
// API server.
//
// It takes the configuration of a client of an API server, a program for each image, and a bridge (package netns). It creates the
// Pods of these; runs the init containers and then the first container of each, as processes that share a root directory, the latter with a
// network namespace of its own, with environment and volumes (Secrets, ConfigMaps, emptyDir); writes the status of Pods; maintains
// EndpointSlices of Services with selectors; serves logs to the API server; and deletes what it created when the owner is gone. With
// a range for load balancers, Services of that type get addresses: those of a Service are on the network device of its first running Pod, so
// that port and target port have to be equal.
//
// It does not isolate processes from each other beyond that, has no probes (a container is ready while it runs), no resource limits
// and no rolling update: the Pods of a changed template replace the others at once.
package kubelet
