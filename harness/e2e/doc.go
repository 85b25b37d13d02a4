// Package e2e tests the project as its users meet it: real API server, real
// controller processes, real Envoy, requests over the network.
//
// testdata/*.yaml are scenarios (package scenario), one per feature, which run in
// parallel; a Go test is for what needs more than manifests and requests: load, crashes,
// counters. All share one stack (package stack). Nothing here may depend on time beyond the
// deadlines of its waits.
package e2e
