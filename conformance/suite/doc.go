// Package suite runs conformance tests against any Ingress controller.
//
// It takes tests, which are values (a name, a sentence, the features that they need, manifests, a
// function), and a Runner, which has the API server, the address of the proxy, and how backends
// are created. It returns results and, from them, a Report. Every test has namespaces and a domain of its own,
// so tests run in parallel; what a test created is deleted when it ends.
//
// A test uses only what the API specifies: answers to requests, and statuses. It must not
// depend on a particular controller; what only ours guarantees is described in Test.Improvement.
package suite
