package ref

import (
	"bytes"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// secretKey is one key of the data of a Secret.
type secretKey struct {
	secret kobj.Name
	key    string
}

// keySet is the key set in a Secret.
type keySet struct {
	keys    ir.KeySet
	failure *Failure
}

func (k keySet) equal(o keySet) bool { return k.keys == o.keys && equalFailure(k.failure, o.failure) }

func (x *Resolver) addKeySets(e *memo.Engine) {
	x.keySets = memo.NewTable(e, memo.Options[secretKey, keySet]{Name: "ref/keyset", Derive: x.deriveKeySet, Equal: keySet.equal})
	x.remotes = memo.NewTable(e, memo.Options[jwks.Remote, []byte]{Name: "ref/remotekeyset", Derive: x.deriveRemote, Equal: bytes.Equal})
	x.remotes.Watch()
}

// LocalKeys returns the keys under a key of a Secret.
func (x *Resolver) LocalKeys(r *memo.Reader, secret kobj.Name, key string) (ir.KeySet, *Failure) {
	k := x.keySets.Get(r, secretKey{secret, key})
	return k.keys, k.failure
}

// RemoteKeys returns the keys that were fetched for an owner, and makes its request one to fetch.
func (x *Resolver) RemoteKeys(r *memo.Reader, of jwks.Remote) jwks.KeySet {
	x.remotes.Get(r, of)
	set, _ := x.store.KeySets.Get(r, of.Owner)
	return set
}

// ChangedRemotes returns the key sets to fetch that changed since the last call, with the CA bundle in PEM.
func (x *Resolver) ChangedRemotes() []memo.Change[jwks.Remote, []byte] { return x.remotes.Changes() }

// deriveRemote returns the CA bundle that verifies the server.
func (x *Resolver) deriveRemote(r *memo.Reader, of jwks.Remote) []byte {
	if of.Request.CA == (kobj.Name{}) {
		return nil
	}
	return x.bundles.Get(r, of.Request.CA).pem
}

func (x *Resolver) deriveKeySet(r *memo.Reader, of secretKey) keySet {
	s, ok := x.store.Secrets.Get(r, of.secret)
	if !ok {
		return keySet{failure: failure(NotFound, "Secret %q does not exist.", of.secret)}
	}
	data, ok := s.Data[of.key]
	if !ok {
		return keySet{failure: failure(Invalid, "Secret %q is not of type Opaque, or has no JSON Web Key Set of at most 64 KiB under the key %q.", of.secret, of.key)}
	}
	keys, problem := jwks.Parse(data, jwks.Options{Symmetric: true})
	if problem != "" {
		return keySet{failure: failure(Invalid, "The key %q of Secret %q %s.", of.key, of.secret, problem)}
	}
	return keySet{keys: keys}
}
