// Package drain takes an Envoy out of service without cutting off its clients.
//
// In goes an Envoy by its admin endpoint, and how long to wait for what; out comes, once its connections have ended
// or their time is over, a Result and an open Gate: the file by which whoever stops the Envoy learns that it may.
// First the readiness fails, while connections are still accepted, since those who send them learn of it with a
// delay; last the listeners close. Everything is bounded by one limit.
//
// The package does not stop Envoy and does not know of Kubernetes.
package drain
