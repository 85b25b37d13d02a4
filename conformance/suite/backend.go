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

// Backends creates Services with endpoints: Pods where the cluster has nodes, InProcess where the proxy can reach this process.
type Backends interface {
	// Start creates the Service b.Name in the namespace b.Namespace (which is the full name) with
	// b.Endpoints endpoints, each of which names itself differently in Echo.Instance. It may return before
	// they are ready. On an error nothing remains.
	Start(ctx context.Context, b Backend) (Running, error)
	// String describes the endpoints for a report.
	String() string
}

// Running is a backend that was started.
type Running interface {
	// Ready returns when all endpoints answer, or with the reason why one never will.
	Ready(ctx context.Context) error
	// Address is host:port of it for the controller and the proxy: the name of its Service in the DNS of the cluster, or, where there
	// is no DNS, the address of a server.
	Address() string
	// Stop removes it.
	Stop(ctx context.Context) error
}

// InProcess serves backends from this process, which the proxy must be able to reach.
type InProcess struct {
	Kube *kube.Client
	// IP is an address for the next server.
	IP func() (netip.Addr, error)
	// CA signs the certificates of servers with TLS.
	CA *pki.CA
}

// String implements Backends.
func (InProcess) String() string { return "servers beside the cluster" }

// Start implements Backends.
func (p InProcess) Start(ctx context.Context, b Backend) (Running, error) {
	spec := backend.ServiceSpec{
		Namespace: b.Namespace, Name: b.Name, Port: b.Port, PortName: b.PortName,
		AppProtocol: b.AppProtocol, Annotations: b.Annotations, DeadPort: b.DeadPort,
	}
	started := &inProcess{kube: p.Kube}
	for i := range b.Endpoints {
		server, err := p.serve(b, i)
		if err != nil {
			return nil, errors.Join(err, started.Stop(ctx))
		}
		started.servers = append(started.servers, server)
	}
	spec.Servers = started.servers
	objects, err := spec.Objects()
	if err != nil {
		return nil, errors.Join(err, started.Stop(ctx))
	}
	if started.objects, err = p.Kube.Apply(ctx, b.Namespace, objects...); err != nil {
		return nil, errors.Join(err, started.Stop(ctx))
	}
	return started, nil
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
	if b.TLS != "" {
		if o.TLS, err = p.serverTLS(b.TLS); err != nil {
			return nil, err
		}
	}
	if b.Bytes {
		return backend.TCP(o)
	}
	return backend.HTTP(o)
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

// Address implements Running: that of the first server.
func (p *inProcess) Address() string { return p.servers[0].Address().String() }

// Ready implements Running: a server listens as soon as it was started.
func (*inProcess) Ready(context.Context) error { return nil }

// Stop implements Running.
func (p *inProcess) Stop(ctx context.Context) error {
	errs := []error{remove(ctx, p.kube, p.objects)}
	for _, s := range p.servers {
		errs = append(errs, s.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop backend: %w", err)
	}
	return nil
}

func remove(ctx context.Context, client *kube.Client, objects []*kube.Object) error {
	var errs []error
	for _, o := range objects {
		errs = append(errs, client.Delete(ctx, kube.RefTo(o)))
	}
	return errors.Join(errs...)
}
