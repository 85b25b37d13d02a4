package scenario

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
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
		Namespace: r.namespace, Name: b.Name, Port: b.Port, Annotations: b.Annotations,
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
		if o.TLS, err = r.serverTLS(b.Name); err != nil {
			return nil, err
		}
		return backend.HTTP(o)
	default:
		return nil, fmt.Errorf("backend %s: protocol %q: want http, https or tcp", b.Name, b.Protocol)
	}
}

// serverTLS has a certificate for the name and for its DNS name in a cluster.
func (r *run) serverTLS(name string) (*tls.Config, error) {
	pair, err := r.CA.Server(name, name+"."+r.namespace, name+"."+r.namespace+".svc")
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
	if len(c.Hosts) == 0 {
		return fmt.Errorf("certificate %s: needs hosts", c.Name)
	}
	pair, err := r.CA.Server(c.Hosts...)
	if err != nil {
		return err
	}
	secret, err := kube.FromTyped(&corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: c.Name, Namespace: r.namespace},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: pair.Cert, corev1.TLSPrivateKeyKey: pair.Key},
	})
	if err != nil {
		return err
	}
	return r.apply(ctx, []*kube.Object{secret})
}
