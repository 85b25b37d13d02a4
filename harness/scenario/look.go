package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"syscall"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/kube"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

// tolerance is the accepted difference between the share of a backend and the expected one, in percent of all requests.
const tolerance = 10

// rejected applies what the API server must not admit.
func (r *run) rejected(ctx context.Context, f Rejected) error {
	objects, err := kube.Parse(f.Apply)
	if err != nil {
		return err
	}
	if len(objects) != 1 {
		return fmt.Errorf("rejected: %d objects, want one", len(objects))
	}
	ref := kube.RefTo(objects[0])
	err = r.apply(ctx, objects)
	if err == nil {
		return fmt.Errorf("%s was admitted, want it rejected with %q", ref, f.Message)
	}
	if f.Message == "" || !strings.Contains(err.Error(), f.Message) {
		return fmt.Errorf("want %s rejected with %q: %w", ref, f.Message, err)
	}
	return nil
}

// closed sends the request until it gets no answer, with the timeout of the request.
func (r *run) closed(ctx context.Context, request traffic.Request) error {
	return poll.Until(ctx, r.Timeout, "closed connection of "+request.String(), func(ctx context.Context) (bool, string, error) {
		a, err := r.Traffic.Do(ctx, request)
		if err == nil {
			return false, a.String(), nil
		}
		timeout := ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)
		return !timeout && !errors.Is(err, syscall.ECONNREFUSED), err.Error(), nil
	})
}

// share sends the requests until their answers are distributed as expected: the first time, the
// change may not be effective yet.
func (r *run) share(ctx context.Context, s Share) error {
	request, err := Request{URL: s.URL}.traffic()
	if err != nil {
		return err
	}
	return poll.Until(ctx, r.Timeout, "shares of "+s.URL, func(ctx context.Context) (bool, string, error) {
		count := map[string]int{}
		for range s.Requests {
			a, err := r.Traffic.Do(ctx, request)
			if err != nil {
				return false, err.Error(), nil
			}
			count[a.Backend()]++
		}
		wrong := s.wrong(count)
		return wrong == "", wrong, nil
	})
}

// wrong returns which share is wrong, or "". count is the answers by backend; "" is the proxy itself.
func (s Share) wrong(count map[string]int) string {
	names := maps.Clone(count)
	for name := range s.Backends {
		names[name] += 0
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		want, got := s.Backends[name], 100*float64(count[name])/float64(s.Requests)
		if (want == 0) != (got == 0) || math.Abs(want-got) > tolerance {
			return fmt.Sprintf("backend %q answers %.0f %%, want %.0f %%", name, got, want)
		}
	}
	return ""
}

func (r *run) object(ctx context.Context, o Object) error {
	ref := o.ref(r.namespace)
	return poll.Until(ctx, r.Timeout, ref.String(), func(ctx context.Context) (bool, string, error) {
		got, err := r.Kube.Get(ctx, ref)
		if err != nil {
			return false, err.Error(), nil
		}
		wrong := lacks("", o.Has, got.Object)
		return wrong == "", wrong, nil
	})
}

func (r *run) event(ctx context.Context, e Event) error {
	ref := e.ref(r.namespace)
	kind := schema.GroupVersionKind{Group: "events.k8s.io", Version: "v1", Kind: "Event"}
	return poll.Until(ctx, r.Timeout, "Event "+e.Reason+" of "+ref.String(), func(ctx context.Context) (bool, string, error) {
		events, err := r.Kube.List(ctx, kind, ref.Namespace)
		if err != nil {
			return false, err.Error(), nil
		}
		var others []string
		for i := range events {
			regarding, reason, note, err := read(&events[i])
			if err != nil {
				return false, "", err
			}
			if regarding != ref.Kind+" "+ref.Name {
				continue
			}
			if reason == e.Reason && strings.Contains(note, e.Note) {
				return true, "", nil
			}
			others = append(others, reason+": "+note)
		}
		return false, fmt.Sprintf("only %q", others), nil
	})
}

// read is the object of an Event (kind and name), and its message.
func read(event *kube.Object) (regarding, reason, note string, err error) {
	kind, _, err1 := unstructured.NestedString(event.Object, "regarding", "kind")
	name, _, err2 := unstructured.NestedString(event.Object, "regarding", "name")
	reason, _, err3 := unstructured.NestedString(event.Object, "reason")
	note, _, err4 := unstructured.NestedString(event.Object, "note")
	return kind + " " + name, reason, note, errors.Join(err1, err2, err3, err4)
}
