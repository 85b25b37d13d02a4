// Package e2e tests the project as its users meet it: real API server, real
// controller processes, real Envoy, requests over the network.
//
// testdata/*.yaml are scenarios (package scenario), one per feature, or (bad-*.yaml) one per kind of
// mistake. They run in parallel, beside a host that must not notice. A Go test is for what needs more
// than manifests and requests: load, crashes, counters. Tests share one stack (package stack), or run controllers
// and an Envoy of their own beside it. In the end no Envoy may have refused anything and no controller have
// logged an error. Nothing here may depend on time beyond the deadlines of its waits.
package e2e
