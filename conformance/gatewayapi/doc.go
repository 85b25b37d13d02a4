// Package gatewayapi runs the conformance suite of the Gateway API, unchanged, against the controller of this checkout.
//
// On this machine, without containers (tag local), the test runs in a network namespace of its own (harness/netns). In it are a system of
// processes (harness/testsystem) and the pods of the suite (harness/kubelet). In the shared lane, one Envoy listens on the addresses of all
// Gateways. In the dedicated lane, the controller provisions Envoys for each Gateway, whose pods run as those of the suite do, and whose
// Services get addresses on them. `make conformance-gateway` runs it.
//
// In a cluster (tag kind), which somebody else has made, with the images of package image and a controller that provisions Envoys, the test only
// creates the CRDs and the GatewayClass. `make conformance-kind` runs it.
//
// The suite reads which features it tests from the status of the GatewayClass; nothing is skipped and no timeout is changed.
//
// It is a module of its own because of what the suite depends on.
package gatewayapi
