// Package suite runs conformance tests against an Ingress controller, whichever it is.
//
// In go tests, which are values (a name, a sentence, the features that they need, manifests, a
// function), and a Runner, which knows the API server, where the proxy listens, and how backends
// are made. Out come results and, from them, a Report. Every test has namespaces and a domain of its own,
// so tests run in parallel; what a test made is deleted when it ends.
//
// A test looks only at what the API promises: answers to requests, and statuses. It must not
// know anything of a certain controller; what only ours promises says so in Test.Improvement.
package suite
