// Package drain drains an Envoy without closing the connections of its clients.
//
// It takes an Envoy by its admin endpoint, and timeouts, and returns, once its connections have ended
// or the time is over, a Result and an open Gate: the file for which the preStop hook of Envoy waits.
// First the readiness fails, while connections are still accepted, since load balancers observe it with a
// delay; last the listeners close. Everything is bounded by one timeout.
//
// The package does not stop Envoy and does not depend on Kubernetes.
package drain
