package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/apiclient"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// running is the stages of a controller that has the manifests at the paths, and the address of its API.
type running struct {
	*core
	address string
}

func startRunning(t *testing.T, paths ...string) *running {
	t.Helper()
	c := config.Default()
	c.Endpoints.Loopback = true
	k := newCore(c, slog.New(slog.DiscardHandler))
	batch, err := dir.Load(nil, paths...)
	if err != nil {
		t.Fatal(err)
	}
	batches, done := make(chan []store.Change), make(chan struct{}, 10)
	go func() { _ = k.run(t.Context(), batches, func(pipeline.Result) { done <- struct{}{} }) }()
	batches <- batch.Changes
	<-done
	<-k.published
	mux := http.NewServeMux()
	k.reader.Register(mux)
	s := httptest.NewServer(localOnly(mux))
	t.Cleanup(s.Close)
	return &running{k, strings.TrimPrefix(s.URL, "http://")}
}

// ask runs a command that asks the controller.
func (r *running) ask(args ...string) (code int, out, errs string) {
	return runMain(append(args, "--address="+r.address)...)
}

// Commands say the same of a running controller as of the manifests that it has.
func TestCommandsAskAController(t *testing.T) {
	t.Parallel()
	r := startRunning(t, quickstart, manifest(t, strings.ReplaceAll(broken, "www", "broken")))
	for _, c := range []struct {
		args []string
		code int
		out  []string
		err  string
	}{
		{args: []string{"explain", "http://www.example.com/api/x", "--expect-service=default/api"}, out: []string{
			"GET http://www.example.com/api/x -> answered by Service default/api\n", "spec.routes[1]", "default/api as www.example.com/x",
		}},
		{args: []string{"explain", "http://127.0.0.1:8080/hello", "-H", "Host: ingress.example.com"}, out: []string{"answered by Service default/web"}},
		{args: []string{"explain", "http://broken.example.com/", "--expect=200"}, code: 3, out: []string{"503: HTTPProxy default/broken spec.routes[0].services[0]: Service \"default/gone\" does not exist"}},
		{args: []string{"explain", "https://shop.example.com", "--websocket"}, out: []string{"403: HTTPProxy default/shop spec.routes[0] does not permit WebSockets\n"}},
		{args: []string{"explain", "http://www.example.com/", "-H", "x: " + strings.Repeat("a", 60<<10)}, code: 1, err: "contour: cannot tell: "},
		{args: []string{"routes", "www.example.com"}, out: []string{"http://www.example.com (listener ingress_http)\n", "prefix /  ", "HTTPProxy default/www"}},
		{args: []string{"routes", "none.example"}, code: 1, err: "no host none.example is served"},
		{args: []string{"validate"}, code: 3, out: []string{"error: HTTPProxy default/broken: spec.routes[0].services[0]: ServiceUnresolvedReference: "}, err: "1 errors, 0 warnings"},
		{args: []string{"validate", "-n", "other"}},
		{args: []string{"status"}, out: []string{"Standalone", "0 of 0 in sync", "no Envoy is connected", "objects: 1 invalid, 0 orphaned, 0 with warnings\n  HTTPProxy default/broken: Invalid: "}},
		{args: []string{"status", "--exit-code"}, code: 3},
		{args: []string{"status", "HTTPProxy/default/www"}, out: []string{"HTTPProxy default/www: Valid", "condition: Valid=True", "host: www.example.com (listener ingress_http)", "Envoys: 0 of 0 have it"}},
		{args: []string{"status", "HTTPProxy/default/www", "--exit-code"}, code: 3, out: []string{"Envoys: 0 of 0 have it"}},
		{args: []string{"status", "HTTPProxy/default/www", "--generation=2"}, code: 2, err: "--generation: it is for an object, with --exit-code"},
		{args: []string{"status", "--exit-code", "--generation=2"}, code: 2, err: "--generation: it is for an object, with --exit-code"},
		{args: []string{"status", "HTTPProxy/default/broken", "--exit-code"}, code: 3, out: []string{"Invalid", "ServiceUnresolvedReference"}},
		{args: []string{"status", "HTTPProxy/default/none"}, code: 1, err: "there is no HTTPProxy default/none"},
		{args: []string{"status", "www"}, code: 2, err: "HTTPProxy/default/www"},
		{args: []string{"changes"}, out: []string{"TIME", "resources", "and ", "no Envoy connected"}},
		{args: []string{"changes", "--object=HTTPProxy/default/none"}, out: []string{"no changes"}},
		{args: []string{"xds"}, out: []string{"ENVOY"}},
		{args: []string{"xds", "--rejected"}, out: []string{"nothing is rejected"}},
		{args: []string{"xds", "cds", "api"}, out: []string{"CDS default/api/80/", "Service default/api", "VERSION"}},
		{args: []string{"xds", "cds", "--node=none"}, code: 1, err: "no Envoy"},
		{args: []string{"xds", "xyz"}, code: 2, err: `"xyz" is not one of cds, `},
		{args: []string{"explain", "http://a/", "--ingress-class-name=x"}, code: 2, err: "--ingress-class-name: it is for the manifests of --filename"},
		{args: []string{"validate", "-f", quickstart}, code: 2, err: "--address: it is for a running controller"},
	} {
		code, out, errs := r.ask(c.args...)
		if code != c.code || !strings.Contains(errs, c.err) {
			t.Errorf("%v: exit code %d\n%s%s", c.args, code, out, errs)
		}
		for _, part := range c.out {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(part), " ")) {
				t.Errorf("%v: no %q in\n%s", c.args, part, out)
			}
		}
	}
	code, _, errs := runMain("status", "--address=127.0.0.1:1")
	if code != 1 || !strings.Contains(errs, "controller 127.0.0.1:1: ") {
		t.Errorf("no controller: %d %s", code, errs)
	}
}

