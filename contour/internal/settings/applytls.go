package settings

import (
	"slices"
	"strings"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

func (a *applier) tls(t *v1alpha1.EnvoyListenerTLS) {
	if t == nil {
		return
	}
	a.tlsParameters("envoy.listener.tls", t.EnvoyTLS, &a.cfg.TLS)
	if f := t.Fingerprint; f != nil {
		a.cfg.Listeners.Connections.JA3, a.cfg.Listeners.Connections.JA4 = f.JA3, f.JA4
	}
}

func (a *applier) tlsParameters(field string, t v1alpha1.EnvoyTLS, into *config.TLS) {
	a.version(&into.Min, field+".minimumProtocolVersion", t.MinimumProtocolVersion)
	a.version(&into.Max, field+".maximumProtocolVersion", t.MaximumProtocolVersion)
	if into.Min > into.Max {
		a.errorf(field+".minimumProtocolVersion", "The minimum TLS version is above the maximum.")
	}
	a.subset(&into.CipherSuites, field+".cipherSuites", t.CipherSuites, ciphers())
	a.subset(&into.Curves, field+".ecdhCurves", t.ECDHCurves, curves())
	if slices.Equal(into.CipherSuites, defaultCiphers()) {
		into.CipherSuites = nil
	}
}

// secret copies the name of a Secret, of which both parts are required unless both are empty.
func (a *applier) secret(into *kobj.Name, field string, n *v1alpha1.NamespacedName) {
	a.object(into, field, "Secret", n)
}

// object copies the name of an object, both parts of which are required.
func (a *applier) object(into *kobj.Name, field, what string, n *v1alpha1.NamespacedName) {
	if n == nil || *n == (v1alpha1.NamespacedName{}) {
		return
	}
	switch "" {
	case n.Name:
		a.errorf(field+".name", "The name of the %s is required.", what)
	case n.Namespace:
		a.errorf(field+".namespace", "The namespace of the %s is required.", what)
	}
	*into = kobj.Name{Namespace: n.Namespace, Name: n.Name}
}

func (a *applier) version(into *ir.TLSVersion, field, v string) {
	switch v {
	case "":
	case "1.2":
		*into = ir.TLS12
	case "1.3":
		*into = ir.TLS13
	default:
		a.oneOf(field, v, "1.2", "1.3")
	}
}

// subset copies a list whose entries must be known, without duplicates.
func (a *applier) subset(into *[]string, field string, from, known []string) {
	if len(from) == 0 {
		return
	}
	var out []string
	for _, s := range from {
		if s = strings.TrimSpace(s); a.oneOf(field, s, known...) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	*into = out
}

// defaultCiphers is what TLS 1.2 connections of clients may use without a setting.
func defaultCiphers() []string {
	return []string{
		"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
		"[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
		"ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-GCM-SHA384",
	}
}

// ciphers is the cipher suites of TLS 1.2 that Envoy knows, by BoringSSL's names.
func ciphers() []string {
	return append(
		defaultCiphers(),
		"ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES128-SHA",
		"ECDHE-RSA-AES128-SHA",
		"AES128-GCM-SHA256",
		"AES128-SHA",
		"ECDHE-ECDSA-AES256-SHA",
		"ECDHE-RSA-AES256-SHA",
		"AES256-GCM-SHA384",
		"AES256-SHA",
	)
}

func curves() []string {
	return []string{"X25519", "P-256", "P-384", "P-521", "X25519MLKEM768", "MLKEM1024"}
}
