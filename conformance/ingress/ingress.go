// Package ingress has the conformance tests of Ingress (networking.k8s.io/v1).
//
// A test is for one paragraph of the documentation of Kubernetes, or, as an extended feature, of what
// Contour adds by annotations; its manifests are the file of its name in manifests/. An Ingress has no
// conditions, so the tests look at answers and at the load balancer's status.
package ingress

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"contour.example/conformance/suite"
)

// apiVersion of Ingress.
const apiVersion = "networking.k8s.io/v1"

//go:embed manifests/*.yaml
var manifests embed.FS

// Tests are all tests of this package.
func Tests() ([]suite.Test, error) {
	files, err := fs.Sub(manifests, "manifests")
	if err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	return suite.Load(files, slices.Concat(defaults(), hosts(), paths(), backendTests(), certificates(), others()))
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
	pattern     = "IngressImplementationSpecificRegex"
	sslRedirect = "IngressForceSSLRedirect"
	allowHTTP   = "IngressAllowHTTP"
	webSocket   = "IngressWebSocketRoutes"
	timeout     = "IngressResponseTimeout"
	address     = "IngressLoadBalancerStatus"
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
