package scenario

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
)

// prepare starts the backends and makes the certificates.
func (r *run) prepare(ctx context.Context, s Scenario) error {
	for _, b := range s.Backends {
		if err := r.backend(ctx, b); err != nil {
			return err
		}
	}
	for _, c := range s.Certificates {
		if err := r.certificate(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) backend(ctx context.Context, b Backend) error {
	service := backend.ServiceSpec{
		Namespace: r.in(b.Namespace), Name: b.Name, Port: b.Port, Annotations: b.Annotations,
	}
	if b.Port == 0 {
		service.Port = 80
	}
	for i := range max(1, b.Endpoints) {
		server, err := r.serve(b, i)
		if err != nil {
			return err
		}
		r.servers = append(r.servers, server)
		service.Servers = append(service.Servers, server)
	}
	objects, err := service.Objects()
	if err != nil {
		return err
	}
	return r.apply(ctx, objects)
}

// serve starts the i-th server of a backend.
func (r *run) serve(b Backend, i int) (*backend.Server, error) {
	ip, err := r.Addresses.IP()
	if err != nil {
		return nil, err
	}
	o := backend.Options{
		Service: b.Name, Instance: b.Name + "-" + strconv.Itoa(i),
		Listen: netip.AddrPortFrom(ip, 0),
	}
	switch b.Protocol {
	case "", "http":
		return backend.HTTP(o)
	case "tcp":
		return backend.TCP(o)
	case "https":
		if o.TLS, err = r.serverTLS(b.Name, r.in(b.Namespace)); err != nil {
			return nil, err
		}
		return backend.HTTP(o)
	default:
		return nil, fmt.Errorf("backend %s: protocol %q: want http, https or tcp", b.Name, b.Protocol)
	}
}

// serverTLS has a certificate for the name and for its DNS name in a cluster.
func (r *run) serverTLS(name, namespace string) (*tls.Config, error) {
	pair, err := r.CA.Server(name, name+"."+namespace, name+"."+namespace+".svc")
	if err != nil {
		return nil, err
	}
	cert, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert,
	}, nil
}

func (r *run) certificate(ctx context.Context, c Certificate) error {
	pair, err := r.pair(c)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.Name, err)
	}
	secret, err := kube.TLSSecret(r.in(c.Namespace), c.Name, pair)
	if err != nil {
		return err
	}
	return r.apply(ctx, []*kube.Object{secret})
}

// pair is the certificate and its key, or the key of another certificate.
func (r *run) pair(c Certificate) (pki.Pair, error) {
	if len(c.Hosts) == 0 {
		return pki.Pair{}, errors.New("needs hosts")
	}
	request := pki.Request{CommonName: c.Hosts[0], Names: c.Hosts}
	if c.Expired {
		now := time.Now()
		request.NotBefore, request.NotAfter = now.Add(-2*time.Hour), now.Add(-time.Hour)
	}
	pair, err := r.CA.Issue(request)
	if err != nil || !c.Mismatched {
		return pair, err
	}
	other, err := r.CA.Issue(request)
	return pki.Pair{Cert: pair.Cert, Key: other.Key}, err
}
