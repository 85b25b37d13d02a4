package kube

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// objects is the store of one Reflector: the present objects of one watch. An equal object that the Reflector stores
// again, as in a list after an interruption, is not a change and does not replace the stored one, which others share.
type objects struct {
	kind      kobj.Kind
	transform cache.TransformFunc
	changed   func(...store.Change)  // called after get returns the new state; must not block
	count     func(operation string) // called for each change
	replaced  func()                 // called after a list is stored
	listed    chan struct{}          // closed after the first list is stored
	once      sync.Once

	mu     sync.RWMutex
	byName map[kobj.Name]metav1.Object // written only by the Reflector
}

var _ cache.TransformingStore = (*objects)(nil)

func newObjects(kind kobj.Kind, transform cache.TransformFunc, changed func(...store.Change)) *objects {
	return &objects{kind: kind, transform: transform, changed: changed, count: func(string) {}, replaced: func() {}, listed: make(chan struct{}), byName: map[kobj.Name]metav1.Object{}}
}

func (s *objects) get(n kobj.Name) (metav1.Object, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.byName[n]
	return o, ok
}

// Transformer returns the function that transforms every object before it is stored.
func (s *objects) Transformer() cache.TransformFunc { return s.transform }

// Add stores a new object, or one that the Reflector adds again.
func (s *objects) Add(o any) error { return s.Update(o) }

// Update stores the new state of an object.
func (s *objects) Update(o any) error {
	object, err := s.transformed(o)
	if err != nil {
		return err
	}
	n := nameOf(object)
	was, existed := s.get(n)
	if existed && sameState(was, object) {
		return nil
	}
	s.count(operation(existed))
	s.mu.Lock()
	s.byName[n] = object
	s.mu.Unlock()
	s.changed(s.change(n, object))
	return nil
}

// Delete removes an object.
func (s *objects) Delete(o any) error {
	object, ok := o.(metav1.Object)
	if !ok {
		return fmt.Errorf("delete %s: %T is not an object", s.kind, o)
	}
	n := nameOf(object)
	if _, ok := s.get(n); !ok {
		return nil
	}
	s.count(deleted)
	s.mu.Lock()
	delete(s.byName, n)
	s.mu.Unlock()
	s.changed(s.change(n, nil))
	return nil
}

// Replace stores the objects of a list and removes all others. All changes are passed on in one call.
func (s *objects) Replace(list []any, _ string) error {
	before := s.byName
	now := make(map[kobj.Name]metav1.Object, len(list))
	var changes []store.Change
	for _, o := range list {
		object, err := s.transformed(o)
		if err != nil {
			return err
		}
		n := nameOf(object)
		was, existed := before[n]
		if existed && sameState(was, object) {
			now[n] = was
			continue
		}
		s.count(operation(existed))
		now[n] = object
		changes = append(changes, s.change(n, object))
	}
	for _, n := range slices.SortedFunc(maps.Keys(before), kobj.Name.Compare) {
		if _, ok := now[n]; !ok {
			s.count(deleted)
			changes = append(changes, s.change(n, nil))
		}
	}
	s.mu.Lock()
	s.byName = now
	s.mu.Unlock()
	s.replaced()
	s.changed(changes...)
	s.once.Do(func() { close(s.listed) })
	return nil
}

// Resync does nothing: every change has been passed on.
func (s *objects) Resync() error { return nil }

func (s *objects) change(n kobj.Name, object metav1.Object) store.Change {
	return store.Change{Key: kobj.Key{Kind: s.kind, Name: n}, Object: object}
}

func (s *objects) transformed(o any) (metav1.Object, error) {
	o, err := s.transform(o)
	if err != nil {
		return nil, fmt.Errorf("transform %s: %w", s.kind, err)
	}
	object, ok := o.(metav1.Object)
	if !ok {
		return nil, fmt.Errorf("%s: %T is not an object", s.kind, o)
	}
	return object, nil
}

func nameOf(o metav1.Object) kobj.Name {
	return kobj.Name{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// sameState reports whether a and b are the same object with the same resourceVersion.
func sameState(a, b metav1.Object) bool {
	v := a.GetResourceVersion()
	return v != "" && v == b.GetResourceVersion() && a.GetUID() == b.GetUID()
}

// deleted is the operation of an object that is gone.
const deleted = "delete"

// operation is that of a new state of an object.
func operation(existed bool) string {
	if existed {
		return "update"
	}
	return "add"
}
