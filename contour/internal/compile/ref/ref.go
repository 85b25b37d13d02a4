// Package ref resolves references of objects: to a port of a Service, and to the certificate or
// CA bundle in a Secret, which another namespace must delegate.
//
// Lookups read the store through the Reader and return a value or a typed Failure;
// the caller selects the reason and sub-condition of a Failure, which differ between
// APIs. Certificates are parsed once per Secret. A derivation that reads only whether a
// Secret can be used does not run again when the certificate is rotated.
package ref

import (
	"fmt"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// Problem is the kind of a Failure.
type Problem uint8

// The problems.
const (
	NotFound     Problem = iota // the object, or the part of it that the reference names, does not exist
	NotPermitted                // the object exists, but the referrer may not use it
	Invalid                     // the object exists, but its contents are invalid
)

// Failure is the reason why a reference cannot be resolved.
type Failure struct {
	Problem Problem
	Message string // one sentence for the author of the reference
}

func failure(p Problem, format string, args ...any) *Failure {
	return &Failure{Problem: p, Message: fmt.Sprintf(format, args...)}
}

// Resolver resolves references.
type Resolver struct {
	store          *store.Store
	certificates   *memo.Table[kobj.Name, certificate]
	servingSecrets *memo.Table[kobj.Name, usability]
	bundles        *memo.Table[kobj.Name, bundle]
	caSecrets      *memo.Table[kobj.Name, usability]
	revocations    *memo.Table[kobj.Name, bundle]
	caConfigMaps   *memo.Table[kobj.Name, usability]
	crlSecrets     *memo.Table[kobj.Name, usability]
	consents       *memo.Table[kobj.Name, map[string]bool]
	delegations    *memo.Table[string, delegations]
	grants         *memo.Table[string, grants]
	services       *memo.Table[kobj.Name, servicePorts]
	external       *memo.Table[kobj.Name, ir.ExternalService]
	keySets        *memo.Table[secretKey, keySet]
	remotes        *memo.Table[jwks.Remote, []byte]

	configMapBundles *memo.Table[kobj.Name, bundle]
}

// New returns a Resolver. It adds tables to the engine of the store.
func New(e *memo.Engine, s *store.Store) *Resolver {
	x := &Resolver{store: s}
	x.addDelegations(e)
	x.addGrants(e)
	x.addServices(e)
	x.addExternal(e)
	x.certificates = memo.NewTable(e, memo.Options[kobj.Name, certificate]{
		Name: "ref/certificate", Derive: x.deriveCertificate, Equal: certificate.equal,
	})
	x.certificates.Watch()
	x.servingSecrets = memo.NewTable(e, memo.Options[kobj.Name, usability]{
		Name: "ref/servingsecret", Derive: x.deriveServingSecret, Equal: usability.equal,
	})
	x.bundles = memo.NewTable(e, memo.Options[kobj.Name, bundle]{
		Name: "ref/bundle", Derive: x.deriveBundle, Equal: bundle.equal,
	})
	x.caSecrets = memo.NewTable(e, memo.Options[kobj.Name, usability]{
		Name: "ref/casecret", Derive: x.deriveCASecret, Equal: usability.equal,
	})
	x.configMapBundles = memo.NewTable(e, memo.Options[kobj.Name, bundle]{
		Name: "ref/configmapbundle", Derive: x.deriveConfigMapBundle, Equal: bundle.equal,
	})
	x.caConfigMaps = memo.NewTable(e, memo.Options[kobj.Name, usability]{
		Name: "ref/caconfigmap", Equal: usability.equal,
		Derive: func(r *memo.Reader, n kobj.Name) usability { return x.configMapBundles.Get(r, n).usability() },
	})
	x.addRevocations(e)
	x.consents = memo.NewTable(e, memo.Options[kobj.Name, map[string]bool]{
		Name: "ref/consent", Derive: x.deriveConsent, Equal: equalConsent,
	})
	x.addKeySets(e)
	return x
}

// SecretName returns the Secret that an object in the namespace refers to by "name" or "namespace/name".
func SecretName(namespace, ref string) kobj.Name {
	if ns, name, ok := strings.Cut(ref, "/"); ok {
		return kobj.Name{Namespace: ns, Name: name}
	}
	return kobj.Name{Namespace: namespace, Name: ref}
}

// ToSecret returns the reference of an object to a Secret. A Secret in another namespace must be delegated.
func ToSecret(from kobj.Key, secret kobj.Name) kind.Reference {
	r := kind.Reference{From: from, To: kobj.Key{Kind: kobj.Secret, Name: secret}}
	if secret.Namespace != from.Namespace {
		r.Permission = kobj.TLSCertificateDelegation
	}
	return r
}
