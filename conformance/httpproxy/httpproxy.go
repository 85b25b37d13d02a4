// Package httpproxy contains the conformance tests of HTTPProxy (projectcontour.io/v1).
//
// A test covers one paragraph of the API's documentation; its manifests are the file of its name in
// manifests/. Statuses are compared by type and reason, never by messages, which depend
// on the controller.
package httpproxy

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/conformance/suite"
)

// apiVersion of HTTPProxy.
const apiVersion = "projectcontour.io/v1"

//go:embed manifests/*.yaml
var manifests embed.FS

// Suite is all tests of this package.
func Suite() (suite.Suite, error) {
	files, err := fs.Sub(manifests, "manifests")
	if err != nil {
		return suite.Suite{}, fmt.Errorf("httpproxy: %w", err)
	}
	tests, err := suite.Load(files, slices.Concat(
		hosts(), conditions(), inclusions(), services(), upstreams(), uses(), cookies(), actions(), policies(), guards(), globalLimits(), tokens(), authorizations(), timeouts(), retries(), certificates(), clientCertificates(), tcpProxies(), tcpServices(), invalidObjects(), reasons(),
	))
	return suite.Suite{
		Name: "httpproxy", Kind: schema.FromAPIVersionAndKind(apiVersion, "HTTPProxy"), Probe: probe(), Tests: tests,
	}, err
}

// probe is what every test depends on.
func probe() suite.Test {
	return suite.Test{
		Name:      "httpproxy/probe",
		Sentence:  "An HTTPProxy of the class is served at the address.",
		Backends:  backends("probe"),
		Manifests: manifest("a", `ROOT, routes: [{services: [{name: probe, port: 80}]}]`),
		Run:       func(t *suite.T) { t.Get("http://a.${DOMAIN}/", suite.From("probe")) },
	}
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
	retry          = "HTTPProxyRetry"
	protocol       = "HTTPProxyUpstreamProtocol"
	upstreamTLS    = "HTTPProxyUpstreamTLS"
	versions       = "HTTPProxyTLSVersions"
	normalization  = "HTTPProxyPathNormalization"
	beforeIngress  = "HTTPProxyBeforeIngress"
	address        = "HTTPProxyLoadBalancerStatus"
	compression    = "HTTPProxyCompression"
	noExternalName = "HTTPProxyExternalNameDisabled"
	delegation     = "HTTPProxyCertificateDelegation"
	tcpProxy       = "HTTPProxyTCPProxy"
	cors           = "HTTPProxyCORS"
	ipFilter       = "HTTPProxyIPFilter"
	localRateLimit = "HTTPProxyLocalRateLimit"
	healthCheck    = "HTTPProxyHealthCheck"
	loadBalancing  = "HTTPProxyLoadBalancing"
	mirror         = "HTTPProxyMirror"
	cookieRewrite  = "HTTPProxyCookieRewrite"

	clientValidation = "HTTPProxyClientValidation"
	noFallback       = "HTTPProxyFallbackCertificateAbsent"
	jwtVerification  = "HTTPProxyJWTVerification"

	globalRateLimit       = "HTTPProxyGlobalRateLimit"
	externalAuthorization = "HTTPProxyExternalAuthorization"
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
