package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// The path of an edit must be that of the second route's Service.
func TestEditIsOfTheSecondRoute(t *testing.T) {
	t.Parallel()
	for _, r := range []routing{{api: HTTPProxy}, {api: Ingress, class: "fast"}, {api: Gateway}} {
		text, err := json.Marshal(r.object(routed{name: "a", host: "a.example", first: "s-1", second: "s-2"}))
		if err != nil {
			t.Fatal(err)
		}
		var o any
		if err := json.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
		body, err := r.edit("s-3")
		if err != nil {
			t.Fatal(err)
		}
		var patch []struct{ Op, Path, Value string }
		if err := json.Unmarshal(body, &patch); err != nil || len(patch) != 1 {
			t.Fatalf("%s: %s: %v", r.api, body, err)
		}
		if got := at(t, o, patch[0].Path); patch[0].Op != "replace" || patch[0].Value != "s-3" || got != "s-2" {
			t.Errorf("%s: patch %+v replaces %v", r.api, patch[0], got)
		}
		if got := strings.Contains(string(text), `"ingressClassName":"fast"`); got != (r.class == "fast") {
			t.Errorf("%s: class of %s", r.api, text)
		}
	}
}

// at is the value at a JSON pointer.
func at(t *testing.T, o any, pointer string) any {
	t.Helper()
	for _, step := range strings.Split(pointer, "/")[1:] {
		switch v := o.(type) {
		case map[string]any:
			o = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				t.Fatalf("no %s in %v", step, v)
			}
			o = v[i]
		default:
			t.Fatalf("%s does not exist", pointer)
		}
	}
	return o
}

// Every object of a shared host has its own paths, and requests for them have the same ones.
func TestPathsOfASharedHost(t *testing.T) {
	t.Parallel()
	for shared, want := range map[bool][4]string{
		false: {"a.bench-x.example", "/", "/b", "/b"},
		true:  {"shared.bench-x.example", "/a/", "/a/b", "/a/b"},
	} {
		r := routing{api: Gateway, gateway: parent{"bench-x", "g"}, shared: shared}
		w := &workload{client: &client{namespace: "bench-x"}, routing: r}
		text, err := json.Marshal(r.object(w.withoutTLS("a", 0, 1)))
		if err != nil {
			t.Fatal(err)
		}
		var o any
		if err := json.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
		asked := w.want("a", "")
		got := [4]string{asked.host, fmt.Sprint(at(t, o, "/spec/rules/0/matches/0/path/value")), fmt.Sprint(at(t, o, "/spec/rules/1/matches/0/path/value")), asked.path}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if host, of := at(t, o, "/spec/hostnames/0"), at(t, o, "/spec/parentRefs/0/name"); host != asked.host || of != "g" {
			t.Errorf("host %v of %v", host, of)
		}
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
	var done [100]atomic.Int64
	if err := parallel(t.Context(), 7, len(done), func(_ context.Context, i int) error {
		done[i].Add(1)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if got := done[i].Load(); got != 1 {
			t.Errorf("%d was done %d times", i, got)
		}
	}
	broken, calls := errors.New("broken"), atomic.Int64{}
	err := parallel(t.Context(), 2, 1_000_000, func(_ context.Context, i int) error {
		calls.Add(1)
		return broken
	})
	if !errors.Is(err, broken) || calls.Load() > 10 {
		t.Errorf("error %v after %d calls, want the first error to end it", err, calls.Load())
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	chosen, err := choose([]string{"restart", "edit"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range chosen {
		names = append(names, s.name)
	}
	if diff := cmp.Diff([]string{"load", "edit", "restart"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := choose([]string{"edit", "edits"}); err == nil || !strings.Contains(err.Error(), `"edits"`) {
		t.Errorf("error %v does not name the unknown scenario", err)
	}
}

// The protobuf form and the JSON form of an object have the same content.
func TestEncode(t *testing.T) {
	t.Parallel()
	r := routing{api: Ingress, class: "fast"}
	o := r.object(routed{name: "a", host: "a.example", first: "s-1", second: "s-2", secret: "t"})
	body, media, err := r.kind().encode(o)
	if err != nil || media != "application/vnd.kubernetes.protobuf" {
		t.Fatalf("%s, %v", media, err)
	}
	got, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	want := &networkingv1.Ingress{}
	if err := json.Unmarshal(text, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(want.Spec.TLS) != 1 || len(want.Spec.Rules[0].HTTP.Paths) != 2 {
		t.Errorf("incomplete: %s", text)
	}
	proxy := routing{api: HTTPProxy}
	body, media, err = proxy.kind().encode(proxy.object(routed{name: "a", secret: "t"}))
	if err != nil || media != "application/json" || !strings.Contains(string(body), `"tls":{"secretName":"t"}`) {
		t.Errorf("%s, %s, %v", media, body, err)
	}
}
