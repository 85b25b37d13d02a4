// Package ingress contains the conformance tests of Ingress (networking.k8s.io/v1).
//
// A test covers one paragraph of the documentation of Kubernetes, or, as an extended feature, of Contour's
// annotations; its manifests are the file of its name in manifests/. An Ingress has no
// conditions, so the tests use answers and the load balancer's status.
package ingress

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/conformance/suite"
)

// apiVersion of Ingress.
const apiVersion = "networking.k8s.io/v1"

//go:embed manifests/*.yaml
var manifests embed.FS

// Suite is all tests of this package.
func Suite() (suite.Suite, error) {
	files, err := fs.Sub(manifests, "manifests")
	if err != nil {
		return suite.Suite{}, fmt.Errorf("ingress: %w", err)
	}
	tests, err := suite.Load(files, slices.Concat(
		defaults(), hosts(), paths(), backendTests(), certificates(), annotations(), others(),
	))
	return suite.Suite{
		Name: "ingress", Kind: schema.FromAPIVersionAndKind(apiVersion, "Ingress"), Probe: probe(), Tests: tests,
	}, err
}

// probe is what every test depends on.
func probe() suite.Test {
	return suite.Test{
		Name:     "ingress/probe",
		Sentence: "An Ingress of the class is served at the address.",
		Backends: backends("probe"),
		Manifests: `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: a}
spec:
  rules:
  - host: "a.${DOMAIN}"
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: probe, port: {number: 80}}}}
`,
		Run: func(t *suite.T) { t.Get("http://a.${DOMAIN}/", suite.From("probe")) },
	}
}

// Core features.
const (
	path           = "IngressPath"
	host           = "IngressHost"
	defaultBackend = "IngressDefaultBackend"
	service        = "IngressService"
	class          = "IngressClass"
	encryption     = "IngressTLS"
)

// Extended features.
const (
	pattern         = "IngressImplementationSpecificRegex"
	sslRedirect     = "IngressForceSSLRedirect"
	allowHTTP       = "IngressAllowHTTP"
	webSocket       = "IngressWebSocketRoutes"
	timeout         = "IngressResponseTimeout"
	address         = "IngressLoadBalancerStatus"
	retry           = "IngressRetry"
	classAnnotation = "IngressContourClassAnnotation"
	protocol        = "IngressUpstreamProtocol"
	versions        = "IngressTLSVersions"
	delegation      = "IngressCertificateDelegation"
	httpToo         = "IngressTLSAndHTTP"
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
