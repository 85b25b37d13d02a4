package kind

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/contour/internal/kobj"
)

// Object is a Kubernetes object that can be decoded.
type Object interface {
	metav1.Object
	runtime.Object
}

// Descriptor describes one kind. Functions that take objects ignore an object of another type. A nil function, unless
// stated otherwise, does nothing and reports false.
type Descriptor struct {
	Kind         kobj.Kind
	GroupVersion schema.GroupVersion
	// OlderVersions are further versions of the group, the newest first: a manifest may use them, and they are watched where the
	// API server does not serve GroupVersion. New can decode them.
	OlderVersions []string
	Resource      string // plural, as in the path of the API; "" if the kind is not watched
	ClusterScoped bool
	Need          Need
	// Selector limits what is listed and watched; nil selects everything.
	Selector fields.Selector

	// AddToScheme registers the types of the group and version.
	AddToScheme func(*runtime.Scheme) error
	New         func() Object

	// Trim removes the fields that no stage reads. It runs before any other component reads the object, and is idempotent.
	Trim func(metav1.Object)
	// NewShare returns a function that replaces parts of objects by equal parts of earlier objects, so that they are in
	// memory once. Each watch has its own function.
	NewShare func() func(metav1.Object)
	// Equal reports whether two states of an object lead to the same results. It is not nil for a stored kind.
	Equal func(a, b metav1.Object) bool

	// DeletionWaits delays the deletion of an object, because objects of other kinds refer to it
	// (docs/design/0002-deletions-wait.md).
	DeletionWaits bool
	// Owner is the object that an object is a part of.
	Owner func(metav1.Object) (kobj.Name, bool)
	// Parts is the kind of which at least one object has this one as Owner before references to this one are complete;
	// "" if it has no parts.
	Parts kobj.Kind
	// Permits reports whether an object permits a reference to its namespace from another one.
	Permits func(o metav1.Object, r Reference) bool

	// Claims defines which objects claim hosts.
	Claims Claims
	// Status defines how the status is compared and written; nil if the controller writes none. compile.API.Status of the
	// kind derives it. The controller reports diagnostics only on objects with a status.
	Status *Status
	// Manifest defines how an object is read from a manifest; nil if a directory cannot contain the kind.
	Manifest *Manifest
}

// Stored reports whether the store contains objects of the kind.
func (d *Descriptor) Stored() bool { return d.Equal != nil }

// Claims defines which objects of a kind claim hosts, that is, are roots.
type Claims struct {
	All bool                     // all objects
	If  func(metav1.Object) bool // the objects for which it returns true
}

// None reports whether no object of the kind claims hosts.
func (c Claims) None() bool { return !c.All && c.If == nil }

// Of reports whether the object claims hosts.
func (c Claims) Of(o metav1.Object) bool { return c.All || c.If != nil && c.If(o) }

// Need is the feature for which a kind is watched in a cluster: list and watch are privileges, and some kinds have many
// objects.
type Need string

// The needs.
const (
	Always Need = ""      // the kind is always watched
	Never  Need = "never" // the kind is only read from manifests
)

// Reference is a reference of an object to another one, without which it cannot be served.
type Reference struct {
	From kobj.Key
	To   kobj.Key
	// Permission is a kind; an object of the kind in the namespace of To must permit the reference (Descriptor.Permits).
	// "" if no permission is required.
	Permission kobj.Kind
}

// List contains descriptors, one for each kind.
type List []Descriptor

// Get returns the descriptor of a kind; nil if there is none.
func (l List) Get(k kobj.Kind) *Descriptor {
	for i := range l {
		if l[i].Kind == k {
			return &l[i]
		}
	}
	return nil
}

// Watched returns the kinds to watch in a cluster: those that are always watched, and those with one of the needs.
func (l List) Watched(needs ...Need) List {
	var out List
	for i := range l {
		if l[i].Need != Never && (l[i].Need == Always || slices.Contains(needs, l[i].Need)) {
			out = append(out, l[i])
		}
	}
	return out
}

// Scheme returns a scheme with the types of all kinds of the list.
func (l List) Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	for i := range l {
		if err := l[i].AddToScheme(s); err != nil {
			return nil, err
		}
	}
	for i := range l {
		if err := l[i].addOlderVersions(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Versions returns the groups and versions that are watched, in order of preference.
func (d *Descriptor) Versions() []schema.GroupVersion {
	versions := []schema.GroupVersion{d.GroupVersion}
	for _, v := range d.OlderVersions {
		versions = append(versions, schema.GroupVersion{Group: d.GroupVersion.Group, Version: v})
	}
	return versions
}

// addOlderVersions registers the types of GroupVersion for the older versions, whose fields that the controller reads are the same.
func (d *Descriptor) addOlderVersions(s *runtime.Scheme) error {
	for _, gv := range d.Versions()[1:] {
		for _, name := range []string{string(d.Kind), string(d.Kind) + "List"} {
			o, err := s.New(d.GroupVersion.WithKind(name))
			if err != nil {
				return err
			}
			s.AddKnownTypeWithName(gv.WithKind(name), o)
		}
		metav1.AddToGroupVersion(s, gv)
	}
	return nil
}