// The answers about a running controller are those about its manifests, except for files and lines: the model has only the resources that a request needs.
func TestLiveAnswersAreThoseOfFiles(t *testing.T) {
	t.Parallel()
	r := startRunning(t, quickstart)
	without := func(text string) any {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return withoutPositions(v)
	}
	for _, args := range [][]string{
		{"explain", "http://www.example.com/api/users"},
		{"explain", "http://www.example.com/"},
		{"explain", "https://shop.example.com/x"},
		{"explain", "http://shop.example.com/x"},
		{"explain", "https://shop.example.com", "--websocket"},
		{"explain", "https://shop.example.com", "--sni=-"},
		{"explain", "https://shop.example.com/", "-H", "Host: www.example.com"},
		{"explain", "http://none.example/"},
		{"explain", "http://ww.example.com/"},
		{"explain", "http://ingress.example.com/none"},
		{"explain", "http://www.example.com/a%00"},
		{"explain", "http://www.example.com/", "--http2"},
		{"routes"},
		{"validate"},
	} {
		_, live, _ := r.ask(append(args, "-o", "json")...)
		_, files, _ := runMain(append(args, "-o", "json", "-f", quickstart)...)
		if d := cmp.Diff(without(files), without(live)); d != "" {
			t.Errorf("%v (-files +live): %s", args, d)
		}
	}
}

// A route that is served by one of its Gateways, while another one does not exist, has the same diagnostic as in files.
func TestValidatePartlyValidRoute(t *testing.T) {
	t.Parallel()
	manifests := manifest(t, `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: here, namespace: a}
spec: {gatewayClassName: contour, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: a}
spec: {ports: [{port: 80}], selector: {app: s}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: a}
spec:
  parentRefs: [{name: here}, {name: gone}]
  rules: [{backendRefs: [{name: s, port: 80}]}]
`)
	r := startRunning(t, manifests)
	for _, where := range []string{"--address=" + r.address, "-f=" + manifests} {
		code, out, errs := runMain("validate", "--fail-on=warning", where)
		if code != 3 || !strings.Contains(out, "spec.parentRefs[1]: ParentMissing: ") || !strings.Contains(out, "HTTPRoute a/r") {
			t.Errorf("%s: exit code %d\n%s%s", where, code, out, errs)
		}
	}
}

// withoutPositions removes files and lines from a value of JSON.
func withoutPositions(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "file")
		delete(v, "line")
		for _, x := range v {
			withoutPositions(x)
		}
	case []any:
		for _, x := range v {
			withoutPositions(x)
		}
	}
	return v
}

