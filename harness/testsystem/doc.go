// Package testsystem is the whole system on this machine, as processes: a local cluster
// with the project's CRDs, replicas of the controller, and a real Envoy.
// It takes Options and returns a System whose parts a test may
// use, stop and kill. Envoy connects to the controllers through a relay, which replaces the Service
// in front of them: it forwards to the first replica that is ready. Main is for TestMain:
// one system for all tests of a package, which share it by using namespaces of their own.
package testsystem
