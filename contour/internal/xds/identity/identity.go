// Package identity determines the fleet of a client of the xDS server by its certificate.
//
// A certificate names the fleet in a subject alternative name of type URI:
//
//	spiffe://<trust domain>/fleet/<name>
//
// The trust domain is ignored: the CA of the certificate is trusted for all fleets or for none. A certificate without any
// SPIFFE ID belongs to the default fleet, as do all certificates of Contour's certgen; one with SPIFFE IDs that name no
// fleet identifies another workload, and is rejected.
package identity

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"

	"contour.example/contour/internal/ir"
)

const (
	scheme = "spiffe"
	path   = "/fleet/"
)

// URI returns the subject alternative name of the certificates of a fleet.
func URI(trustDomain string, f ir.Fleet) *url.URL {
	return &url.URL{Scheme: scheme, Host: trustDomain, Path: path + string(f)}
}

// Fleet returns the fleet of the certificate. It returns an error if the name is empty, if there are several names, or if
// there are SPIFFE IDs and none names a fleet.
func Fleet(cert *x509.Certificate) (ir.Fleet, error) {
	found := ir.DefaultFleet
	named := false
	var other *url.URL
	for _, u := range cert.URIs {
		if u.Scheme != scheme {
			continue
		}
		name, ok := strings.CutPrefix(u.Path, path)
		if !ok {
			other = u
			continue
		}
		switch {
		case name == "":
			return "", fmt.Errorf("the certificate has an empty fleet name: %s", u)
		case named && ir.Fleet(name) != found:
			return "", fmt.Errorf("the certificate names the fleets %q and %q", found, name)
		}
		found, named = ir.Fleet(name), true
	}
	if other != nil && !named {
		return "", fmt.Errorf("the certificate is that of %s, not of an Envoy of a fleet", other)
	}
	return found, nil
}
