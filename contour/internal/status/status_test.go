package status_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// world is a Status fed by hand instead of by compile.
type world struct {
	engine *memo.Engine
	store  *store.Store
	said   *memo.Input[kobj.Key, compile.Object]
	status *status.Status
}

func newWorld(c config.Config) *world {
	w := &world{}
	w.engine = memo.New(func(f memo.Fault) { panic(f) })
	w.store = store.New(w.engine, c)
	w.said = memo.NewInput[kobj.Key](w.engine, "said", func(a, b compile.Object) bool { return cmp.Equal(a, b) })
	objects := memo.NewTable(w.engine, memo.Options[kobj.Key, compile.Object]{
		Name:  "objects",
		Equal: func(a, b compile.Object) bool { return cmp.Equal(a, b) },
		Derive: func(r *memo.Reader, k kobj.Key) compile.Object {
			o, _ := w.said.Get(r, k)
			return o
		},
	})
	w.status = status.New(w.engine, w.store, objects)
	w.status.Desired.Watch()
	return w
}

// said is the text form of what the stages before say about the objects of a case.
type said struct {
	StatusAddresses []string `json:"statusAddresses"`
	IngressClasses  []string `json:"ingressClassNames"`
	Objects         []struct {
		Object   string   `json:"object"` // kind namespace/name
		Visited  bool     `json:"visited"`
		Errors   []string `json:"errors"` // type|reason|field|message
		Warnings []string `json:"warnings"`
		Rejected string   `json:"rejected"` // Envoy's words
	} `json:"objects"`
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			golden(t, filepath.Join(dir, "status.yaml"), runCase(t, dir))
		})
	}
}

func runCase(t *testing.T, dir string) []byte {
	t.Helper()
	var s said
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(dir, "said.yaml")), &s); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Status.Addresses, c.Objects.IngressClassNames = s.StatusAddresses, s.IngressClasses
	w := newWorld(c)
	w.store.Apply(parse(t, read(t, filepath.Join(dir, "in.yaml"))))
	for _, o := range s.Objects {
		k := key(o.Object)
		w.said.Set(k, compile.Object{
			Visited:     o.Visited,
			Diagnostics: append(diagnostics(k, report.Error, o.Errors), diagnostics(k, report.Warning, o.Warnings)...),
		})
		if o.Rejected != "" {
			w.status.Rejected.Set(k, []report.Diagnostic{{
				Object: k, Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy, Message: o.Rejected,
			}})
		}
	}
	w.engine.Run()
	out, err := status.YAML(w.desired())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) desired() []*status.Desired {
	var all []*status.Desired
	w.status.Desired.Keys(func(k kobj.Key) bool {
		d, _ := w.status.Desired.Peek(k)
		all = append(all, d)
		return true
	})
	return all
}

func diagnostics(k kobj.Key, s report.Severity, lines []string) []report.Diagnostic {
	var ds []report.Diagnostic
	for _, l := range lines {
		part := strings.SplitN(l, "|", 4)
		ds = append(ds, report.Diagnostic{
			Object: k, Severity: s, Type: report.Type(part[0]), Reason: report.Reason(part[1]), Field: part[2], Message: part[3],
		})
	}
	return ds
}

func key(s string) kobj.Key {
	kind, name, _ := strings.Cut(s, " ")
	namespace, name, _ := strings.Cut(name, "/")
	return kobj.Of(kobj.Kind(kind), namespace, name)
}

func parse(t *testing.T, data []byte) []store.Change {
	t.Helper()
	var batch []store.Change
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(doc), &meta); err != nil {
			t.Fatal(err)
		}
		object, ok := map[string]metav1.Object{
			"HTTPProxy": &contourv1.HTTPProxy{}, "Ingress": &networkingv1.Ingress{}, "Service": &corev1.Service{},
		}[meta.Kind]
		if !ok {
			t.Fatalf("kind %q", meta.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(doc), object); err != nil {
			t.Fatal(err)
		}
		batch = append(batch, store.Change{Key: kobj.Of(kobj.Kind(meta.Kind), object.GetNamespace(), object.GetName()), Object: object})
	}
	return batch
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(read(t, path)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
