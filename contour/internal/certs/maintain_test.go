package certs

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
)

func objects(secrets []*corev1.Secret) (all []runtime.Object) {
	for _, s := range secrets {
		all = append(all, s.DeepCopy())
	}
	return all
}

// What an upgrade does to the Secrets of the installation before.
func TestEnsure(t *testing.T) {
	t.Parallel()
	now := issued().AddDate(0, 6, 0)
	created := []Result{{"contourcert", Created}, {"envoycert", Created}, {"envoycert-blue", Created}}
	updated := []Result{{"contourcert", Updated}, {"envoycert", Updated}, {"envoycert-blue", Updated}}
	kept := []Result{{"contourcert", Kept}, {"envoycert", Kept}, {"envoycert-blue", Kept}}
	for name, c := range map[string]struct {
		there   []*corev1.Secret
		edit    func(*corev1.Secret) // the last one
		want    []Result
		err     error
		trusted int // CAs afterwards
	}{
		"none":                        {there: nil, want: created, trusted: 1},
		"valid":                       {there: made(t, issued(), 365), want: kept, trusted: 1},
		"in the last third":           {there: made(t, issued(), 200), want: updated, trusted: 2},
		"expired":                     {there: made(t, issued(), 30), want: updated, trusted: 2},
		"one is missing":              {there: made(t, issued(), 365)[:2], want: []Result{{"contourcert", Updated}, {"envoycert", Updated}, {"envoycert-blue", Created}}, trusted: 1},
		"one is not of this set":      {there: append(made(t, issued(), 365)[:2], made(t, issued(), 365)[2]), want: updated, trusted: 3},
		"one contains no certificate": {there: made(t, issued(), 365), edit: func(s *corev1.Secret) { s.Data["tls.crt"] = []byte("x") }, want: updated, trusted: 1},
		"from the future":             {there: made(t, now.AddDate(1, 0, 0), 365), err: ErrClock},
		"one is not of certgen":       {there: made(t, issued(), 10), edit: func(s *corev1.Secret) { s.Annotations = nil }, err: ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.edit != nil {
				c.edit(c.there[len(c.there)-1])
			}
			client := fake.NewClientset(objects(c.there)...)
			got, err := Ensure(t.Context(), client, made(t, now, 365), now)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.err != nil {
				return
			}
			for _, s := range []string{"contourcert", "envoycert"} {
				o, err := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("secrets"), "ns", s)
				if err != nil {
					t.Fatal(err)
				}
				if cas, err := parseCerts(o.(*corev1.Secret).Data["ca.crt"]); err != nil || len(cas) != c.trusted {
					t.Errorf("%s trusts %d CAs, want %d: %v", s, len(cas), c.trusted, err)
				}
			}
		})
	}
}

// A Secret that changes between being read and written is not overwritten, and the step remains due.
func TestMaintainOverwritesNoOther(t *testing.T) {
	t.Parallel()
	secrets := made(t, issued(), 300)
	client := fake.NewClientset(objects(secrets)...)
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "envoycert", errors.New("changed"))
	conflicts := 1
	client.PrependReactor("update", "secrets", func(a kubetesting.Action) (bool, runtime.Object, error) {
		if a.(kubetesting.UpdateAction).GetObject().(*corev1.Secret).Name == "envoycert" && conflicts > 0 {
			conflicts--
			return true, nil, conflict
		}
		return false, nil, nil
	})
	names := []string{"contourcert", "envoycert", "envoycert-blue"}
	now := issued().AddDate(0, 0, 250)
	if _, _, err := Maintain(t.Context(), client, "ns", names, now); !apierrors.IsConflict(err) {
		t.Fatalf("got %v, want a conflict", err)
	}
	for _, want := range []Action{Trust, Nothing} {
		step, _, err := Maintain(t.Context(), client, "ns", names, now)
		if err != nil || step.Action != want {
			t.Errorf("%q, want %q: %v", step.Action, want, err)
		}
	}
	for range 2 {
		now = now.Add(Overlap)
		if _, _, err := Maintain(t.Context(), client, "ns", names, now); err != nil {
			t.Fatal(err)
		}
	}
	step, after, err := Maintain(t.Context(), client, "ns", names, now)
	if err != nil || step.Action != Nothing || step.Next.Sub(now) < 150*24*time.Hour {
		t.Errorf("after the renewal: %+v: %v", step, err)
	}
	if end, err := NotAfter(after); err != nil || end.Sub(now) < 290*24*time.Hour {
		t.Errorf("valid until %s: %v", end, err)
	}
	for _, a := range client.Actions() {
		if verb := a.GetVerb(); verb != "get" && verb != "update" {
			t.Errorf("used the verb %s", verb)
		}
	}
}
