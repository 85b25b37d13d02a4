package ref

import (
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
