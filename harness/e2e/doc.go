// Package e2e tests the project as its users run it: real API server, real
// controller processes, real Envoy, requests over the network.
//
// testdata/*.yaml are scenarios (package scenario), one per feature, or (bad-*.yaml) one per kind of
// error. They run in parallel, beside a host whose requests must not fail. A Go test is for what needs more
// than manifests and requests: load, crashes, counters. Tests share one system (package testsystem), or run controllers
// and an Envoy of their own beside it. At the end no Envoy may have rejected a resource and no controller have
// logged an error. No test depends on time except for the deadlines of its waits.
package e2e
