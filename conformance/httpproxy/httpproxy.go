// Package httpproxy has the conformance tests of HTTPProxy (projectcontour.io/v1).
//
// A test is for one paragraph of the API's documentation; its manifests are the file of its name in
// manifests/. Statuses are judged by type and reason, never by messages, which are the
// controller's own.
package httpproxy

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"contour.example/conformance/suite"
)

// apiVersion of HTTPProxy.
const apiVersion = "projectcontour.io/v1"

//go:embed manifests/*.yaml
var manifests embed.FS

// Tests are all tests of this package.
func Tests() ([]suite.Test, error) {
	files, err := fs.Sub(manifests, "manifests")
	if err != nil {
		return nil, fmt.Errorf("httpproxy: %w", err)
	}
	return suite.Load(files, slices.Concat(
		hosts(), conditions(), inclusions(), services(), actions(), policies(), certificates(), streams(), mistakes(), reasons(),
	))
}

// Core features.
const (
	host       = "HTTPProxyHost"
	condition  = "HTTPProxyCondition"
	inclusion  = "HTTPProxyInclusion"
	service    = "HTTPProxyService"
	encryption = "HTTPProxyTLS"
	status     = "HTTPProxyStatus"
)

// Extended features.
const (
	redirect       = "HTTPProxyRedirect"
	directResponse = "HTTPProxyDirectResponse"
	rewrite        = "HTTPProxyPathRewrite"
	headerPolicy   = "HTTPProxyHeaderPolicy"
	webSocket      = "HTTPProxyWebSocket"
	timeout        = "HTTPProxyTimeout"
	protocol       = "HTTPProxyUpstreamProtocol"
	delegation     = "HTTPProxyCertificateDelegation"
	tcpProxy       = "HTTPProxyTCPProxy"
)

func core(name string) []suite.Feature { return []suite.Feature{{Name: name, Level: suite.Core}} }

func extended(name string) []suite.Feature {
	return []suite.Feature{{Name: name, Level: suite.Extended}}
}

// backends are Services with one endpoint each.
func backends(names ...string) []suite.Backend {
	var all []suite.Backend
	for _, name := range names {
		all = append(all, suite.Backend{Name: name})
	}
	return all
}
