package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/source/fair"
)

// outcome is that of one attempt.
type outcome struct {
	failure jwks.Failure // "" is success
	name    string       // of the failure, for metrics
	err     error        // for the log of the operator; it may name addresses, and nothing of a response
}

func failed(f jwks.Failure, name string, err error) outcome { return outcome{f, name, err} }

// attempt is the outcome as one of attempts.
func (o outcome) attempt() fair.Outcome {
	if o.failure == jwks.TooSlow {
		return fair.TimedOut
	}
	if o.failure != "" {
		return fair.Failed
	}
	return fair.Answered
}

// client fetches documents. It keeps no connections: an attempt is rare.
type client struct {
	endpoints func() ir.EndpointSettings
}

// maxHeaders bounds the headers of a response, in bytes.
const maxHeaders = 16 << 10

// fetch fetches the key set of a request; ca is the PEM bundle that verifies the server, nil for the roots of the system.
func (c client) fetch(ctx context.Context, of jwks.Request, ca []byte) (ir.KeySet, outcome) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, of.URI, http.NoBody)
	if err != nil {
		return "", failed(jwks.Unreachable, "unreachable", err)
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json, */*;q=0.1") // Envoy, which users come from, accepts anything
	request.Header.Set("User-Agent", "contour")
	transport := &http.Transport{
		DialContext:            dialer{rules: c.endpoints(), family: of.Family}.dial,
		TLSClientConfig:        serverTLS(request.URL, of, ca),
		DisableKeepAlives:      true,
		DisableCompression:     true, // a small response may be a large document
		MaxResponseHeaderBytes: maxHeaders,
	}
	response, err := transport.RoundTrip(request) // follows no redirect, sends no cookie, uses no proxy
	if err != nil {
		return "", classify(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or is of no use
	if response.StatusCode != http.StatusOK {
		return "", failed(jwks.BadStatus, "status", fmt.Errorf("status %d", response.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, jwks.MaxDocument+1))
	switch {
	case err != nil:
		return "", classify(err)
	case len(body) > jwks.MaxDocument:
		return "", failed(jwks.TooLarge, "too-large", errors.New("response is larger than 64 KiB"))
	}
	keys, problem := jwks.Parse(body, jwks.Options{})
	if problem != "" {
		return "", failed(jwks.NotKeys, "not-keys", errors.New("response "+problem))
	}
	return keys, outcome{name: "success"}
}

// classify returns the failure of an error.
func classify(err error) outcome {
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, errRefused):
		return failed(jwks.Refused, "refused", err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failed(jwks.TooSlow, "timeout", err)
	case errors.As(err, &lookup):
		return failed(jwks.Unresolved, "dns", err)
	case errors.Is(err, errUntrusted):
		return failed(jwks.Untrusted, "certificate", err)
	}
	return failed(jwks.Unreachable, "unreachable", err)
}

var errUntrusted = errors.New("certificate is not trusted")

// serverTLS verifies the certificate of the server: its chain, and that it is for the host of the URI or, if the request has
// subject names, for one of them.
func serverTLS(uri *url.URL, of jwks.Request, ca []byte) *tls.Config {
	names := of.Names.Items()
	if len(names) == 0 {
		names = []string{uri.Hostname()}
	}
	var roots *x509.CertPool
	if of.CA.Name != "" {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: uri.Hostname(),
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies the chain, and the subject names instead of the server name
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(s.PeerCertificates, roots, names) },
	}
}

// verify reports whether the chain leads to the roots, nil for those of the system, and the first certificate is for one of
// the names.
func verify(chain []*x509.Certificate, roots *x509.CertPool, names []string) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: there is none", errUntrusted)
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return fmt.Errorf("%w: %w", errUntrusted, err)
	}
	for _, n := range names {
		if chain[0].VerifyHostname(n) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: it is for none of the names %q", errUntrusted, names)
}