// An Envoy that lags, and one that rejects something, are shown with the reason, and change the exit code.
func TestStatusOfEnvoys(t *testing.T) {
	t.Parallel()
	r := startRunning(t, quickstart)
	of := r.fleets.Get(ir.DefaultFleet)
	w := of.Watch("strict")
	t.Cleanup(w.Close)
	ref := table.Ref{Type: table.Cluster}
	for v := range of.Scan() {
		if v.Ref.Type == table.Cluster && strings.Contains(v.Ref.Name, "default/api/") {
			ref = v.Ref
		}
	}
	w.Reject(w.Get(ref), "no such thing", nil)
	code, out, _ := r.ask("status", "--exit-code")
	if code != 3 || !strings.Contains(out, "rejected: CDS "+ref.Name) || !strings.Contains(out, "no such thing") {
		t.Errorf("exit code %d: %s", code, out)
	}
	code, out, _ = r.ask("xds", "--rejected", "--node=strict", "-o", "json")
	var list apiv1.List[apiv1.Rejection]
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list.Items) != 1 || list.Items[0].Nodes[0] != "strict" {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

// replicaWith is the API of a replica that has these documents, by path.
func replicaWith(t *testing.T, documents map[string]any) *apiclient.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, ok := documents[strings.TrimPrefix(r.URL.Path, apiv1.Path)]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			d = apiv1.Error{Type: apiv1.TypeOf("Error"), Code: http.StatusNotFound, Message: "there is none"}
		}
		_ = json.NewEncoder(w).Encode(d)
	}))
	t.Cleanup(s.Close)
	return apiclient.At(strings.TrimPrefix(s.URL, "http://"))
}

