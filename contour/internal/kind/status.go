package kind

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Status defines how the status of a kind is compared with the desired one, and written. A status is passed as a pointer
// to the status type of the API, such as *contourv1.HTTPProxyStatus, and is never modified.
type Status struct {
	// Next returns the status to write to an object that should have the status want; nil if it has that status. now is the
	// transition time.
	Next func(want any, o metav1.Object, now time.Time) any
	// Fields returns the value of "status" in a JSON merge patch. An empty list is null, which removes the field.
	Fields func(status any) any
	// Operations returns the patch of an object with the former status to this one as operations of a JSON patch; nil: the patch is a
	// merge patch with Fields.
	Operations func(status any, former metav1.Object) []Operation
	// Object returns an object with only this metadata and status.
	Object func(meta metav1.ObjectMeta, status any) metav1.Object
	// Counts reports whether a status that Next has returned differs from that of the object in numbers of attached objects only, which
	// change with every one of these; nil: it never does.
	Counts func(status any, o metav1.Object) bool
	// Events: diagnostics are reported as Events of the object, because the status has no conditions.
	Events bool
}

// Operation is an operation of a JSON patch (RFC 6902).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// statusCodec is a Status for one type of object and of status.
type statusCodec[T metav1.Object, S any] struct {
	next   func(want *S, o T, now time.Time) *S
	fields func(*S) any
	object func(metav1.ObjectMeta, *S) T
	counts func(status *S, o T) bool // may be nil
	events bool
}

func (c statusCodec[T, S]) status() *Status {
	s := &Status{
		Next: func(want any, o metav1.Object, now time.Time) any {
			s, isStatus := want.(*S)
			t, isObject := o.(T)
			if !isStatus || !isObject || s == nil {
				return nil
			}
			if next := c.next(s, t, now); next != nil {
				return next
			}
			return nil
		},
		Fields: func(status any) any { return c.fields(status.(*S)) },
		Object: func(meta metav1.ObjectMeta, status any) metav1.Object { return c.object(meta, status.(*S)) },
		Events: c.events,
	}
	if c.counts != nil {
		s.Counts = func(status any, o metav1.Object) bool { return c.counts(status.(*S), o.(T)) }
	}
	return s
}

// addresses is a list of load-balancer addresses in a patch.
type addresses[A any] struct {
	Ingress []A `json:"ingress"`
}
