package store

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// objects is the objects of a kind, whatever their type.
type objects interface {
	put(Change) bool
	get(*memo.Reader, kobj.Name) (metav1.Object, bool)
	peek(kobj.Name) metav1.Object
	// inNamespace is the objects in a namespace, by name, if the kind can permit references; else none.
	inNamespace(namespace string) []metav1.Object
	// parts returns the number of objects of which the object is the owner, such as the EndpointSlices of a Service.
	parts(owner kobj.Name) int
	// follow calls f for the key of every object that claims a host, or of every object: with true when there is one,
	// with false when there is none any more.
	follow(claims func(metav1.Object) bool, f func(kobj.Key, bool))
	claims(*memo.Reader, kobj.Name) bool
	Len() int
}

// typed is the objects of a kind of which the type is known.
type typed[T metav1.Object] struct {
	*memo.Input[kobj.Name, T]
	kind        *kind.Descriptor
	byNamespace *memo.Index[string, kobj.Name]    // nil unless the kind can permit references
	byOwner     *memo.Index[kobj.Name, kobj.Name] // nil unless the objects are parts of others
}

// add makes the input and the indexes of a kind.
func add[T metav1.Object](s *Store, e *memo.Engine, d *kind.Descriptor) *typed[T] {
	t := &typed[T]{kind: d}
	t.Input = memo.NewInput[kobj.Name](e, tableName(d.Kind), func(a, b T) bool { return d.Equal(a, b) })
	if d.Permits != nil {
		t.byNamespace = memo.NewIndex(t.Input, "byNamespace/"+string(d.Kind), kobj.Name.Compare,
			func(n kobj.Name, _ T) []string { return []string{n.Namespace} })
	}
	if d.Owner != nil {
		t.byOwner = memo.NewIndex(t.Input, "byOwner/"+string(d.Kind), kobj.Name.Compare, func(_ kobj.Name, o T) []kobj.Name {
			if owner, ok := d.Owner(o); ok {
				return []kobj.Name{owner}
			}
			return nil
		})
	}
	s.kinds[d.Kind] = t
	return t
}

func (t *typed[T]) put(c Change) bool {
	if c.Object == nil {
		return t.Delete(c.Key.Name)
	}
	v, ok := c.Object.(T)
	return ok && t.Set(c.Key.Name, v)
}

func (t *typed[T]) get(r *memo.Reader, n kobj.Name) (metav1.Object, bool) {
	o, ok := t.Get(r, n)
	return o, ok
}

func (t *typed[T]) peek(n kobj.Name) metav1.Object {
	if o, ok := t.Peek(n); ok {
		return o
	}
	return nil
}

func (t *typed[T]) inNamespace(namespace string) []metav1.Object {
	if t.byNamespace == nil {
		return nil
	}
	names := t.byNamespace.Peek(namespace)
	out := make([]metav1.Object, 0, len(names))
	for _, n := range names {
		if o, ok := t.Peek(n); ok {
			out = append(out, o)
		}
	}
	return out
}

func (t *typed[T]) parts(owner kobj.Name) int {
	if t.byOwner == nil {
		return 0
	}
	return t.byOwner.Count(owner)
}

func (t *typed[T]) follow(claims func(metav1.Object) bool, f func(kobj.Key, bool)) {
	memo.Follow(t.Input, func(n kobj.Name, o T) []kobj.Key {
		if claims != nil && !claims(o) {
			return nil
		}
		return []kobj.Key{{Kind: t.kind.Kind, Name: n}}
	}, f)
}

func (t *typed[T]) claims(r *memo.Reader, n kobj.Name) bool {
	if t.kind.Claims.If == nil {
		return t.kind.Claims.All
	}
	o, ok := t.Get(r, n)
	return ok && t.kind.Claims.Of(o)
}

// list is the objects of those names that exist, recorded as read.
func (t *typed[T]) list(r *memo.Reader, names []kobj.Name) []T {
	out := make([]T, 0, len(names))
	for _, n := range names {
		if o, ok := t.Get(r, n); ok {
			out = append(out, o)
		}
	}
	return out
}
