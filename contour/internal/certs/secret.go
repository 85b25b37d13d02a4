package certs

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VersionAnnotation on a Secret is the version of the controller that created it.
const VersionAnnotation = "projectcontour.io/generated-by-version"

// AuthoritySecret is the name of the Secret of the Authority.
const AuthoritySecret = "contourfleetca"

// caKey is the key of the CA certificate in a Secret, as with cert-manager.
const caKey = "ca.crt"

// Format is the distribution of a Bundle over Secrets.
type Format string

const (
	// Legacy is three Secrets: cacert (Opaque, cacert.pem), contourcert and envoycert, and envoycert-FLEET for each fleet.
	Legacy Format = "legacy"
	// Compact is two Secrets, contourcert and envoycert, and envoycert-FLEET for each fleet,
	// each with ca.crt beside its certificate and key, as cert-manager writes them.
	Compact Format = "compact"
)

// ParseFormat is the Format of that name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Legacy, Compact:
		return f, nil
	default:
		return "", fmt.Errorf("secrets format %q: want %s or %s", name, Legacy, Compact)
	}
}

// SecretOptions are the names and the format of the Secrets.
type SecretOptions struct {
	Namespace string
	Format    Format
	Suffix    string // appended to each name, as it is
	Version   string // value of VersionAnnotation; none if empty
}

// Secrets are the Bundle as Kubernetes objects, in the order in which to write
// them. They are complete manifests: apiVersion and kind are set.
func (b *Bundle) Secrets(o SecretOptions) []*corev1.Secret {
	server := o.secret("contourcert", corev1.SecretTypeTLS, b.Contour.data())
	client := o.secret("envoycert", corev1.SecretTypeTLS, b.Envoy.data())
	secrets := []*corev1.Secret{server, client}
	for _, f := range b.Fleets {
		secrets = append(secrets, o.secret("envoycert-"+f.Fleet, corev1.SecretTypeTLS, f.data()))
	}
	if b.Authority != nil {
		secrets = append(secrets, o.secret(AuthoritySecret, corev1.SecretTypeTLS, b.Authority.data()))
	}
	if o.Format == Compact {
		for _, s := range secrets {
			s.Data[caKey] = b.CA
		}
		return secrets
	}
	ca := o.secret("cacert", corev1.SecretTypeOpaque, map[string][]byte{caFile: b.CA})
	return append(secrets, ca)
}

func (p KeyPair) data() map[string][]byte {
	return map[string][]byte{corev1.TLSCertKey: p.Cert, corev1.TLSPrivateKeyKey: p.Key}
}

func (o SecretOptions) secret(name string, kind corev1.SecretType, data map[string][]byte) *corev1.Secret {
	s := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace,
			Name:      name + o.Suffix,
			Labels:    map[string]string{"app": contour},
		},
		Type: kind,
		Data: data,
	}
	if o.Version != "" {
		s.Annotations = map[string]string{VersionAnnotation: o.Version}
	}
	return s
}
