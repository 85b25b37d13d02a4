package certs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
)

func compact() []*corev1.Secret {
	return sample().Secrets(SecretOptions{Namespace: "ns", Format: Compact})
}

// old is a Secret of an earlier run.
func old(name string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": []byte("old")},
	}
}

func certIn(t *testing.T, client *fake.Clientset, name string) string {
	t.Helper()
	s, err := client.CoreV1().Secrets("ns").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(s.Data["tls.crt"])
}

func TestApply(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		there    []runtime.Object
		existing Existing
		want     []Result
		cert     string // in contourcert, afterwards
		err      string
	}{
		"none exists": {nil, Keep, []Result{{"contourcert", Created}, {"envoycert", Created}}, "contour cert", ""},
		"all there, keep": {
			[]runtime.Object{old("contourcert"), old("envoycert")},
			Keep,
			[]Result{{"contourcert", Kept}},
			"old", "",
		},
		"all there, replace": {
			[]runtime.Object{old("contourcert"), old("envoycert")},
			Replace,
			[]Result{{"contourcert", Updated}, {"envoycert", Updated}},
			"contour cert", "",
		},
		"one there, replace": {
			[]runtime.Object{old("envoycert")},
			Replace,
			[]Result{{"contourcert", Created}, {"envoycert", Updated}},
			"contour cert", "",
		},
		"a later one there, keep": {
			[]runtime.Object{old("envoycert")},
			Keep,
			[]Result{{"contourcert", Created}},
			"contour cert", "secret ns/envoycert exists, but contourcert did not",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(tt.there...)
			got, err := Apply(t.Context(), client, tt.existing, compact())
			if (tt.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if cert := certIn(t, client, "contourcert"); cert != tt.cert {
				t.Errorf("contourcert contains %q, want %q", cert, tt.cert)
			}
		})
	}
}

// TestApplyNeedsCreateAndUpdateOnly checks the verbs against the Role of the certgen Job.
func TestApplyNeedsCreateAndUpdateOnly(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(old("contourcert"))
	if _, err := Apply(t.Context(), client, Replace, compact()); err != nil {
		t.Fatal(err)
	}
	for _, a := range client.Actions() {
		if verb := a.GetVerb(); verb != "create" && verb != "update" {
			t.Errorf("used the verb %s", verb)
		}
	}
}

func TestApplyReturnsResultsBeforeAnError(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	forbidden := errors.New("quota exceeded")
	client.PrependReactor("create", "secrets", func(a kubetesting.Action) (bool, runtime.Object, error) {
		s := a.(kubetesting.CreateAction).GetObject().(*corev1.Secret)
		return s.Name == "envoycert", nil, forbidden
	})
	got, err := Apply(t.Context(), client, Replace, compact())
	if !errors.Is(err, forbidden) || !strings.Contains(err.Error(), "secret ns/envoycert") {
		t.Errorf("got error %v", err)
	}
	if diff := cmp.Diff([]Result{{"contourcert", Created}}, got); diff != "" {
		t.Error(diff)
	}
}
