package ref

import (
	"maps"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// grants is what the ReferenceGrants of a namespace permit. It is derived once for a namespace, so that the size of the grants does
// not count for each reference.
type grants map[grant]bool

// grant permits the objects of a kind and namespace to refer to an object of the namespace of the grant; without a name, to all
// of its kind.
type grant struct {
	from      kobj.Kind
	namespace string
	to        kobj.Kind
	name      string
}

// maxGrants bounds what is read of one ReferenceGrant: the API server allows lists of 16.
const maxGrants = 64

func (x *Resolver) addGrants(e *memo.Engine) {
	x.grants = memo.NewTable(e, memo.Options[string, grants]{
		Name: "ref/grants", Derive: x.deriveGrants, Equal: func(a, b grants) bool { return maps.Equal(a, b) },
	})
}

func (x *Resolver) deriveGrants(r *memo.Reader, namespace string) grants {
	out := grants{}
	for _, g := range x.store.GrantsIn(r, namespace) {
		for _, f := range g.Spec.From[:min(len(g.Spec.From), maxGrants)] {
			for _, t := range g.Spec.To[:min(len(g.Spec.To), maxGrants)] {
				permitted := grant{from: kind.GrantKind(f.Group, f.Kind), namespace: string(f.Namespace), to: kind.GrantKind(t.Group, t.Kind)}
				if t.Name != nil {
					permitted.name = string(*t.Name)
				}
				if permitted.from != "" && permitted.to != "" && (t.Name == nil || *t.Name != "") {
					out[permitted] = true
				}
			}
		}
	}
	return out
}

// Granted reports whether an object may refer to another one: of its own namespace, or of one that permits it by a ReferenceGrant.
func (x *Resolver) Granted(r *memo.Reader, from, to kobj.Key) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	by := x.grants.Get(r, to.Namespace)
	g := grant{from: from.Kind, namespace: from.Namespace, to: to.Kind, name: to.Name.Name}
	if by[g] {
		return true
	}
	g.name = ""
	return by[g]
}

// GrantedSecret checks a Secret that a listener serves, for an object. It reports whether the certificate has expired, which is
// not a Failure. Whether a Secret exists that the object may not use is not said.
func (x *Resolver) GrantedSecret(r *memo.Reader, from kobj.Key, secret kobj.Name) (expired bool, f *Failure) {
	if !x.Granted(r, from, kobj.Key{Kind: kobj.Secret, Name: secret}) {
		return false, failure(NotPermitted, "No ReferenceGrant permits the reference to Secret %q.", secret)
	}
	u := x.servingSecrets.Get(r, secret)
	return u.expired, u.failure
}

// ByGrant returns a reference for which another namespace needs a ReferenceGrant.
func ByGrant(from, to kobj.Key) kind.Reference {
	r := kind.Reference{From: from, To: to}
	if from.Namespace != to.Namespace {
		r.Permission = kobj.ReferenceGrant
	}
	return r
}
