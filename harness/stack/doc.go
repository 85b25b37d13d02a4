// Package stack is the whole system on this machine, as processes: a local cluster
// with the project's CRDs, replicas of the controller, and a real Envoy.
//
// In goes what shall be special about it; out comes a Stack whose parts a test may
// use, stop and kill. Envoy reaches the controllers through a relay, which plays the Service
// in front of them: it goes to the first replica that is ready. Main is for TestMain:
// one stack for all tests of a package, which share it by using namespaces of their own.
package stack
