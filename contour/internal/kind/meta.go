package kind

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// Relevant reports whether the controller may read an annotation with that key. Trim removes the others.
func Relevant(key string) bool {
	prefix, _, _ := strings.Cut(key, "/")
	return prefix == contourv1.GroupName || prefix == "kubernetes.io" || prefix == "ingress.kubernetes.io"
}

// trimMeta removes the metadata that no kind needs. With tens of thousands of objects, managed fields and copies of
// manifests in annotations use most of the memory.
func trimMeta(m *metav1.ObjectMeta) {
	m.ManagedFields, m.OwnerReferences, m.Finalizers, m.Labels = nil, nil, nil, nil
	m.GenerateName = ""
	maps.DeleteFunc(m.Annotations, func(k, _ string) bool { return !Relevant(k) })
	if len(m.Annotations) == 0 {
		m.Annotations = nil
	}
}

// equalMeta compares the metadata that derivations read. It ignores labels, managed fields, resource versions and
// irrelevant annotations.
func equalMeta(a, b *metav1.ObjectMeta) bool {
	return a.UID == b.UID && a.Generation == b.Generation && a.CreationTimestamp.Equal(&b.CreationTimestamp) &&
		equalAnnotations(a.Annotations, b.Annotations)
}

// sameSpec reports whether the specs of two states of an object are known to be equal without a comparison, which of a large one takes
// tens of milliseconds: the API server numbers the specs of each object. Objects of directories have no UID.
func sameSpec(a, b *metav1.ObjectMeta) bool {
	return a.UID != "" && a.UID == b.UID && a.Generation > 0 && a.Generation == b.Generation
}

func equalAnnotations(a, b map[string]string) bool { return subset(a, b) && subset(b, a) }

// subset reports whether every relevant annotation of a has the same value in b.
func subset(a, b map[string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; Relevant(k) && (!ok || v != w) {
			return false
		}
	}
	return true
}

// The functions below convert functions of one type of object to functions of any object.

func trims[T metav1.Object](trim func(T)) func(metav1.Object) {
	return func(o metav1.Object) {
		if t, ok := o.(T); ok {
			trim(t)
		}
	}
}

func equals[T metav1.Object](equal func(a, b T) bool) func(a, b metav1.Object) bool {
	return func(a, b metav1.Object) bool {
		x, isA := a.(T)
		y, isB := b.(T)
		return isA && isB && equal(x, y)
	}
}

func predicate[T metav1.Object](is func(T) bool) func(metav1.Object) bool {
	return func(o metav1.Object) bool {
		t, ok := o.(T)
		return ok && is(t)
	}
}
