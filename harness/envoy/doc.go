// Package envoy runs a real Envoy as a child process and queries its admin endpoint.
//
// It takes a bootstrap (written by contour.example/envoybootstrap, or any other whose admin
// endpoint is a unix socket) and returns readiness, statistics and the
// configuration that Envoy has accepted. One worker thread, no hot restart: many can run side by side.
package envoy
