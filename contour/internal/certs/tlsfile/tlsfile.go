// Package tlsfile is the TLS side of a server whose certificate, key and client
// CA are files that are renewed while it runs (a mounted Secret).
//
// It takes three paths and returns a tls.Config that requires client certificates and
// reads the files in each handshake. If the files are invalid, for instance half renewed,
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
	CA   string // certificates that a client's must chain to
	Cert string // the server's chain, its own certificate first
	Key  string // the key of that certificate
}

// Server is a tls.Config for TLS 1.3 with HTTP/2, client certificates required
// and verified. The files are read now, and for every handshake; their content at that time
// applies to new connections, and existing ones stay. Sessions are not resumed,
// so that every connection is verified against the current CA.
//
// Errors: the files are invalid now. Later errors are passed to report, once
// per different problem, from the goroutine of a handshake; report may be nil.
func Server(files Files, report func(error)) (*tls.Config, error) {
	if report == nil {
		report = func(error) {}
	}
	s := &server{files: files, report: report}
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
	files  Files
	report func(error)

	mu      sync.Mutex
	content content
	good    *tls.Config
	problem string // as last reported; empty while the files are valid
}

// content is the bytes of the three files.
type content struct{ ca, cert, key []byte }

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
	now, err := read(s.files)
	if err != nil {
		return s.good, err
	}
	if s.good != nil && now.equal(s.content) {
		return s.good, nil
	}
	config, err := now.config(s.files)
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

func read(f Files) (content, error) {
	ca, errCA := os.ReadFile(f.CA)
	cert, errCert := os.ReadFile(f.Cert)
	key, errKey := os.ReadFile(f.Key)
	if err := errors.Join(errCA, errCert, errKey); err != nil {
		return content{}, fmt.Errorf("TLS files: %w", err)
	}
	return content{ca, cert, key}, nil
}

func (c content) equal(o content) bool {
	return bytes.Equal(c.ca, o.ca) && bytes.Equal(c.cert, o.cert) && bytes.Equal(c.key, o.key)
}

func (c content) config(f Files) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(c.ca) {
		return nil, fmt.Errorf("CA %s: contains no certificate", f.CA)
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{pair},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              clients,
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"h2"},
		SessionTicketsDisabled: true,
	}, nil
}
