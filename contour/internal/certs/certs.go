// Package certs makes the certificates of the xDS connection: a CA, the
// controller's server certificate and the client certificates of Envoys, one for each
// fleet, for mutual TLS.
//
// It takes names and a lifetime and returns a Bundle, and from it PEM files, Kubernetes
// Secrets, or those Secrets as YAML. The CA's key is used once and never
// leaves memory, so a renewal is always a new CA, whose steps Renew returns. Keys are ECDSA P-256:
// a controller that restarts signs one handshake per Envoy, and that costs a
// thirtieth of RSA-2048; both sides speak TLS 1.3 only.
//
// It must not read a clock of its own, and does not depend on how the files are used
// (see tlsfile for that).
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/identity"
)

const (
	contour = "contour"
	envoy   = "envoy"

	// skew is the largest difference between the clocks of two nodes at which a new certificate is valid on both.
	skew = time.Hour
	// maxLifetimeDays is a hundred years.
	maxLifetimeDays = 36500
)

// Options is what the certificates depend on.
type Options struct {
	// Namespace is where the controller's Service is; a DNS label.
	Namespace string
	// LifetimeDays is how long all three certificates are valid, from Now; 1 to 36500.
	LifetimeDays int
	// Fleets are the fleets of Envoys, beside the default one, that get a certificate of their own; DNS labels. The
	// key of the CA is not kept, so an additional fleet needs a new Bundle.
	Fleets []string
	// Authority adds an Authority.
	Authority bool
	// Now is the time of issue.
	Now time.Time
}

// Bundle is one CA and the certificates that it issued. All values are PEM.
type Bundle struct {
	CA []byte // the CA's certificate
	// Authority issues certificates of fleets while the controller runs; nil if there is none.
	Authority *KeyPair
	Contour   KeyPair // proves to Envoys that this is the controller; also a client of it, for debugging tools
	Envoy     KeyPair // proves to the controller that this is an Envoy of the default fleet
	Fleets    []FleetKeyPair
}

// FleetKeyPair proves to the controller that this is an Envoy of the fleet.
type FleetKeyPair struct {
	Fleet string
	KeyPair
}

// KeyPair is a certificate and its PKCS #8 key.
type KeyPair struct {
	Cert []byte
	Key  []byte
}

// Generate makes a Bundle of new keys. Errors: Options that are out of range.
func Generate(o Options) (*Bundle, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	ca, err := newCA(o.validity())
	if err != nil {
		return nil, err
	}
	server, err := ca.issue(o.leaf(contour, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth))
	if err != nil {
		return nil, err
	}
	client, err := ca.issue(o.leaf(envoy, x509.ExtKeyUsageClientAuth))
	if err != nil {
		return nil, err
	}
	b := &Bundle{CA: certPEM(ca.cert.Raw), Contour: server, Envoy: client}
	if o.Authority {
		authority, err := NewAuthority(o)
		if err != nil {
			return nil, err
		}
		b.Authority = &authority
	}
	for _, f := range o.Fleets {
		t := o.leaf(envoy, x509.ExtKeyUsageClientAuth)
		t.URIs = []*url.URL{identity.URI(o.Namespace, ir.Fleet(f))}
		pair, err := ca.issue(t)
		if err != nil {
			return nil, err
		}
		b.Fleets = append(b.Fleets, FleetKeyPair{f, pair})
	}
	return b, nil
}

// Validate returns an error if certificates cannot be generated with the options.
func (o Options) Validate() error {
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 {
		return fmt.Errorf("namespace %q: %s", o.Namespace, problems[0])
	}
	for i, f := range o.Fleets {
		switch problems := validation.IsDNS1123Label(f); {
		case len(problems) > 0:
			return fmt.Errorf("fleet %q: %s", f, problems[0])
		case ir.Fleet(f) == ir.DefaultFleet:
			return fmt.Errorf("fleet %q: the default fleet has a certificate in any case", f)
		case slices.Contains(o.Fleets[:i], f):
			return fmt.Errorf("fleet %q: given twice", f)
		}
	}
	if o.LifetimeDays < 1 || o.LifetimeDays > maxLifetimeDays {
		return fmt.Errorf("certificate lifetime of %d days: want 1 to %d", o.LifetimeDays, maxLifetimeDays)
	}
	if o.Now.IsZero() {
		return errors.New("time of issue: missing")
	}
	return nil
}

func (o Options) validity() (notBefore, notAfter time.Time) {
	return o.Now.Add(-skew).UTC(), o.Now.AddDate(0, 0, o.LifetimeDays).UTC()
}

// template is what all certificates have in common.
func template(name string, notBefore, notAfter time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Project Contour"}, CommonName: name},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
	}
}

// leaf is a certificate for the Service of that name, under all the names that a pod may use for it.
func (o Options) leaf(service string, usages ...x509.ExtKeyUsage) *x509.Certificate {
	notBefore, notAfter := o.validity()
	t := template(service, notBefore, notAfter)
	inNamespace := service + "." + o.Namespace
	t.DNSNames = []string{service, inNamespace, inNamespace + ".svc", inNamespace + ".svc.cluster.local"}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = usages
	return t
}

// certificateAuthority signs certificates; it exists as long as Generate or a step of a renewal runs.
type certificateAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(notBefore, notAfter time.Time) (*certificateAuthority, error) {
	t := template("Contour CA", notBefore, notAfter)
	t.IsCA = true
	t.MaxPathLenZero = true
	t.KeyUsage = x509.KeyUsageCertSign
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	der, err := sign(t, t, key, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse CA: %w", err)
	}
	return &certificateAuthority{cert, key}, nil
}

func (a *certificateAuthority) issue(t *x509.Certificate) (KeyPair, error) {
	key, err := newKey()
	if err != nil {
		return KeyPair{}, err
	}
	der, err := sign(t, a.cert, key, a.key)
	if err != nil {
		return KeyPair{}, err
	}
	return encode(der, key)
}

// encode returns a certificate and its key as PEM.
func encode(der []byte, key *ecdsa.PrivateKey) (KeyPair, error) {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode key: %w", err)
	}
	return KeyPair{
		Cert: certPEM(der),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
	}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return key, nil
}

// sign makes the certificate of key, with a random serial number of 127 bits.
func sign(t, issuer *x509.Certificate, key *ecdsa.PrivateKey, signer crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	t.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, &key.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of %s: %w", t.Subject.CommonName, err)
	}
	return der, nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
