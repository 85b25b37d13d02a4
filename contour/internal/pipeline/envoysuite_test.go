//go:build envoy

package pipeline_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
)

// startTwoKeys starts an Envoy with a host that has a key of each kind: tls-0 of elliptic curves, tls-1 of RSA.
func startTwoKeys(t *testing.T) *fleet {
	t.Helper()
	f := startFleet(t)
	for i, key := range []any{must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t), must(rsa.GenerateKey(rand.Reader, 2048))(t)} {
		p := tlsProxy(i)
		p.Spec.Routes = []contourv1.Route{{DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200}}}
		var public any
		switch key := key.(type) {
		case *ecdsa.PrivateKey:
			public = key.Public()
		case *rsa.PrivateKey:
			public = key.Public()
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{p.Spec.VirtualHost.Fqdn}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}
		s := &corev1.Secret{ObjectMeta: meta(p.Name), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
			"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must(x509.CreateCertificate(rand.Reader, c, c, public, key))(t)}),
			"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))(t)}),
		}}
		p.Spec.VirtualHost.TLS.SecretName = p.Name
		f.sys.Step(append(change(s), change(p)...))
	}
	f.waitIdle(t)
	return f
}

// configure applies an edit of the settings of TLS.
func (f *fleet) configure(t *testing.T, edit func(*config.Config)) {
	t.Helper()
	cfg := f.config
	edit(&cfg)
	f.sys.Configure(cfg)
	f.waitIdle(t)
}

// The cipher suites of TLS 1.2 are those of the configuration, for each name that it may have, alone and as a group.
func TestCipherSuitesOnEnvoy(t *testing.T) {
	f := startTwoKeys(t)
	for name, suites := range map[string][2][]uint16{ // that the hosts agree to: by elliptic curves, by RSA
		"ECDHE-ECDSA-AES128-GCM-SHA256": {{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
		"ECDHE-RSA-AES128-GCM-SHA256":   {{}, {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
		"ECDHE-ECDSA-AES128-SHA":        {{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"ECDHE-RSA-AES128-SHA":          {{}, {tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}},
		"AES128-GCM-SHA256":             {{}, {tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"AES128-SHA":                    {{}, {tls.TLS_RSA_WITH_AES_128_CBC_SHA}},
		"ECDHE-ECDSA-AES256-GCM-SHA384": {{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
		"ECDHE-RSA-AES256-GCM-SHA384":   {{}, {tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}},
		"ECDHE-ECDSA-AES256-SHA":        {{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}},
		"ECDHE-RSA-AES256-SHA":          {{}, {tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}},
		"AES256-GCM-SHA384":             {{}, {tls.TLS_RSA_WITH_AES_256_GCM_SHA384}},
		"AES256-SHA":                    {{}, {tls.TLS_RSA_WITH_AES_256_CBC_SHA}},
		"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]": {{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
		"[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]":     {{}, {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}},
	} {
		f.configure(t, func(c *config.Config) { c.TLS.CipherSuites = []string{name} })
		for i, host := range []string{"tls-0.example.com", "tls-1.example.com"} {
			for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
				if s.SupportedVersions[0] > tls.VersionTLS12 {
					continue // of TLS 1.3, where they are not configurable
				}
				want := false
				for _, id := range suites[i] {
					want = want || id == s.ID
				}
				accepted := func() bool {
					_, _, err := f.handshake(&tls.Config{ServerName: host, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{s.ID}})
					return err == nil
				}
				if !eventually(func() bool { return accepted() == want }) {
					t.Errorf("%s: %s agrees to %s: %t", name, host, s.Name, !want)
				}
			}
		}
	}
}

// The curves of the key exchange are those of the configuration, for each name that it may have.
func TestCurvesOnEnvoy(t *testing.T) {
	f := startTwoKeys(t)
	known := map[string]tls.CurveID{
		"X25519": tls.X25519, "P-256": tls.CurveP256, "P-384": tls.CurveP384, "P-521": tls.CurveP521, "X25519MLKEM768": tls.X25519MLKEM768,
		"MLKEM1024": 0, // no client of Go has it
	}
	for name, only := range known {
		f.configure(t, func(c *config.Config) { c.TLS.Curves = []string{name} })
		for of, curve := range known {
			if curve == 0 {
				continue
			}
			accepted := func() bool {
				_, _, err := f.handshake(&tls.Config{ServerName: "tls-0.example.com", InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{curve}})
				return err == nil
			}
			if !eventually(func() bool { return accepted() == (curve == only) }) {
				t.Errorf("%s: a client with %s is accepted: %t", name, of, curve != only)
			}
		}
	}
}
