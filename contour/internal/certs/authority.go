package certs

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/identity"
)

// Authority issues the certificates of fleets while the controller runs. Unlike the CA of a Bundle, whose key nobody has, it can only
// identify Envoys: Envoys do not trust it, so it cannot identify a controller.
type Authority struct {
	ca        *x509.Certificate
	key       crypto.Signer
	namespace string
}

// authorityDays is the least lifetime of an Authority: nothing renews it, and all certificates of fleets end with it.
const authorityDays = 3650

// NewAuthority makes the certificate and key of an Authority, valid for ten years or the lifetime of the options if that is longer. Errors:
// Options that are out of range.
func NewAuthority(o Options) (KeyPair, error) {
	if err := o.Validate(); err != nil {
		return KeyPair{}, err
	}
	o.LifetimeDays = max(o.LifetimeDays, authorityDays)
	ca, err := newCA(o.validity())
	if err != nil {
		return KeyPair{}, err
	}
	return encode(ca.cert.Raw, ca.key)
}

// ReadAuthority reads PEM. namespace is that of the controller. Errors: it is not a CA with its key.
func ReadAuthority(pair KeyPair, namespace string) (*Authority, error) {
	read, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("authority of fleets: %w", err)
	}
	ca, err := x509.ParseCertificate(read.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("authority of fleets: %w", err)
	}
	key, ok := read.PrivateKey.(crypto.Signer)
	if !ok || !ca.IsCA {
		return nil, errors.New("authority of fleets: not the certificate and key of a CA")
	}
	return &Authority{ca, key, namespace}, nil
}

// NotAfter is when the certificate of the authority ends, and with it all that it has issued.
func (a *Authority) NotAfter() time.Time { return a.ca.NotAfter }

// Issue returns a certificate that proves to the controller that its holder is an Envoy of the fleet, and when it ends.
func (a *Authority) Issue(f ir.Fleet, lifetimeDays int, now time.Time) (KeyPair, time.Time, error) {
	o := Options{Namespace: a.namespace, LifetimeDays: lifetimeDays, Now: now}
	if err := o.Validate(); err != nil {
		return KeyPair{}, time.Time{}, err
	}
	t := o.leaf(envoy, x509.ExtKeyUsageClientAuth)
	t.URIs = []*url.URL{identity.URI(a.namespace, f)}
	if t.NotAfter.After(a.ca.NotAfter) {
		t.NotAfter = a.ca.NotAfter
	}
	key, err := newKey()
	if err != nil {
		return KeyPair{}, time.Time{}, err
	}
	der, err := sign(t, a.ca, key, a.key)
	if err != nil {
		return KeyPair{}, time.Time{}, err
	}
	pair, err := encode(der, key)
	return pair, t.NotAfter, err
}
