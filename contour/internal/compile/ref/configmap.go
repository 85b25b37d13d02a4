package ref

import (
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// GrantedCA checks a ConfigMap with the CA bundle by which clients are verified, for an object. size is how many hosts cost as much as
// the bundle (see ValidationSize). Whether a ConfigMap exists that the object may not use is not said.
func (x *Resolver) GrantedCA(r *memo.Reader, from kobj.Key, configMap kobj.Name) (size int, f *Failure) {
	if !x.Granted(r, from, kobj.Key{Kind: kobj.ConfigMap, Name: configMap}) {
		return 0, failure(NotPermitted, "No ReferenceGrant permits the reference to ConfigMap %q.", configMap)
	}
	u := x.caConfigMaps.Get(r, configMap)
	return u.size, u.failure
}

// ConfigMapCA returns the CA bundle of a ConfigMap, in PEM.
func (x *Resolver) ConfigMapCA(r *memo.Reader, configMap kobj.Name) (bundle []byte, ok bool) {
	b := x.configMapBundles.Get(r, configMap)
	return b.pem, b.failure == nil
}

func (x *Resolver) deriveConfigMapBundle(r *memo.Reader, n kobj.Name) bundle {
	c, ok := x.store.ConfigMaps.Get(r, n)
	if !ok {
		return bundle{failure: failure(NotFound, "ConfigMap %q does not exist.", n)}
	}
	return parseBundle(kobj.ConfigMap, n, []byte(c.Data[CAKey]))
}

// AuthoritiesSize returns how many hosts cost as much as the authorities by which the backends of a cluster are verified: each cluster
// has a copy of them in Envoy.
func (x *Resolver) AuthoritiesSize(r *memo.Reader, c *ir.Cluster) int {
	a := c.Tuning.Value().Authorities
	switch {
	case a.System:
		return systemAuthoritiesSize
	case c.TLS.CA == (kobj.Name{}):
		return 0
	case a.ConfigMap:
		return x.caConfigMaps.Get(r, c.TLS.CA).size
	}
	return x.caSecrets.Get(r, c.TLS.CA).size
}

// systemAuthoritiesSize is that of the authorities of Envoy's machine, of some 220 KiB.
const systemAuthoritiesSize = 4
