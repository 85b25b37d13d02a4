// Package conformance contains all conformance tests of the project: HTTPProxy and Ingress.
//
// Tests are values (package suite). `make conformance` runs them on this machine, `make conformance-kind` in a
// cluster with nodes; the command conformance, or `go test -tags conformance ./conformance -args`, runs them with
// the same flags against any controller in any cluster. No test may depend on the controller.
package conformance

import (
	"contour.example/conformance/httpproxy"
	"contour.example/conformance/ingress"
	"contour.example/conformance/suite"
)

// Suites are all suites.
func Suites() ([]suite.Suite, error) {
	proxies, err := httpproxy.Suite()
	if err != nil {
		return nil, err
	}
	ingresses, err := ingress.Suite()
	return []suite.Suite{proxies, ingresses}, err
}
