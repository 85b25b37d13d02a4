package controller

import (
	"fmt"
	"os"
	"path/filepath"

	"contour.example/envoybootstrap"

	"contour.example/harness/pki"
)

// Credentials are the files for mutual TLS between controller and Envoy: both trust one CA.
type Credentials struct {
	CA, ServerCert, ServerKey, EnvoyCert, EnvoyKey string
}

// WriteCredentials makes a CA and certificates in dir.
func WriteCredentials(dir string) (*Credentials, error) {
	ca, err := pki.New("xds")
	if err != nil {
		return nil, err
	}
	c := &Credentials{CA: filepath.Join(dir, "xds-ca.crt")}
	if err := os.WriteFile(c.CA, ca.Cert, 0o644); err != nil {
		return nil, fmt.Errorf("xDS CA: %w", err)
	}
	server, err := ca.Server("contour") // the name that Envoys verify
	if err != nil {
		return nil, err
	}
	client, err := ca.Server("envoy")
	if err != nil {
		return nil, err
	}
	if c.ServerCert, c.ServerKey, err = server.Write(dir, "xds-contour"); err != nil {
		return nil, err
	}
	if c.EnvoyCert, c.EnvoyKey, err = client.Write(dir, "xds-envoy"); err != nil {
		return nil, err
	}
	return c, nil
}

// Envoy is the TLS part of Envoy's bootstrap; nil credentials mean no TLS.
func (c *Credentials) Envoy() envoybootstrap.TLS {
	if c == nil {
		return envoybootstrap.TLS{}
	}
	return envoybootstrap.TLS{CAFile: c.CA, CertFile: c.EnvoyCert, KeyFile: c.EnvoyKey}
}

func (c *Credentials) serveArgs() []string {
	return []string{
		"--contour-cafile=" + c.CA,
		"--contour-cert-file=" + c.ServerCert,
		"--contour-key-file=" + c.ServerKey,
	}
}
