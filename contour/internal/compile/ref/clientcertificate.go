package ref

import (
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// ClientCertificate returns the Secret with the certificate that Envoy shows to backends with that protocol; zero if there is none. It
// is of the operator, and needs no delegation.
func (x *Resolver) ClientCertificate(r *memo.Reader, p ir.Protocol) (kobj.Name, *Failure) {
	n := x.store.Settings.Objects.Get(r).ClientCertificate
	if n == (kobj.Name{}) || !p.UsesTLS() {
		return kobj.Name{}, nil
	}
	if f := x.servingSecrets.Get(r, n).failure; f != nil {
		return kobj.Name{}, failure(f.Problem, "The certificate of Envoy for backends (tls.envoy-client-certificate) cannot be used: %s", f.Message)
	}
	return n, nil
}

// ShowCertificate makes Envoy show its certificate to the endpoints of a cluster, if there is one and the protocol has TLS.
func (x *Resolver) ShowCertificate(r *memo.Reader, c *ir.Cluster) *Failure {
	n, f := x.ClientCertificate(r, c.Protocol)
	if n != (kobj.Name{}) {
		tuning := c.Tuning.Value()
		tuning.ClientCertificate = n
		c.Tuning = ir.Intern(tuning)
	}
	return f
}
