package httpproxy

import (
	"bytes"
	"crypto/tls"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

var update = flag.Bool("update", false, "rewrite out.yaml of every case")

// world is a store with the table of roots on top.
type world struct {
	engine *memo.Engine
	store  *store.Store
	roots  *memo.Table[kobj.Name, contrib.Root]
}

func newWorld(t testing.TB, c config.Config) *world {
	t.Helper()
	w := &world{engine: memo.New(func(f memo.Fault) { t.Errorf("%s of %v: %s\n%s", f.Table, f.Key, f.Reason, f.Stack) })}
	w.store = store.New(w.engine, c)
	env := Env{Store: w.store, Ref: ref.New(w.engine, w.store)}
	w.roots = memo.NewTable(w.engine, memo.Options[kobj.Name, contrib.Root]{
		Name:   "root",
		Derive: func(r *memo.Reader, n kobj.Name) contrib.Root { return Root(r, env, n) },
		Equal:  func(a, b contrib.Root) bool { return cmp.Equal(a, b) },
	})
	return w
}

// compile is what is said by every root of the batch, in its order.
func (w *world) compile(t testing.TB, batch []store.Change) []compiled {
	t.Helper()
	w.store.Apply(batch)
	var names []kobj.Name
	for _, c := range batch {
		if p, ok := c.Object.(*contourv1.HTTPProxy); ok && p.Spec.VirtualHost != nil {
			names = append(names, c.Key.Name)
			w.roots.Demand(c.Key.Name)
		}
	}
	w.engine.Run()
	out := make([]compiled, 0, len(names))
	for _, n := range names {
		r, ok := w.roots.Peek(n)
		if !ok {
			t.Fatalf("no result for %s", n)
		}
		out = append(out, compiled{Root: n, Contributions: r.Contributions, Visited: r.Report.Visited, Diagnostics: r.Report.Diagnostics})
	}
	return out
}

// compiled is a contrib.Root in the form of the goldens.
type compiled struct {
	Root          kobj.Name
	Contributions []contrib.Contribution
	Visited       []kobj.Key
	Diagnostics   []report.Diagnostic
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range cases {
		if filepath.Base(dir) == "fuzz" { // what fuzzing found
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			text := read(t, filepath.Join(dir, "in.yaml"))
			if !bytes.HasPrefix(text, []byte("# ")) {
				t.Error("in.yaml does not start with a comment that says what it proves")
			}
			w := newWorld(t, settings(t, dir))
			batch := decode(t, text)
			expire(w.store, batch)
			golden(t, filepath.Join(dir, "out.yaml"), strings.TrimPrefix(render(w.compile(t, batch)), "\n"))
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(read(t, file)), got); d != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, d)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// settings is the configuration of a case: the default one with what config.yaml changes, if there is one.
func settings(t *testing.T, dir string) config.Config {
	t.Helper()
	c := config.Default()
	b, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		return c
	}
	if err == nil {
		err = yaml.UnmarshalStrict(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// decode reads manifests strictly.
func decode(t testing.TB, text []byte) []store.Change {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, contourv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var out []store.Change
	for r := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		doc := make([]byte, len(text))
		n, err := r.Read(doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		obj, kind, err := decoder.Decode(doc[:n], nil, nil)
		if err != nil {
			t.Fatalf("%v in:\n%s", err, doc[:n])
		}
		m := obj.(metav1.Object)
		if m.GetNamespace() == "" {
			m.SetNamespace("default")
		}
		out = append(out, store.Change{Key: kobj.Of(kobj.Kind(kind.Kind), m.GetNamespace(), m.GetName()), Object: m})
	}
}

// expire says of the certificates that ended before 2026 that they have.
func expire(s *store.Store, batch []store.Change) {
	for _, c := range batch {
		secret, ok := c.Object.(*corev1.Secret)
		if !ok {
			continue
		}
		pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		if err == nil && pair.Leaf.NotAfter.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
			s.Expired.Set(c.Key.Name, struct{}{})
		}
	}
}

// TestReasons holds every reason that the package gives against the goldens.
func TestReasons(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/out.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range files {
		all = append(all, read(t, f)...)
	}
	for _, r := range []report.Reason{
		report.FQDNNotSpecified, report.HostNotValid, report.RootProxyNotAllowedInNamespace, report.NothingDefined, report.IgnoredField,
		report.IncludeCreatesCycle, report.IncludeNotFound, report.RootIncludesRoot, report.DuplicateMatchConditions,
		report.PathMatchConditionsNotValid, report.HeaderMatchConditionsNotValid, report.QueryParameterMatchConditionsNotValid,
		report.RouteActionCountNotValid, report.RequestHeadersPolicyInvalid, report.ResponseHeadersPolicyInvalid,
		report.ResponseHeaderPolicyInvalid, report.TimeoutPolicyNotValid, report.RequestRedirectPolicy, report.DirectResponsePolicyNotValid,
		report.ServicePortInvalid, report.ServiceUnresolvedReference, report.ServiceWeightInvalid, report.UnsupportedProtocol,
		report.TLSUpstreamValidation, report.CACertificateNotDelegated, report.MustHavePrefix, report.DuplicateReplacement,
		report.AmbiguousReplacement, report.ReplacementNotValid, report.TLSConfigNotValid, report.TLSIncompatibleFeatures,
		report.SecretNotValid, report.SecretExpired, report.DelegationNotPermitted, report.TLSMustBeConfigured,
		report.NoServicesAndInclude, report.RetryPolicyNotValid, report.FeatureNotSupported,
	} {
		if !bytes.Contains(all, []byte("reason: "+string(r)+"\n")) {
			t.Errorf("no golden shows reason %s", r)
		}
	}
}
