package ingress_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ingress"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

var update = flag.Bool("update", false, "rewrite testdata/*/out.yaml")

// now is when the goldens were made: certificates that ended before it are expired.
var now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) { golden(t, dir) })
	}
}

func golden(t *testing.T, dir string) {
	in, err := os.ReadFile(filepath.Join(dir, "in.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(in, []byte("# ")) {
		t.Error("in.yaml does not begin with a comment that says what it proves")
	}
	got := dump(t, compile(decode(t, in), config.Default()))
	file := filepath.Join(dir, "out.yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// decode reads the documents of a file; unknown kinds and fields fail the test.
func decode(t *testing.T, file []byte) []store.Change {
	t.Helper()
	var changes []store.Change
	for doc := range bytes.SplitSeq(file, []byte("\n---\n")) {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &head); err != nil {
			t.Fatal(err)
		}
		o := newObject(kobj.Kind(head.Kind))
		if err := yaml.UnmarshalStrict(doc, o); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, store.Change{Key: kobj.Of(kobj.Kind(head.Kind), o.GetNamespace(), o.GetName()), Object: o})
	}
	return changes
}

func newObject(k kobj.Kind) metav1.Object {
	switch k {
	case kobj.Ingress:
		return &networkingv1.Ingress{}
	case kobj.Service:
		return &corev1.Service{}
	case kobj.Secret:
		return &corev1.Secret{}
	case kobj.TLSCertificateDelegation:
		return &contourv1.TLSCertificateDelegation{}
	}
	panic("no such kind: " + k)
}

// compile is what each Ingress among the objects contributes.
func compile(objects []store.Change, c config.Config) map[kobj.Name]contrib.Root {
	e := memo.New(func(f memo.Fault) { panic(f.Reason + "\n" + string(f.Stack)) })
	s := store.New(e, c)
	env := ingress.Env{Store: s, Ref: ref.New(e, s)}
	roots := memo.NewTable(e, memo.Options[kobj.Name, contrib.Root]{
		Name:   "roots",
		Derive: func(r *memo.Reader, n kobj.Name) contrib.Root { return ingress.Root(r, env, n) },
		Equal:  func(a, b contrib.Root) bool { return cmp.Equal(a, b) },
	})
	s.Apply(objects)
	for _, o := range objects {
		if o.Key.Kind == kobj.Ingress {
			roots.Demand(o.Key.Name)
		}
	}
	e.Run()
	for n, end := range env.Ref.Expiries() {
		if end.Before(now) {
			s.Expired.Set(n, struct{}{})
		}
	}
	e.Run()
	out := map[kobj.Name]contrib.Root{}
	roots.Keys(func(n kobj.Name) bool {
		out[n], _ = roots.Peek(n)
		return true
	})
	return out
}

// dump is the text form of the roots, without what is zero.
func dump(t *testing.T, roots map[kobj.Name]contrib.Root) []byte {
	t.Helper()
	var out bytes.Buffer
	for i, n := range slices.SortedFunc(maps.Keys(roots), kobj.Name.Compare) {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := yaml.Marshal(map[string]any{"ingress": n.String(), "root": plain(roots[n])})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	return out.Bytes()
}
