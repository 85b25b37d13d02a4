package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/contour/internal/console"
)

const quickstart = "../../../examples/quickstart"

const broken = `apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata:
  name: www
spec:
  virtualhost:
    fqdn: www.example.com
  routes:
    - services:
        - name: gone
          port: 80
`

const foreign = `apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata:
  name: other
spec:
  ingressClassName: nginx
  virtualhost:
    fqdn: other.example.com
  routes:
    - conditoins: []
`

// run runs contour and returns its exit code and what it prints.
func runMain(args ...string) (code int, out, errs string) {
	var stdout, stderr strings.Builder
	code = Main(args, Streams{Out: &stdout, Err: &stderr, Env: noEnv})
	return code, stdout.String(), stderr.String()
}

func manifest(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestValidate(t *testing.T) {
	t.Parallel()
	bad := manifest(t, broken)
	other := manifest(t, foreign)
	config := filepath.Join(t.TempDir(), "contour.yaml")
	if err := os.WriteFile(config, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string // each a part
	}{
		{name: "examples", args: []string{"-f", quickstart}, err: "8 objects: 0 errors, 0 warnings, 0 notes"},
		{name: "an error", args: []string{"-f", bad}, code: 3, out: bad + ":10: error: HTTPProxy default/www: spec.routes[0].services[0]: ServiceUnresolvedReference: "},
		{name: "never", args: []string{"-f", bad, "--fail-on=never"}, out: "error: "},
		{name: "several paths", args: []string{"-f", quickstart, "-f", bad}, code: 3, out: "which takes precedence"},
		{name: "an unknown field", args: []string{"-f", other}, code: 3, out: other + ":10: error: HTTPProxy default/other: spec.routes[0].conditoins: "},
		{name: "annotations", args: []string{"-f", bad, "-o", "github"}, code: 3, out: "::error file=" + bad + ",line=10,title=ServiceUnresolvedReference::HTTPProxy default/www: spec"},
		{name: "no such path", args: []string{"-f", "gone.yaml"}, code: 1, err: "contour: gone.yaml: no such file or directory"},
		{name: "no path", code: 1, err: "--filename"},
		{name: "an unknown severity", args: []string{"-f", bad, "--fail-on=x"}, code: 2, err: "--fail-on"},
		{name: "an unknown key of the configuration", args: []string{"-f", bad, "-c", config}, code: 1, err: "nonsense"},
		{name: "an unknown flag", args: []string{"--filenam=x"}, code: 2, err: "did you mean --filename?"},
	} {
		code, out, errs := runMain(append([]string{"validate"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d\n%s%s", c.name, code, out, errs)
		}
	}
}

// A line for each finding, at the line of the object of the manifest, in the order of files.
func TestValidateNotesWhatIsNotServed(t *testing.T) {
	t.Parallel()
	path := manifest(t, strings.Replace(foreign, "    - conditoins: []\n", "    - services: [{name: web, port: 80}]\n", 1))
	if code, out, _ := runMain("validate", "-f", path); code != 0 || !strings.Contains(out, path+`:6: note: HTTPProxy default/other: spec.ingressClassName: NotServed: Ingress class "nginx" is not served`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, _, _ := runMain("validate", "-f", path, "--fail-on=note"); code != 3 {
		t.Errorf("exit code %d with --fail-on=note", code)
	}
	if code, out, _ := runMain("validate", "-f", path, "--ingress-class-name=nginx"); code != 3 || !strings.Contains(out, "ServiceUnresolvedReference") {
		t.Errorf("exit code %d with the class: %s", code, out)
	}
}

func TestValidateJSON(t *testing.T) {
	t.Parallel()
	code, out, _ := runMain("validate", "-f", manifest(t, broken), "-o", "json")
	var list struct {
		Kind  string
		Items []struct {
			Object                           struct{ Kind, Namespace, Name string }
			Line                             int
			Severity, Field, Reason, Message string
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 3 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	if list.Kind != "DiagnosticList" || len(list.Items) != 1 {
		t.Fatalf("%+v", list)
	}
	if x := list.Items[0]; x.Object.Name != "www" || x.Line != 10 || x.Severity != "error" || x.Field != "spec.routes[0].services[0]" || x.Reason == "" || x.Message == "" {
		t.Errorf("%+v", x)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		code int
		out  []string // parts
		err  string
	}{
		{name: "a backend", args: []string{"http://www.example.com/api/x"}, out: []string{
			"GET http://www.example.com/api/x -> answered by Service default/api\n", "www.yaml:15  spec.routes[1]", "default/api as www.example.com/x",
		}},
		{name: "as expected", args: []string{"http://www.example.com/api/x", "--expect=200", "--expect-service=default/api"}},
		{name: "another status", args: []string{"http://www.example.com/api/x", "--expect=404"}, code: 3},
		{name: "another Service", args: []string{"http://www.example.com/api/x", "--expect-service=default/web"}, code: 3},
		{name: "TLS", args: []string{"https://shop.example.com"}, out: []string{"certificate  shop.example.com"}},
		{name: "no server name", args: []string{"https://shop.example.com", "--sni=-"}, out: []string{"no TLS connection"}},
		{name: "a WebSocket", args: []string{"https://shop.example.com", "--websocket"}, out: []string{"403: HTTPProxy default/shop spec.routes[0] does not permit WebSockets\n"}},
		{name: "an address", args: []string{"https://127.0.0.1/", "-H", "Host: shop.example.com"}, out: []string{"no TLS connection: the client sends no server name\n"}},
		{name: "another host than the server name", args: []string{"https://shop.example.com/", "-H", "Host: www.example.com"}, out: []string{"421: the request is misdirected"}},
		{name: "a host in a header", args: []string{"http://127.0.0.1:8080/hello", "-H", "Host: ingress.example.com"}, out: []string{"answered by Service default/web"}},
		{name: "no path", args: []string{"http://ingress.example.com", "--expect=404"}, out: []string{"matches /; "}},
		{name: "no URL", args: []string{"www.example.com"}, code: 2, err: `"www.example.com" is no URL of http or https`},
		{name: "no header", args: []string{"http://www.example.com", "-H", "x"}, code: 2, err: "--header"},
		{name: "escapes", args: []string{"http://www.example.com/%61pi/a%2Fb"}, out: []string{"answered by Service default/api", "as www.example.com/a%2Fb"}},
		{name: "what the listener rejects", args: []string{"http://www.example.com/a%00"}, out: []string{"-> 400: the path has an escaped null character"}},
		{name: "too much", args: []string{"http://www.example.com/", "-H", "x: " + strings.Repeat("a", 80<<10)}, out: []string{"-> 431: the headers are too large or too many"}},
		{name: "what the model cannot tell", args: []string{"http://www.example.com/", "-H", "x: " + strings.Repeat("a", 60<<10)}, code: 1, err: "cannot tell: "},
	} {
		code, out, errs := runMain(append([]string{"explain", "-f", quickstart}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d\n%s%s", c.name, code, out, errs)
		}
		for _, part := range c.out {
			if !strings.Contains(out, part) {
				t.Errorf("%s: no %q in\n%s", c.name, part, out)
			}
		}
	}
}

func TestExplainJSON(t *testing.T) {
	t.Parallel()
	code, out, _ := runMain("explain", "http://www.example.com/api/x", "-f", quickstart, "-o", "json")
	var x struct {
		Kind, Verdict string
		Answer        struct{ From []struct{ Service string } }
		Steps         []struct {
			Name, Field string
			Line        int
		}
	}
	if err := json.Unmarshal([]byte(out), &x); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	if x.Kind != "Explanation" || x.Verdict == "" || len(x.Answer.From) != 1 || len(x.Steps) != 4 || x.Steps[2].Field != "spec.routes[1]" {
		t.Errorf("%+v", x)
	}
}

// No command prints the key of a Secret, whatever is wrong with it, or what headers may carry a credential.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const canary = "c2VjcmV0LWNhbmFyeQ"
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/tls\nstringData: {tls.crt: " + canary + ", tls.key: " + canary + "}\n---\n"
	path := manifest(t, secret+strings.Replace(broken, "fqdn: www.example.com", "fqdn: www.example.com\n    tls: {secretName: s}", 1))
	plain := manifest(t, broken)
	direct := manifest(t, strings.Replace(broken, "    - services", "    - responseHeadersPolicy: {set: [{name: x-session-key, value: "+canary+"}]}\n      directResponsePolicy: {statusCode: 200, body: "+canary+strings.Repeat("x", 200)+"}\n    - conditions: [{prefix: /x}]\n      services", 1))
	tokens := manifest(t, strings.Replace(broken, "    - services", "    - conditions: [{header: {name: x-api-token, exact: "+canary+"}}, {queryParameter: {name: api_key, exact: "+canary+"}}]\n      requestHeadersPolicy: {set: [{name: x-upstream, value: "+canary+"}]}\n      services", 1))
	parameters := manifest(t, strings.Replace(broken, "    - services", "    - conditions: [{queryParameter: {name: sig, exact: "+canary+"}}, {queryParameter: {name: code, exact: "+canary+"}}, {header: {name: x-db-pass, exact: "+canary+"}}, {header: {name: x-plain, exact: "+canary+"}}]\n      services", 1))
	asked := "http://www.example.com/?sig=" + canary + "&code=" + canary + "&pass=" + canary + "&%73ig=" + canary + "&other=" + canary
	for _, args := range [][]string{
		{"explain", asked, "-f", plain},
		{"explain", "http://user:" + canary + "@www.example.com/", "-f", plain},
		{"explain", "http://www.example.com/%zz?sig=" + canary, "-f", plain},
		{"explain", "ftp://user:" + canary + "@www.example.com/?sig=" + canary, "-f", plain},
		{"explain", asked, "-f", plain, "-o", "json"},
		{"explain", asked, "-f", parameters},
		{"explain", asked, "-f", parameters, "-o", "json", "-H", "x-db-pass: " + canary, "-H", "x-plain: " + canary},
		{"explain", asked, "-f", path},
		{"routes", "-f", parameters},
		{"routes", "-f", parameters, "-o", "json"},
		{"diff", plain, parameters},
		{"diff", plain, parameters, "-o", "json"},
		{"validate", "-f", path},
		{"validate", "-f", path, "-o", "json"},
		{"explain", "https://www.example.com", "-f", path},
		{"explain", "https://www.example.com", "-f", path, "-o", "json"},
		{"explain", "http://www.example.com", "-f", tokens},
		{"explain", "http://www.example.com", "-f", tokens, "-o", "json"},
		{"explain", "http://www.example.com", "-f", direct, "-o", "json"},
		{"routes", "-f", path},
		{"routes", "-f", tokens, "-f", direct},
		{"routes", "-f", tokens, "-f", direct, "-o", "yaml"},
		{"validate", "-f", path, "-o", "sarif"},
		{"validate", "-f", path, "-o", "junit"},
		{"diff", quickstart, path},
		{"diff", quickstart, path, "-o", "json"},
		{"diff", plain, tokens},
		{"diff", plain, tokens, "-o", "json"},
	} {
		if _, out, errs := runMain(args...); strings.Contains(out+errs, canary) {
			t.Errorf("%v prints the Secret: %s%s", args, out, errs)
		}
	}
}

// What a manifest contains neither controls the terminal nor reverses the text of a finding.
func TestLinesArePrintable(t *testing.T) {
	t.Parallel()
	if got, want := console.Line("a.yaml", "\x1b[2J\u009b1mé\n\u202eerror\u2066\u200b"), "a.yaml:  [2J 1mé  error  "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	served := manifest(t, strings.Replace(broken, "name: gone", "name: web", 1)+"---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {a: b}, ports: [{port: 80}]}\n")
	bad := manifest(t, broken)
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string // each a part
	}{
		{name: "the same", args: []string{quickstart, quickstart, "--exit-code"}, err: "4 hosts compared with 0 requests\n"},
		{name: "a request that is lost", args: []string{served, bad}, out: "~ http://www.example.com HTTPProxy default/www " + bad + ":7\n    GET / and 1 more (a backend answered)\n" +
			"        - answered by Service default/web\n        + 503: HTTPProxy default/www spec.routes[0].services[0]: Service \"default/gone\" does not exist\n" +
			"introduced " + bad + ":10: error: "},
		{name: "the other way", args: []string{bad, served}, out: "fixed " + bad + ":10: error: "},
		{name: "the exit code", args: []string{served, bad, "--exit-code"}, code: 3},
		{name: "a host that is removed", args: []string{quickstart, served}, out: "- https://shop.example.com HTTPProxy default/shop"},
		{name: "one path", args: []string{quickstart}, code: 2, err: "give two paths"},
		{name: "standard input twice", args: []string{"-", "-"}, code: 2, err: "only one"},
		{name: "no such path", args: []string{quickstart, "gone.yaml"}, code: 1, err: "gone.yaml"},
	} {
		code, out, errs := runMain(append([]string{"diff"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d\n%s%s", c.name, code, out, errs)
		}
	}
	code, out, _ := runMain("diff", served, bad, "-o", "json", "--exit-code")
	var d struct {
		Kind  string
		Hosts []struct {
			Object   struct{ Name string }
			Host     string
			Change   string
			Requests []struct {
				Method, Path, Old, New string
				Lost                   bool
			}
		}
		Introduced []struct{ Field string }
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != 3 || d.Kind != "Difference" || len(d.Hosts) != 1 || len(d.Introduced) != 1 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	if h := d.Hosts[0]; h.Object.Name != "www" || h.Host != "www.example.com" || h.Change != "changed" || len(h.Requests) != 1 || h.Requests[0].Path != "/" || !h.Requests[0].Lost || h.Requests[0].Old == "" {
		t.Errorf("%+v", h)
	}
}

const expectations = `apiVersion: cli.contour.example/v1
kind: RequestTest
requests:
  - name: the website
    url: http://www.example.com/
    answer: {status: 200, from: [{service: default/web}]}
  - url: http://www.example.com/api?x-token=c2VjcmV0LWNhbmFyeQ
    headers: {x-canary: "yes"}
    answer: {status: 404}
`

func TestTest(t *testing.T) {
	t.Parallel()
	failing := manifest(t, expectations)
	passing := manifest(t, strings.Replace(expectations, "{status: 404}", "{status: 200, from: [{service: default/api, host: www.example.com}]}", 1))
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err string // each a part
	}{
		{name: "the examples", args: []string{"../../../examples/tests/quickstart.yaml"}, err: "8 tests: 0 failed\n"},
		{name: "all pass", args: []string{passing}, err: "2 tests: 0 failed\n"},
		{name: "one fails", args: []string{failing}, code: 3, err: "2 tests: 1 failed\n", out: failing + ":7: failed: http://www.example.com/api?x-token=**** (18 bytes)\n" +
			"    status: want 404, got 200\n    number of backends: want 0, got 1\n    the request is answered by Service default/api\n"},
		{name: "annotations", args: []string{failing, "-o", "github"}, code: 3, out: "::error file=" + failing + ",line=7::http://www.example.com/api?x-token=**** (18 bytes)%0Astatus: want"},
		{name: "a report", args: []string{failing, "-o", "junit"}, code: 3, out: `<testsuite name="contour test" tests="2" failures="1">`},
		{name: "two files", args: []string{failing, passing}, code: 3, err: "4 tests: 1 failed\n"},
		{name: "another kind", args: []string{manifest(t, broken)}, code: 1, err: "m.yaml: "},
		{name: "another version", args: []string{manifest(t, strings.Replace(expectations, "contour.example/v1", "contour.example/v9", 1))}, code: 1, err: "not a RequestTest of cli.contour.example/v1"},
		{name: "an unknown field", args: []string{manifest(t, strings.Replace(expectations, "headers", "haeders", 1))}, code: 1, err: `unknown field "haeders"`},
		{name: "no host", args: []string{manifest(t, strings.Replace(expectations, "url: http://www.example.com/\n", "path: /\n", 1))}, code: 1, err: "m.yaml:4: a request has a url, or a host"},
		{name: "no file", code: 2, err: "requires at least 1 arg(s)"},
		{name: "what the model cannot tell", args: []string{manifest(t, strings.Replace(expectations, `"yes"`, strings.Repeat("a", 60<<10), 1))}, code: 3, out: "cannot tell: "},
	} {
		code, out, errs := runMain(append([]string{"test", "-f", quickstart}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d\n%s%s", c.name, code, out, errs)
		}
		if strings.Contains(out+errs, "c2VjcmV0LWNhbmFyeQ") {
			t.Errorf("%s: the value of a token is printed:\n%s%s", c.name, out, errs)
		}
	}
	code, out, _ := runMain("test", "-f", quickstart, failing, "-o", "json")
	var list struct {
		Kind  string
		Items []struct {
			Line        int
			Passed      bool
			Differences []string
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 3 || list.Kind != "RequestTestResults" || len(list.Items) != 2 || !list.Items[0].Passed || list.Items[1].Passed || list.Items[1].Line != 7 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

func TestValidateReports(t *testing.T) {
	t.Parallel()
	bad := manifest(t, broken)
	code, out, _ := runMain("validate", "-f", bad, "-f", quickstart, "-o", "sarif")
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID, Level string
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
				PartialFingerprints map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &log); err != nil || code != 3 || log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) == 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	for _, r := range log.Runs[0].Results {
		if r.RuleID == "" || r.Level == "" || len(r.Locations) != 1 || r.Locations[0].PhysicalLocation.Region.StartLine == 0 || len(r.PartialFingerprints["finding/v1"]) != 32 {
			t.Errorf("%+v", r)
		}
	}
	if len(log.Runs[0].Tool.Driver.Rules) == 0 {
		t.Error("there are no rules")
	}
	if code, out, _ = runMain("validate", "-f", bad, "-o", "junit"); code != 3 || !strings.Contains(out, `tests="2" failures="1"`) || !strings.Contains(out, `name="HTTPProxy default/www"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out, _ = runMain("validate", "-f", bad, "-o", "junit", "--fail-on=never"); code != 0 || !strings.Contains(out, `tests="2" failures="0"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	bad := manifest(t, broken)
	for _, c := range []struct {
		name string
		args []string
		code int
		out  []string // parts, in their order
		err  string
	}{
		{name: "all hosts", args: []string{"-f", quickstart}, out: []string{
			"http://shop.example.com (listener ingress_http)\n  prefix /  redirect 301 to https  HTTPProxy default/shop  ",
			"http://www.example.com (listener ingress_http)\n", "  prefix /api   Service default/api  HTTPProxy default/www  ", "www.yaml:15  spec.routes[1]\n",
			"  prefix /      Service default/web  HTTPProxy default/www  ", "www.yaml:10  spec.routes[0]\n",
			"https://shop.example.com (listener ingress_https)\n  prefix /  Service default/web  ",
		}},
		{name: "one host", args: []string{"ingress.example.com", "-f", quickstart}, out: []string{"http://ingress.example.com (listener ingress_http)\n  segments /hello  Service default/web  Ingress default/hello  "}},
		{name: "an error", args: []string{"-f", bad}, out: []string{"prefix /  response 503  HTTPProxy default/www  " + bad + ":9  spec.routes[0]\n"}},
		{name: "no such host", args: []string{"other.example.com", "-f", quickstart}, code: 1, err: "no host other.example.com is served"},
		{name: "no path", code: 1, err: "--filename"},
		{name: "YAML", args: []string{"www.example.com", "-f", quickstart, "-o", "yaml"}, out: []string{"- host: www.example.com\n", "action: Service default/web\n"}},
	} {
		code, out, errs := runMain(append([]string{"routes"}, c.args...)...)
		rest, ok := out, true
		for _, part := range c.out {
			var found bool
			_, rest, found = strings.Cut(rest, part)
			ok = ok && found
		}
		if code != c.code || !ok || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d\n%s%s", c.name, code, out, errs)
		}
	}
	code, out, _ := runMain("routes", "-f", quickstart, "-o", "json")
	var list struct {
		Kind  string
		Items []struct {
			Host    string
			TLS     bool
			Objects []struct{ Name string }
			Routes  []struct {
				Object               struct{ Name string }
				Match, Action, Field string
				Line                 int
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || list.Kind != "HostRoutesList" || len(list.Items) != 4 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	for _, h := range list.Items {
		if len(h.Objects) != 1 || len(h.Routes) == 0 || h.Routes[0].Object.Name != h.Objects[0].Name || h.Routes[0].Action == "" || h.Routes[0].Line == 0 {
			t.Errorf("%+v", h)
		}
	}
}
