package kube

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

func service(name, uid, version string) *corev1.Service {
	s := &corev1.Service{}
	s.Namespace, s.Name, s.ResourceVersion = "default", name, version
	s.UID = "uid-" + types.UID(uid)
	return s
}

// recorder records the calls of changed, one element for each.
type recorder struct{ calls [][]string }

func (r *recorder) changed(changes ...store.Change) {
	call := []string{}
	for _, change := range changes {
		text := change.Key.Name.Name + " deleted"
		if change.Object != nil {
			text = change.Key.Name.Name + " " + change.Object.GetResourceVersion()
		}
		call = append(call, text)
	}
	r.calls = append(r.calls, call)
}

func same(o any) (any, error) { return o, nil }

func TestOnlyChangesArePassedOn(t *testing.T) {
	t.Parallel()
	var got recorder
	s := newObjects(kobj.Service, same, got.changed)
	select {
	case <-s.listed:
		t.Error("listed before a list")
	default:
	}
	for i, err := range []error{
		s.Replace([]any{service("a", "1", "1"), service("b", "2", "2"), service("c", "3", "3")}, "3"),
		s.Add(service("a", "1", "1")),    // again
		s.Update(service("b", "2", "4")), // changed
		s.Delete(service("c", "3", "5")),
		s.Delete(service("c", "3", "5")), // again
		// a unchanged, b changed, c created again, d new
		s.Replace([]any{service("d", "4", "6"), service("a", "1", "1"), service("b", "2", "7"), service("c", "5", "8")}, "8"),
		// c is another object with the same resourceVersion, as after the data of the API server was restored
		s.Replace([]any{service("a", "1", "1"), service("c", "6", "8")}, "9"),
		s.Replace(nil, "10"),
		s.Resync(),
	} {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	<-s.listed
	want := [][]string{
		{"a 1", "b 2", "c 3"}, {"b 4"}, {"c deleted"}, {"d 6", "b 7", "c 8"}, {"c 8", "b deleted", "d deleted"}, {"a deleted", "c deleted"},
	}
	if diff := cmp.Diff(want, got.calls); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestNonObjectIsAnError(t *testing.T) {
	t.Parallel()
	var got recorder
	broken := errors.New("broken")
	for name, s := range map[string]*objects{
		"no object":     newObjects(kobj.Service, same, got.changed),
		"not trimmable": newObjects(kobj.Service, func(any) (any, error) { return nil, broken }, got.changed),
	} {
		for call, err := range map[string]error{
			"Add": s.Add("x"), "Update": s.Update("x"), "Delete": s.Delete("x"), "Replace": s.Replace([]any{"x"}, "1"),
		} {
			if err == nil {
				t.Errorf("%s: %s returned no error", name, call)
			}
		}
	}
	if len(got.calls) > 0 {
		t.Errorf("changes %v", got.calls)
	}
}
