package suite

import (
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/traffic"
)

func core(name string) []Feature     { return []Feature{{name, Core}} }
func extended(name string) []Feature { return []Feature{{name, Extended}} }

func TestLoad(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"one.yaml": {Data: []byte("of one")}}
	tests, err := Load(files, []Test{{Name: "x/one"}, {Name: "x/two", Manifests: "its own"}})
	if err != nil {
		t.Fatal(err)
	}
	if tests[0].Manifests != "of one" || tests[1].Manifests != "its own" {
		t.Errorf("got %q and %q", tests[0].Manifests, tests[1].Manifests)
	}
	for want, tests := range map[string][]Test{
		"test x/two: manifests: open two.yaml": {{Name: "x/one"}, {Name: "x/two"}},
		"manifests without a test: one.yaml":   {},
	} {
		if _, err := Load(files, tests); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	better := Test{Name: "x/better", Features: core("A"), Improvement: "it is"}
	for name, c := range map[string]struct {
		runner Runner
		test   Test
		want   string
	}{
		"core":                  {Runner{Features: []string{}}, Test{Features: core("A")}, ""},
		"all extended":          {Runner{}, Test{Features: extended("B")}, ""},
		"claimed":               {Runner{Features: []string{"B"}}, Test{Features: extended("B")}, ""},
		"not claimed":           {Runner{Features: []string{"C"}}, Test{Features: extended("B")}, "the feature B is not claimed"},
		"improvement":           {Runner{}, better, "improvements were not requested"},
		"improvement requested": {Runner{Improvements: true}, better, ""},
		"by name":               {Runner{Skips: map[string]string{"x/y": "known"}}, Test{Name: "x/y"}, "known"},
	} {
		if got := c.runner.skip(c.test); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	about := About{Implementation: Implementation{Name: "some"}, Provider: "any", Backends: "pods"}
	report := NewReport(about, "x", []Result{
		{Test: Test{Name: "x/a", Features: core("A")}, Outcome: Passed},
		{Test: Test{Name: "x/b", Features: extended("B")}, Outcome: Failed, Reason: "status 404"},
		{Test: Test{Name: "x/c", Features: extended("C")}, Outcome: Skipped, Reason: "not claimed"},
		{Test: Test{Name: "x/d", Features: core("A"), Improvement: "better"}, Outcome: Passed},
		{Test: Test{Name: "y/a", Features: core("Y")}, Outcome: Failed},
	})
	if want := "x: core 1 passed, 0 failed, 0 skipped; extended 0 passed, 1 failed, 1 skipped; " +
		"improvements 1 passed, 0 failed, 0 skipped"; report.String() != want {
		t.Errorf("got %s, want %s", report, want)
	}
	dir := filepath.Join(t.TempDir(), "reports")
	if err := report.Write(dir); err != nil {
		t.Fatal(err)
	}
	var read Report
	readYAML(t, filepath.Join(dir, "x.yaml"), &read)
	if diff := cmp.Diff(report, read); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if report.Tests[1].Reason != "status 404" || report.Extended.Run != 1 {
		t.Errorf("got %+v", report)
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	answer := traffic.Answer{
		Status: 200, Headers: http.Header{"X-Reply": {"yes"}}, Body: []byte("body"),
		Echo: &backend.Echo{Service: "shop", Method: "PUT", Path: "/x", Host: "a", Proto: "HTTP/1.1", Headers: http.Header{"X-Sent": {"1"}}},
	}
	for name, c := range map[string]struct{ right, wrong Check }{
		"From":             {From("shop"), From("other")},
		"Status":           {Status(404, 200), Status(404)},
		"Error":            {Status(200), Error},
		"Body":             {Body("body"), Body("bod")},
		"Header":           {Header("X-Reply", "yes"), Header("X-Reply", "no")},
		"Header none":      {Header("X-Other", ""), Header("X-Reply", "")},
		"Sent":             {Sent("X-Sent", "1"), Sent("X-Sent", "2")},
		"Sent none":        {Sent("X-Other", ""), Sent("X-Sent", "")},
		"SentPath":         {SentPath("/x"), SentPath("/")},
		"SentHost":         {SentHost("a"), SentHost("b")},
		"SentMethod":       {SentMethod("PUT"), SentMethod("GET")},
		"SentProtocol":     {SentProtocol("HTTP/1.1", false), SentProtocol("HTTP/2.0", false)},
		"SentProtocol TLS": {SentProtocol("HTTP/1.1", false), SentProtocol("HTTP/1.1", true)},
	} {
		if wrong := c.right(answer); wrong != "" {
			t.Errorf("%s: got %s", name, wrong)
		}
		if c.wrong(answer) == "" {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
	for name, check := range map[string]Check{"From": From(""), "Sent": Sent("X", ""), "SentPath": SentPath("")} {
		if check(traffic.Answer{Status: 404, Headers: http.Header{}}) == "" {
			t.Errorf("%s: nothing is wrong without a backend", name)
		}
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	test := &T{namespace: "ns"}
	for location, want := range map[string]string{
		"https://a.ns.example/x":      "",
		"https://a.ns.example:443/x":  "",
		"https://a.ns.example:8443/x": `status 301 to "https://a.ns.example:8443/x", want 301 to "https://a.ns.example/x"`,
		"http://a.ns.example:443/x":   `status 301 to "http://a.ns.example:443/x", want 301 to "https://a.ns.example/x"`,
	} {
		answer := traffic.Answer{Status: 301, Headers: http.Header{"Location": {location}}}
		if got := test.Redirect(301, "https://a.${DOMAIN}/x")(answer); got != want {
			t.Errorf("%s: got %q, want %q", location, got, want)
		}
	}
}

func TestSetClass(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: x/v1\n"
	for manifest, want := range map[string]string{
		head + "kind: Ingress\nmetadata: {name: a}\n":                                                          "ours",
		head + "kind: HTTPProxy\nmetadata: {name: a}\nspec: {routes: []}\n":                                    "ours",
		head + "kind: HTTPProxy\nmetadata: {name: a}\nspec: {ingressClassName: other}\n":                       "other",
		head + "kind: Ingress\nmetadata: {name: a, annotations: {kubernetes.io/ingress.class: other}}\n":       "",
		head + "kind: HTTPProxy\nmetadata: {name: a, annotations: {projectcontour.io/ingress.class: other}}\n": "",
		head + "kind: Service\nmetadata: {name: a}\n":                                                          "",
	} {
		objects, err := kube.Parse(manifest)
		if err != nil {
			t.Fatal(err)
		}
		if err := setClass(objects[0], "ours"); err != nil {
			t.Fatal(err)
		}
		spec, _ := objects[0].Object["spec"].(map[string]any)
		if got, _ := spec["ingressClassName"].(string); got != want {
			t.Errorf("%s: got class %q, want %q", manifest, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	suites := []Suite{{Name: "x", Tests: []Test{{Name: "x/a", Features: extended("B")}}}}
	for args, want := range map[string]string{
		"-skip x/a=known -features B": "",
		"-features none":              "",
		"-features all":               "",
		"-skip x/b=known":             "-skip: there is no test x/b",
		"-features C":                 "-features: there is no extended feature C",
		"-suites x":                   "",
		"-suites x,y":                 "-suites: there is no suite y",
	} {
		if got := check(t, suites, strings.Fields(args)...); got != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
	if got := check(t, suites, "-skip", "x/a"); !strings.Contains(got, "want name=reason") {
		t.Errorf("got %q", got)
	}
}

func check(t *testing.T, suites []Suite, args ...string) string {
	t.Helper()
	var o Options
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.Register(fs)
	err := fs.Parse(args)
	if err == nil {
		err = o.Check(suites)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// Each request has texts of its own, and the original request is not changed.
func TestUnique(t *testing.T) {
	t.Parallel()
	r := traffic.Request{Headers: http.Header{"X-Key": {"1 " + Unique}, "X-Other": {"a", "b"}}}
	first, second := unique(r), unique(r)
	if first.Headers.Get("X-Key") == second.Headers.Get("X-Key") || !strings.HasPrefix(first.Headers.Get("X-Key"), "1 ") {
		t.Errorf("got %q and %q", first.Headers.Get("X-Key"), second.Headers.Get("X-Key"))
	}
	if diff := cmp.Diff([]string{"a", "b"}, first.Headers["X-Other"]); diff != "" || r.Headers.Get("X-Key") != "1 "+Unique {
		t.Errorf("the request was changed: %s %+v", diff, r.Headers)
	}
}

// After the first failure nothing else happens, and the first one is reported.
func TestFirstFailureWins(t *testing.T) {
	t.Parallel()
	test := &T{ctx: t.Context(), runner: &Runner{}, namespace: "ns"}
	test.Get("gopher://a")
	test.Apply("kind: Ingress")
	test.Get("http://a")
	test.Delete("v1", "Service", "a")
	if test.err == nil || test.err.Error() != "request gopher://a: want http or https" {
		t.Errorf("got %v", test.err)
	}
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatal(err)
	}
}
