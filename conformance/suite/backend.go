package suite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
)

// Backends makes Services with endpoints. A cluster with nodes may make pods; a cluster without has InProcess.
type Backends interface {
	// Start makes the Service b.Name in the namespace b.Namespace (whose name is the real one) with
	// b.Endpoints endpoints, each of which names itself differently in Echo.Instance. It may return before
	// they are ready. stop takes it all away; on an error nothing is left.
	Start(ctx context.Context, b Backend) (stop func(context.Context) error, err error)
}

// InProcess serves backends from this process, which the proxy must be able to reach.
type InProcess struct {
	Kube *kube.Client
	// IP is an address for the next server.
	IP func() (netip.Addr, error)
	// CA signs the certificates of servers with TLS.
	CA *pki.Authority
}

// Start implements Backends.
func (p InProcess) Start(ctx context.Context, b Backend) (func(context.Context) error, error) {
	spec := backend.ServiceSpec{Namespace: b.Namespace, Name: b.Name, Port: b.Port, PortName: b.PortName}
	started := &inProcess{kube: p.Kube}
	for i := range b.Endpoints {
		server, err := p.serve(b, i)
		if err != nil {
			return nil, errors.Join(err, started.stop(ctx))
		}
		started.servers = append(started.servers, server)
	}
	spec.Servers = started.servers
	objects, err := spec.Objects()
	if err != nil {
		return nil, errors.Join(err, started.stop(ctx))
	}
	if started.objects, err = p.Kube.Apply(ctx, b.Namespace, objects...); err != nil {
		return nil, errors.Join(err, started.stop(ctx))
	}
	return started.stop, nil
}

// serve starts the i-th server of a backend.
func (p InProcess) serve(b Backend, i int) (*backend.Server, error) {
	ip, err := p.IP()
	if err != nil {
		return nil, err
	}
	o := backend.Options{
		Service: b.Name, Instance: b.Name + "-" + strconv.Itoa(i), Listen: netip.AddrPortFrom(ip, 0),
	}
	if b.TLS == "" {
		return backend.HTTP(o)
	}
	if o.TLS, err = p.serverTLS(b.TLS); err != nil {
		return nil, err
	}
	return backend.TCP(o)
}

func (p InProcess) serverTLS(host string) (*tls.Config, error) {
	pair, err := p.CA.Server(host)
	if err != nil {
		return nil, err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// inProcess is one backend that was started.
type inProcess struct {
	kube    *kube.Client
	servers []*backend.Server
	objects []*kube.Object
}

func (p *inProcess) stop(ctx context.Context) error {
	var errs []error
	for _, o := range p.objects {
		errs = append(errs, p.kube.Delete(ctx, kube.RefTo(o)))
	}
	for _, s := range p.servers {
		errs = append(errs, s.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop backend: %w", err)
	}
	return nil
}