// The answer about an object is yes if each replica serves the generation, and all Envoys of each have it.
func TestExitCodeOfAnObject(t *testing.T) {
	t.Parallel()
	good := apiv1.ObjectReport{
		Type:       apiv1.TypeOf("ObjectReport"),
		ObjectItem: apiv1.ObjectItem{Object: apiv1.Object{Kind: "HTTPProxy", Namespace: "a", Name: "b"}, State: apiv1.Valid, Generation: 7},
		Envoys:     []apiv1.ObjectSync{{Node: "e", Has: true, State: apiv1.InSync}}, EnvoyCount: 200, Have: 200,
	}
	with := func(change func(*apiv1.ObjectReport)) apiv1.ObjectReport {
		o := good
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		second     apiv1.ObjectReport
		generation int64
		no         bool
	}{
		"all have it":                        {second: good},
		"the generation is served":           {second: good, generation: 7},
		"a later generation is served":       {second: good, generation: 6},
		"another generation":                 {second: good, generation: 8, no: true},
		"a former generation of one replica": {second: with(func(o *apiv1.ObjectReport) { o.Generation = 6 }), generation: 7, no: true},
		"one of many Envoys, not listed":     {second: with(func(o *apiv1.ObjectReport) { o.Have = 199 }), no: true},
		"no Envoy of one replica":            {second: with(func(o *apiv1.ObjectReport) { o.Envoys, o.Have, o.EnvoyCount = nil, 0, 0 })},
		"not served":                         {second: with(func(o *apiv1.ObjectReport) { o.State = apiv1.NotServed }), no: true},
		"errors":                             {second: with(func(o *apiv1.ObjectReport) { o.Errors = 1 }), no: true},
		"rejected":                           {second: with(func(o *apiv1.ObjectReport) { o.Rejections = []apiv1.Rejection{{Resource: "RDS r"}} }), no: true},
	} {
		var out strings.Builder
		path := "objects/HTTPProxy/a/b"
		f := &statusFlags{liveFlags: liveFlags{timeout: time.Minute}, exitCode: true, generation: c.generation, output: "text"}
		err := f.one(t.Context(), &out, []*apiclient.Client{replicaWith(t, map[string]any{path: good}), replicaWith(t, map[string]any{path: c.second})}, good.Object)
		if got := errors.Is(err, answerNo); got != c.no || !got && err != nil {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
		f.exitCode = false
		if err := f.one(t.Context(), io.Discard, []*apiclient.Client{replicaWith(t, map[string]any{path: c.second})}, good.Object); err != nil {
			t.Errorf("%s: without --exit-code: %v", name, err)
		}
	}
}

// A replica that cannot be read has a row, and the exit code says so; the others are shown.
func TestUnreadReplica(t *testing.T) {
	t.Parallel()
	envoy := apiv1.Envoy{Node: "envoy-1", State: apiv1.InSync}
	documents := map[string]any{
		"info":       apiv1.Info{Type: apiv1.TypeOf("Info"), Version: "v1"},
		"envoys":     apiv1.List[apiv1.Envoy]{Type: apiv1.TypeOf("EnvoyList"), Items: []apiv1.Envoy{envoy}},
		"rejections": apiv1.List[apiv1.Rejection]{Type: apiv1.TypeOf("RejectionList")},
		"objects":    apiv1.List[apiv1.ObjectItem]{Type: apiv1.TypeOf("ObjectList")},
		"resources":  apiv1.List[apiv1.Resource]{Type: apiv1.TypeOf("ResourceList"), Items: []apiv1.Resource{{Type: "RDS", Name: "r"}}},
		"objects/HTTPProxy/a/b": apiv1.ObjectReport{
			Type: apiv1.TypeOf("ObjectReport"), ObjectItem: apiv1.ObjectItem{Object: apiv1.Object{Kind: "HTTPProxy", Namespace: "a", Name: "b"}, State: apiv1.Valid},
			EnvoyCount: 1, Have: 1,
		},
	}
	gone := apiclient.Unreachable("contour-2", errors.New("connection refused"))
	to := []*apiclient.Client{gone, replicaWith(t, documents)}
	live := liveFlags{timeout: time.Minute}
	for name, c := range map[string]struct {
		run  func(io.Writer, string) error
		want string
	}{
		"status": {func(w io.Writer, o string) error {
			return (&statusFlags{liveFlags: live, output: o}).all(t.Context(), w, to)
		}, "envoy-1"},
		"status of an object": {func(w io.Writer, o string) error {
			return (&statusFlags{liveFlags: live, output: o}).one(t.Context(), w, to, apiv1.Object{Kind: "HTTPProxy", Namespace: "a", Name: "b"})
		}, "HTTPProxy"},
		"xds": {func(w io.Writer, o string) error {
			return (&xdsFlags{liveFlags: live, output: o}).run(t.Context(), w, to, nil)
		}, "envoy-1"},
		"xds --rejected": {func(w io.Writer, o string) error {
			return (&xdsFlags{liveFlags: live, output: o, rejected: true}).run(t.Context(), w, to, nil)
		}, ""},
	} {
		for _, format := range []string{"text", "json"} {
			var out strings.Builder
			err := c.run(&out, format)
			if !errors.Is(err, answerNo) || !strings.Contains(out.String(), "contour-2") || !strings.Contains(out.String(), "connection refused") || !strings.Contains(out.String(), c.want) {
				t.Errorf("%s -o %s: %v\n%s", name, format, err, out.String())
			}
		}
	}
	var out strings.Builder
	if err := (&xdsFlags{liveFlags: live, output: "text"}).run(t.Context(), &out, to, []string{"rds"}); err != nil || !strings.Contains(out.String(), "RDS") {
		t.Errorf("resources of the replica that can be read: %v\n%s", err, out.String())
	}
	if err := (&statusFlags{liveFlags: live}).all(t.Context(), io.Discard, to[:1]); err == nil || errors.Is(err, answerNo) {
		t.Errorf("no replica can be read: %v", err)
	}
}

// A watch begins with what is selected, goes on after it, and notices that the controller has been started again.
func TestWatchedChanges(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	page := apiv1.Page{Revision: 900, Started: time.Unix(100, 0)}
	var asked []string
	items := map[string][]apiv1.Change{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		q := r.URL.Query()
		q.Del("limit")
		asked = append(asked, q.Encode())
		_ = json.NewEncoder(w).Encode(apiv1.List[apiv1.Change]{Type: apiv1.TypeOf("ChangeList"), Page: &page, Items: items[q.Encode()]})
	}))
	t.Cleanup(s.Close)
	c := apiclient.At(strings.TrimPrefix(s.URL, "http://"))
	f := &changesFlags{liveFlags: liveFlags{timeout: time.Minute}, since: time.Minute, watch: true, limit: 50}
	q := url.Values{"since": {"1m0s"}}
	var out strings.Builder
	last, err := f.once(t.Context(), &out, c, q)
	if err != nil || last.id != 900 {
		t.Fatalf("nothing is selected, the watch begins after change %d, want 900: %v", last.id, err)
	}
	items["after=900"] = []apiv1.Change{{ID: 901, Statuses: 11}}
	if last, err = f.next(t.Context(), &out, c, q, last); err != nil || last.id != 901 {
		t.Errorf("%+v, %v", last, err)
	}
	mu.Lock()
	page = apiv1.Page{Revision: 2, Started: time.Unix(200, 0)}
	items["after=0"] = []apiv1.Change{{ID: 2, Statuses: 22}, {ID: 1, Statuses: 21}}
	mu.Unlock()
	if last, err = f.next(t.Context(), &out, c, q, last); err != nil || last.id != 2 {
		t.Errorf("after a restart: %+v, %v", last, err)
	}
	text := out.String()
	order := []string{"11 statuses", "the controller has been started again", "21 statuses", "22 statuses"}
	for _, part := range order {
		_, rest, found := strings.Cut(text, part)
		if !found {
			t.Fatalf("no %q in order %v:\n%s\nasked %q", part, order, out.String(), asked)
		}
		text = rest
	}
}

