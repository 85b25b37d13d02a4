// Package tlsfile is the TLS side of a server whose certificate, key and client
// CA are files that are renewed while it runs (a mounted Secret).
//
// It takes their paths and returns a tls.Config that requires client certificates, unless
// a server of pages has no CA, and reads the files in each handshake. If the files are invalid, for instance half renewed,
// the last valid ones stay in use and the error is reported. It must not
// log, and must not fall back to anything weaker.
package tlsfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Files are the paths of PEM files.
type Files struct {
	CA string // certificates that a client's must chain to; "" of a Pages server requests none
	// Fleets are further certificates that a client's may chain to; "" for none.
	Fleets string
	Cert   string // the server's chain, its own certificate first
	Key    string // the key of that certificate
}

// Server is a tls.Config for gRPC: TLS 1.3 with HTTP/2, client certificates required
// and verified. The files are read now, and for every handshake; their content at that time
// applies to new connections, and existing ones stay. Sessions are not resumed,
// so that every connection is verified against the current CA.
//
// Errors: the files are invalid now. Later errors are passed to report, once
// per different problem, from the goroutine of a handshake; report may be nil.
func Server(files Files, report func(error)) (*tls.Config, error) {
	return newServer(&server{files: files, report: report, protocol: "h2"})
}

// Pages is Server for HTTP/1.1, which serves clients without a certificate if there is no CA.
func Pages(files Files, report func(error)) (*tls.Config, error) {
	return newServer(&server{files: files, report: report, protocol: "http/1.1", anonymous: files.CA == ""})
}

func newServer(s *server) (*tls.Config, error) {
	if s.report == nil {
		s.report = func(error) {}
	}
	initial, err := s.load()
	if err != nil {
		return nil, err
	}
	outer := initial.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current(), nil }
	return outer, nil
}

// server remembers the last valid configuration and the content that it was made of.
type server struct {
	files     Files
	report    func(error)
	protocol  string // of ALPN
	anonymous bool   // clients need no certificate

	mu      sync.Mutex
	content content
	good    *tls.Config
	problem string // as last reported; empty while the files are valid
}

// content is the bytes of the files.
type content struct{ ca, fleets, cert, key []byte }

// current is the configuration of the current files, or the last valid one.
func (s *server) current() *tls.Config {
	s.mu.Lock()
	config, err := s.reload()
	problem := s.note(err)
	s.mu.Unlock()
	if problem != nil {
		s.report(problem)
	}
	return config
}

func (s *server) load() (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reload()
}

// reload compares bytes rather than times: it costs three small reads, and
// detects every renewal.
func (s *server) reload() (*tls.Config, error) {
	now, err := s.read()
	if err != nil {
		return s.good, err
	}
	if s.good != nil && now.equal(s.content) {
		return s.good, nil
	}
	config, err := s.config(now)
	if err != nil {
		return s.good, err
	}
	s.content, s.good = now, config
	return config, nil
}

// note returns err if it is another problem than the last.
func (s *server) note(err error) error {
	if err == nil {
		s.problem = ""
		return nil
	}
	if err.Error() == s.problem {
		return nil
	}
	s.problem = err.Error()
	return err
}

func (s *server) read() (content, error) {
	var ca []byte
	var errCA error
	if !s.anonymous {
		ca, errCA = os.ReadFile(s.files.CA)
	}
	var fleets []byte
	var errFleets error
	if s.files.Fleets != "" {
		fleets, errFleets = os.ReadFile(s.files.Fleets)
	}
	cert, errCert := os.ReadFile(s.files.Cert)
	key, errKey := os.ReadFile(s.files.Key)
	if err := errors.Join(errCA, errFleets, errCert, errKey); err != nil {
		return content{}, fmt.Errorf("TLS files: %w", err)
	}
	return content{ca, fleets, cert, key}, nil
}

func (c content) equal(o content) bool {
	return bytes.Equal(c.ca, o.ca) && bytes.Equal(c.fleets, o.fleets) && bytes.Equal(c.cert, o.cert) && bytes.Equal(c.key, o.key)
}

func (s *server) config(c content) (*tls.Config, error) {
	f := s.files
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	config := &tls.Config{
		Certificates:           []tls.Certificate{pair},
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{s.protocol},
		SessionTicketsDisabled: true,
	}
	if s.anonymous {
		return config, nil
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(c.ca) {
		return nil, fmt.Errorf("CA %s: contains no certificate", f.CA)
	}
	if f.Fleets != "" && !clients.AppendCertsFromPEM(c.fleets) {
		return nil, fmt.Errorf("CA of fleets %s: contains no certificate", f.Fleets)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, clients
	return config, nil
}
