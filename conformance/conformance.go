// Package conformance has all conformance tests of the project: HTTPProxy and Ingress.
//
// Tests are values (package suite). `make conformance` runs them on this machine; the command
// conformance, or `go test -tags conformance ./conformance -args`, runs them with the same flags against any
// controller in any cluster. Nothing in here may depend on which controller it is.
package conformance

import (
	"contour.example/conformance/httpproxy"
	"contour.example/conformance/ingress"
	"contour.example/conformance/suite"
)

// Tests are those of all suites.
func Tests() ([]suite.Test, error) {
	tests, err := httpproxy.Tests()
	if err != nil {
		return nil, err
	}
	more, err := ingress.Tests()
	if err != nil {
		return nil, err
	}
	return append(tests, more...), nil
}
