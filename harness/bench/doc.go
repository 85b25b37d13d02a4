// Package bench measures a controller from outside: what a user of the API server
// and of Envoy sees, and what the two processes cost.
//
// In goes a target.Target (a client configuration, Envoy's addresses, process ids) and the
// number of objects; out come Measures, one at a time. It works for any controller
// that serves HTTPProxy or Ingress: it knows nothing of how a controller works inside, and what only
// ours tells (resources, derivations) is an extra, left out when the metrics page does not have it.
//
// Every wait is bounded. What cannot be measured is a Measure with an error, and the rest goes on.
// All objects are in a namespace of their own, bench-*.
package bench
