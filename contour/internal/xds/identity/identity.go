// Package identity says which fleet a client of the xDS server belongs to, by its certificate.
//
// A certificate names the fleet in a subject alternative name of type URI:
//
//	spiffe://<trust domain>/fleet/<name>
//
// The trust domain says who made it and is not looked at: the authority that signed the certificate is trusted or not as
// a whole. A certificate without such a URI is one of the default fleet, as are all that Contour's certgen makes.
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

// URI is the subject alternative name of the certificates of a fleet.
func URI(trustDomain string, f ir.Fleet) *url.URL {
	return &url.URL{Scheme: scheme, Host: trustDomain, Path: path + string(f)}
}

// Fleet is the fleet that the certificate is for. Errors: it names none by an empty name, or several.
func Fleet(cert *x509.Certificate) (ir.Fleet, error) {
	found := ir.DefaultFleet
	named := false
	for _, u := range cert.URIs {
		name, ok := strings.CutPrefix(u.Path, path)
		if u.Scheme != scheme || !ok {
			continue
		}
		switch {
		case name == "":
			return "", fmt.Errorf("the certificate names a fleet without a name: %s", u)
		case named && ir.Fleet(name) != found:
			return "", fmt.Errorf("the certificate names the fleets %q and %q", found, name)
		}
		found, named = ir.Fleet(name), true
	}
	return found, nil
}
