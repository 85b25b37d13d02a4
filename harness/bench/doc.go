// Package bench measures a controller from outside: what a client of the API server
// and of Envoy observes, and the resource usage of the two processes.
//
// It takes a target.Target (a client configuration, Envoy's addresses, process ids) and the
// number of objects, and emits Measures one at a time. It works for any controller
// that serves HTTPProxy, Ingress or the Gateway API: it does not depend on the controller's implementation. What only
// our controller exports (resources, derivations) is optional, and absent when the metrics page does not have it.
//
// Every wait is bounded. What cannot be measured is a Measure with an error, and the run continues.
// All objects are in a namespace of their own, bench-*.
package bench
