package certs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sample is a Bundle whose contents identify their origin.
func sample() *Bundle {
	return &Bundle{
		CA:      []byte("ca"),
		Contour: KeyPair{Cert: []byte("contour cert"), Key: []byte("contour key")},
		Envoy:   KeyPair{Cert: []byte("envoy cert"), Key: []byte("envoy key")},
	}
}

func secret(name string, kind corev1.SecretType, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   "ns",
			Name:        name,
			Labels:      map[string]string{"app": "contour"},
			Annotations: map[string]string{"projectcontour.io/generated-by-version": "v2"},
		},
		Type: kind,
		Data: map[string][]byte{},
	}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	tests := map[Format][]*corev1.Secret{
		Compact: {
			secret("contourcert-blue", corev1.SecretTypeTLS, map[string]string{"ca.crt": "ca", "tls.crt": "contour cert", "tls.key": "contour key"}),
			secret("envoycert-blue", corev1.SecretTypeTLS, map[string]string{"ca.crt": "ca", "tls.crt": "envoy cert", "tls.key": "envoy key"}),
		},
		Legacy: {
			secret("contourcert-blue", corev1.SecretTypeTLS, map[string]string{"tls.crt": "contour cert", "tls.key": "contour key"}),
			secret("envoycert-blue", corev1.SecretTypeTLS, map[string]string{"tls.crt": "envoy cert", "tls.key": "envoy key"}),
			secret("cacert-blue", corev1.SecretTypeOpaque, map[string]string{"cacert.pem": "ca"}),
		},
	}
	for format, want := range tests {
		got := sample().Secrets(SecretOptions{Namespace: "ns", Format: format, Suffix: "-blue", Version: "v2"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func TestSecretsWithoutVersion(t *testing.T) {
	t.Parallel()
	for _, s := range sample().Secrets(SecretOptions{Namespace: "ns", Format: Compact}) {
		if s.Annotations != nil {
			t.Errorf("%s: annotations %v", s.Name, s.Annotations)
		}
	}
}

func TestParseFormat(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"legacy", "compact"} {
		if f, err := ParseFormat(name); err != nil || string(f) != name {
			t.Errorf("%s: got %q, %v", name, f, err)
		}
	}
	if _, err := ParseFormat("Compact"); err == nil {
		t.Error("no error for an unknown format")
	}
}

func TestSecretsOfFleets(t *testing.T) {
	t.Parallel()
	b := sample()
	b.Fleets = []FleetKeyPair{{"blue", KeyPair{Cert: []byte("blue cert"), Key: []byte("blue key")}}}
	var names []string
	for _, s := range b.Secrets(SecretOptions{Namespace: "ns", Format: Legacy}) {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"contourcert", "envoycert", "envoycert-blue", "cacert"}, names); diff != "" {
		t.Error(diff)
	}
	want := secret("envoycert-blue-x", corev1.SecretTypeTLS, map[string]string{"ca.crt": "ca", "tls.crt": "blue cert", "tls.key": "blue key"})
	if diff := cmp.Diff(want, b.Secrets(SecretOptions{Namespace: "ns", Format: Compact, Suffix: "-x", Version: "v2"})[2]); diff != "" {
		t.Error(diff)
	}
}