// What is seldom is printed in words, too.
func TestTexts(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for want, got := range map[string]string{
		"waits for 4s: RDS r needs CDS x":             envoyText(&apiv1.Envoy{State: apiv1.Waiting, Since: ago(4 * time.Second), Blocked: []apiv1.Blocked{{Resource: "RDS r", Needs: "CDS x"}}}, now),
		"waits for 3m: does not answer for LDS https": envoyText(&apiv1.Envoy{State: apiv1.Waiting, Since: ago(3 * time.Minute), InFlight: []string{"LDS https"}}, now),
		"waits: 7 resources are to be sent":           envoyText(&apiv1.Envoy{State: apiv1.Waiting, Pending: 7}, now),
		"in sync":                                     envoyText(&apiv1.Envoy{State: apiv1.InSync}, now),
		"rejects 2: RDS r a.example of HTTPProxy a/b: bad": envoyText(&apiv1.Envoy{State: apiv1.Rejects, RejectionCount: 2, Rejections: []apiv1.Rejection{{
			Resource: "RDS r", Part: "a.example", Message: "bad", Objects: []apiv1.Object{*apiv1.ObjectOf(kobj.Of(kobj.HTTPProxy, "a", "b"))},
		}}}, now),
		"1 hosts, 2 resources (300 B), published after 1.5ms, 2 of 3 Envoys have it": changeText(&apiv1.Change{
			Seen: now, Published: now.Add(1500 * time.Microsecond), Hosts: 1, Resources: 2, Bytes: 300, Envoys: 3, Acknowledged: 2,
		}),
		"1 hosts, 2 resources (20 kB), published after 1ms, 2 Envoys have it after 5ms to 9ms, b last": changeText(&apiv1.Change{
			Seen: now, Published: now.Add(time.Millisecond), Hosts: 1, Resources: 2, Bytes: 20_000, Envoys: 2, Acknowledged: 2,
			First: now.Add(5 * time.Millisecond), Last: now.Add(9 * time.Millisecond), Slowest: "b",
		}),
		"nothing sent, 1 statuses": changeText(&apiv1.Change{Statuses: 1}),
		"5d":                       age(ago(5*24*time.Hour), now),
		"3h":                       age(ago(3*time.Hour), now),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// serve has the API on its debug listener, with the protection of the debug pages.
func TestAPIIsOnTheDebugListener(t *testing.T) {
	t.Parallel()
	kubeconfig := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(kubeconfig, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &controller{core: newCore(config.Default(), slog.New(slog.DiscardHandler))}
	c.core.identity = c.identity
	c.process.Debug = config.Address{Host: "127.0.0.1", Port: 1}
	mux := c.handlers().on(socketOf(c.process.Debug))
	for host, want := range map[string]int{"127.0.0.1:1": http.StatusOK, "evil.example": http.StatusForbidden} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/api/v1/envoys", http.NoBody)
		mux.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
	code, _, errs := runMain("status", "--kubeconfig="+kubeconfig)
	if code != 1 || !strings.Contains(errs, "no running controller can be asked") {
		t.Error(fmt.Sprint(code, errs))
	}
}
