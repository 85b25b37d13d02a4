package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/api"
	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

type inspector func(context.Context, func(api.View)) bool

// controller is a pipeline with n proxies, and the server of its API.
type controller struct {
	t        testing.TB
	pipeline *pipeline.Pipeline
	fleets   *fleet.Tables
	history  *history.History
	api      *api.API
	server   *httptest.Server
	sessions []server.Session
}

// start returns a controller; around is called with what reads the stages, and returns what the API calls.
func start(t testing.TB, n int, around func(p *pipeline.Pipeline, direct inspector) inspector) *controller {
	t.Helper()
	c := &controller{t: t, fleets: fleet.New(nil), history: history.New()}
	c.pipeline = pipeline.New(pipeline.Options{Config: config.Default(), Fleets: c.fleets, Log: slog.New(slog.DiscardHandler), Now: stagetest.Now})
	direct := func(_ context.Context, f func(api.View)) bool { f(view(c.pipeline)); return true }
	if around != nil {
		direct = around(c.pipeline, direct)
	}
	s := server.New(server.Options{Fleet: c.fleets.Get})
	c.api = api.New(api.Sources{
		Inspect: direct, Fleets: c.fleets, Sessions: func() []server.Session { return slices.Clone(c.sessions) }, Acked: s.Acked, History: c.history,
		Version: "v1", Build: "abc", Started: stagetest.Now(), Now: time.Now, Identity: func() (string, string) { return "replica", apiv1.Leader },
		Published: func() bool { return true },
	})
	mux := http.NewServeMux()
	c.api.Register(mux)
	c.server = httptest.NewServer(mux)
	t.Cleanup(c.server.Close)
	batch := backend()
	for i := range n {
		batch = append(batch, proxy(i, "/"))
	}
	c.step(batch...)
	return c
}

// backend is a Service with an endpoint.
func backend() []store.Change {
	return []store.Change{
		{Key: key(kobj.Service, "s"), Object: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "s"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}},
		{Key: key(kobj.EndpointSlice, "s-1"), Object: &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "team", Name: "s-1", Labels: map[string]string{discoveryv1.LabelServiceName: "s"}},
			AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: new(int32(8080)), Name: new("")}},
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.7"}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
		}},
	}
}

// step runs an iteration of the pipeline and makes it known, as the controller does.
func (c *controller) step(batch ...store.Change) {
	c.record(c.pipeline.Step(batch))
}

func (c *controller) record(r pipeline.Result) {
	c.api.Follow(api.Changes{Statuses: r.Statuses, Hosts: r.Hosts})
	c.history.Record(history.Change{
		Seen: time.Now(), Published: time.Now(), Named: r.Named, Objects: r.Objects, Hosts: len(r.Hosts), Statuses: len(r.Statuses),
		Resources: r.Published, Bytes: r.Bytes, Seqs: r.Seqs,
	})
}

func view(p *pipeline.Pipeline) api.View {
	return api.View{Store: p.Store, Compile: p.Compile, Status: p.Status}
}

func key(k kobj.Kind, name string) kobj.Key { return kobj.Of(k, "team", name) }

func named(i int) string { return fmt.Sprintf("p%05d", i) }

func proxy(i int, prefix string) store.Change {
	return store.Change{Key: key(kobj.HTTPProxy, named(i)), Object: &contourv1.HTTPProxy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: named(i), Generation: 1},
		Spec: contourv1.HTTPProxySpec{
			VirtualHost: &contourv1.VirtualHost{Fqdn: named(i) + ".example.com"},
			Routes: []contourv1.Route{{
				Conditions: []contourv1.MatchCondition{{Prefix: prefix}},
				Services:   []contourv1.Service{{Name: "s", Port: 80}},
			}},
		},
	}}
}

// broken is a proxy whose Service does not exist.
func broken(i int) store.Change {
	c := proxy(i, "/")
	c.Object.(*contourv1.HTTPProxy).Spec.Routes[0].Services[0].Name = "gone"
	return c
}

func deleted(i int) store.Change { return store.Change{Key: key(kobj.HTTPProxy, named(i))} }

// get returns the code and body of an answer.
func (c *controller) get(path string) (int, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.server.URL+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// read decodes an answer.
func read[T any](c *controller, path string) (out T) {
	c.t.Helper()
	code, text := c.get("/api/v1/" + path)
	if code != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, code, text)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		c.t.Fatalf("%s: %v: %s", path, err, text)
	}
	return out
}

// all reads all pages of a list.
func all[T any](c *controller, path string) (items []T, pages int) {
	c.t.Helper()
	for next := path; ; {
		list := read[apiv1.List[T]](c, next)
		items, pages = append(items, list.Items...), pages+1
		if list.Page.Continue == "" {
			return items, pages
		}
		if pages > 10_000 {
			c.t.Fatalf("%s never ends", path)
		}
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		next = path + separator + "continue=" + list.Page.Continue
	}
}

func token(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"k":"` + key + `"}`))
}

func names(items []apiv1.ObjectItem) string {
	var out []string
	for _, o := range items {
		out = append(out, o.Object.Name)
	}
	return strings.Join(out, " ")
}

// A list is complete and in order, whatever the size of its pages, also after changes.
func TestPagesAreTheList(t *testing.T) {
	t.Parallel()
	const n = 250
	c := start(t, n, nil)
	check := func(what string, want []int) {
		t.Helper()
		var wanted []string
		for _, i := range want {
			wanted = append(wanted, named(i))
		}
		for _, limit := range []int{1, 7, 1000} {
			objects, pages := all[apiv1.ObjectItem](c, fmt.Sprintf("objects?limit=%d&kind=HTTPProxy", limit))
			if got := names(objects); got != strings.Join(wanted, " ") {
				t.Errorf("%s: limit %d: %s", what, limit, got)
			}
			if least := (len(want) + limit - 1) / limit; pages != least {
				t.Errorf("%s: limit %d: %d pages, want %d", what, limit, pages, least)
			}
			hosts, _ := all[apiv1.Host](c, fmt.Sprintf("hosts?limit=%d", limit))
			routes, _ := all[apiv1.HostRoutes](c, fmt.Sprintf("routes?limit=%d", limit))
			if len(hosts) != len(want) || len(routes) != len(want) {
				t.Fatalf("%s: limit %d: %d hosts, %d with routes", what, limit, len(hosts), len(routes))
			}
			for i, name := range wanted {
				if hosts[i].Host != name+".example.com" || routes[i].Host != hosts[i].Host || routes[i].Routes[0].Match == "" {
					t.Errorf("%s: %+v %+v", what, hosts[i], routes[i])
				}
			}
		}
	}
	var want []int
	for i := range n {
		want = append(want, i)
	}
	check("the first time", want)
	c.step(deleted(3), deleted(0), proxy(300, "/"))
	want = append(append([]int{1, 2}, want[4:]...), 300)
	check("few changes", want)
	var batch []store.Change
	for i := range 200 {
		batch = append(batch, deleted(i))
	}
	c.step(batch...)
	check("many changes", want[slices.Index(want, 200):])
}

// Filters select on the server; a parameter that has no meaning is an error, and not ignored.
func TestFilters(t *testing.T) {
	t.Parallel()
	c := start(t, 20, nil)
	c.step(broken(5), broken(6))
	for query, want := range map[string]string{
		"search=P00007":                         named(7),
		"search=p00007.example":                 named(7),
		"severity=error":                        named(5) + " " + named(6),
		"state=Invalid&limit=1":                 named(5),
		"state=Valid&search=p0000&limit=3":      named(0) + " " + named(1) + " " + named(2),
		"namespace=other":                       "",
		"namespace=team&kind=HTTPProxy&limit=2": named(0) + " " + named(1),
	} {
		if got := names(read[apiv1.List[apiv1.ObjectItem]](c, "objects?"+query).Items); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	found, _ := all[apiv1.Diagnostic](c, "diagnostics?limit=1&severity=error")
	if len(found) != 2 || found[1].Object.Name != named(6) || found[1].Field != "spec.routes[0].services[0]" || found[1].Reason == "" {
		t.Errorf("%+v", found)
	}
	for path, want := range map[string]string{
		"objects?sevrity=error":         `did you mean \"severity\"?`,
		"objects?severity=bad":          "is not one of error, warning, note",
		"objects?state=valid":           "is not one of Valid",
		"objects?limit=0":               "between 1 and 1000",
		"objects?limit=1001":            "between 1 and 1000",
		"objects?continue=x":            "continue: ",
		"hosts?continue=" + token("a"):  "continue: ",
		"objects?kind=a&kind=b":         "there are 2 of it",
		"resources?type=XDS":            "is not one of CDS",
		"changes?since=yesterday":       "no duration",
		"changes?object=a":              "is not kind/namespace/name",
		"explain?url=x":                 "no URL",
		"explain?url=http://a&header=x": "no colon",
	} {
		code, text := c.get("/api/v1/" + path)
		if code != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	for _, path := range []string{"/api/v1/nothing", "/api/v1/objects/HTTPProxy/team/none", "/api/v1/objects/Secret/team/s", "/api/v1/resources?fleet=none", "/api/v1/resources?node=none"} {
		if code, text := c.get(path); code != http.StatusNotFound || !strings.Contains(text, `"kind":"Error"`) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	response, err := http.Post(c.server.URL+"/api/v1/objects", "text/plain", http.NoBody)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v %v", response, err)
	}
	_ = response.Body.Close()
}

// Pages say whether they are of one time.
func TestPagesSayThatTheListHasChanged(t *testing.T) {
	t.Parallel()
	c := start(t, 20, nil)
	first := read[apiv1.List[apiv1.ObjectItem]](c, "objects?limit=5").Page
	same := read[apiv1.List[apiv1.ObjectItem]](c, "objects?limit=5&continue="+first.Continue).Page
	c.step(proxy(3, "/other"))
	changed := read[apiv1.List[apiv1.ObjectItem]](c, "objects?limit=5&continue="+same.Continue).Page
	if first.Changed || same.Changed || !changed.Changed || changed.Revision != first.Revision+1 {
		t.Errorf("%+v %+v %+v", first, same, changed)
	}
}

// lists are the paths of lists that depend on the number of objects.
func lists() []string {
	return []string{
		"objects", "objects?search=p0009", "diagnostics", "hosts", "hosts?search=p0009", "routes", "changes", "envoys", "rejections", "resources", "info",
		"objects/HTTPProxy/team/" + named(42),
	}
}

// The work for a page that the pipeline waits for is the same, whatever the number of objects; that for the first page is
// done in steps, each of which is small.
func TestWorkInThePipelineDoesNotGrow(t *testing.T) {
	const mostAllocations = 16
	type work struct{ waits, allocations uint64 }
	measure := func(n int) map[string]work {
		var now work
		c := start(t, n, func(p *pipeline.Pipeline, _ inspector) inspector {
			return func(_ context.Context, f func(api.View)) bool {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				f(view(p))
				runtime.ReadMemStats(&after)
				got := after.Mallocs - before.Mallocs
				if got > mostAllocations {
					t.Errorf("%d objects: %d allocations while the pipeline waits", n, got)
				}
				now.waits, now.allocations = now.waits+1, now.allocations+got
				return true
			}
		})
		out := map[string]work{}
		for _, path := range lists() { // makes the indexes
			c.get("/api/v1/" + path)
		}
		if least := uint64(2 * n / 1024); now.waits < least {
			t.Errorf("%d objects: the indexes are made in %d steps, want at least %d", n, now.waits, least)
		}
		for _, path := range lists() {
			c.step(proxy(7, fmt.Sprint("/", len(out)))) // the indexes follow
			now = work{}
			c.get("/api/v1/" + path)
			out[path] = now
		}
		return out
	}
	small, large := measure(100), measure(5000)
	for _, path := range lists() {
		if small[path].waits != large[path].waits || large[path].waits > 2 {
			t.Errorf("%s: the pipeline waits %d times with 100 objects and %d times with 5000", path, small[path].waits, large[path].waits)
		}
	}
}

// A change is listed with the objects that caused it, what it led to, and who has it.
func TestChanges(t *testing.T) {
	t.Parallel()
	c := start(t, 30, nil)
	c.history.Join(1, "a", ir.DefaultFleet)
	c.history.Join(2, "b", ir.DefaultFleet)
	c.step(proxy(25, "/other"))
	seq := c.fleets.Get(ir.DefaultFleet).Seq()
	c.history.Acknowledge(2, ir.DefaultFleet, seq, time.Unix(100, 0))
	list := read[apiv1.List[apiv1.Change]](c, "changes?limit=1")
	if len(list.Items) != 1 || list.Page.Continue == "" {
		t.Fatalf("%+v", list)
	}
	x := list.Items[0]
	if x.ObjectCount != 1 || x.Objects[0] != *apiv1.ObjectOf(key(kobj.HTTPProxy, named(25))) || x.Hosts != 1 || x.Resources != 1 || x.Bytes < 100 {
		t.Errorf("%+v", x)
	}
	if x.Envoys != 2 || x.Acknowledged != 1 || x.Slowest != "b" || !x.First.Equal(time.Unix(100, 0)) {
		t.Errorf("%+v", x)
	}
	older, _ := all[apiv1.Change](c, "changes?limit=1")
	if len(older) != 2 || older[1].ObjectCount != 32 || len(older[1].Objects) != 20 {
		t.Errorf("%+v", older)
	}
	of, _ := all[apiv1.Change](c, "changes?object=HTTPProxy/team/"+named(25)+"&since=1h")
	after, _ := all[apiv1.Change](c, "changes?after=1")
	if len(of) != 1 || len(after) != 1 || of[0].ID != 2 {
		t.Errorf("%+v %+v", of, after)
	}
}

// rejects makes an Envoy reject a resource as it is wanted now.
func (c *controller) rejects(node string, ref table.Ref, words string) {
	c.t.Helper()
	w := c.fleets.Get(ir.DefaultFleet).Watch(node)
	c.t.Cleanup(w.Close)
	for range 20 { // until it is known which parts
		v := w.Get(ref)
		if v == nil || len(c.fleets.Rejections()) > 0 {
			break
		}
		w.Reject(v, words, nil)
	}
	if len(c.fleets.Rejections()) == 0 {
		c.t.Fatalf("%s is not rejected", ref)
	}
}

// An Envoy is in sync, waits for something since a time, or rejects something, with its words, and the objects that it is about.
func TestEnvoys(t *testing.T) {
	t.Parallel()
	c := start(t, 3, nil)
	t1 := time.Unix(1000, 0).UTC()
	cds := table.Ref{Type: table.Cluster, Name: "x"}
	add := func(id uint64, node string, behind time.Time, s session.Snapshot) {
		c.history.Join(id, node, ir.DefaultFleet)
		c.sessions = append(c.sessions, server.Session{
			Peer: server.Peer{ID: id, Node: node, Fleet: ir.DefaultFleet}, Version: "1.40.0", Since: t1, Seq: c.fleets.Get(ir.DefaultFleet).Seq(), Behind: behind, Snapshot: s,
		})
	}
	add(1, "good", time.Time{}, session.Snapshot{})
	add(2, "slow\x1b[2J", t1, session.Snapshot{Waiting: 1, Blocked: []session.Blocked{{Ref: table.Ref{Type: table.Route, Name: "r"}, Needs: cds}}})
	add(3, "strict", time.Time{}, session.Snapshot{})
	c.history.Acknowledge(1, ir.DefaultFleet, c.fleets.Get(ir.DefaultFleet).Seq(), t1)
	var route table.Ref
	for v := range c.fleets.Get(ir.DefaultFleet).Scan() {
		if v.Ref.Type == table.Route && len(v.Origins(1)) > 0 {
			route = v.Ref
		}
	}
	c.rejects("strict", route, "bad p00001.example.com: Bearer abcdefgh")
	list, _ := all[apiv1.Envoy](c, "envoys?limit=1")
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	if e := list[0]; e.Node != "good" || e.State != apiv1.InSync || !e.Since.IsZero() || e.Version != "1.40.0" || !e.Connected.Equal(t1) || e.Replica != "replica" {
		t.Errorf("%+v", e)
	}
	if e := list[1]; e.Node != "slow [2J" || e.State != apiv1.Waiting || !e.Since.Equal(t1) || len(e.Blocked) != 1 || e.Blocked[0].Needs != "CDS x" {
		t.Errorf("%+v", e)
	}
	e := list[2]
	if e.State != apiv1.Rejects || e.RejectionCount != 1 || e.Rejections[0].Message != "bad p00001.example.com: Bearer ****" || len(e.Rejections[0].Objects) == 0 {
		t.Fatalf("%+v", e)
	}
	if rejects, _ := all[apiv1.Envoy](c, "envoys?state=Rejects"); len(rejects) != 1 {
		t.Errorf("%+v", rejects)
	}
	if all, _ := all[apiv1.Rejection](c, "rejections?node=strict"); len(all) != 1 || all[0].Resource != route.String() {
		t.Errorf("%+v", all)
	}
	o := e.Rejections[0].Objects[0]
	report := read[apiv1.ObjectReport](c, "objects/HTTPProxy/team/"+o.Name)
	if len(report.Rejections) != 1 || len(report.Hosts) != 1 || len(report.Envoys) != 3 || report.Envoys[1].Has || report.Envoys[1].State != apiv1.Rejects || !report.Envoys[2].Has || report.Have != 1 || report.EnvoyCount != 3 {
		t.Errorf("%+v", report)
	}
	if len(report.Conditions) == 0 || report.Conditions[0].Type != "Valid" || report.LastChange == nil {
		t.Errorf("%+v", report)
	}
	info := read[apiv1.Info](c, "info")
	if f := info.Fleets[0]; f.Envoys != 3 || f.InSync != 1 || info.Role != apiv1.Leader || info.Objects["HTTPProxy"] != 3 {
		t.Errorf("%+v", info)
	}
}

// What is rejected concerns all of its objects, also those that are not named in the list, and all Envoys count, also those that are not named.
func TestObjectCountsAllEnvoys(t *testing.T) {
	t.Parallel()
	const proxies, envoys = 30, 130
	c := start(t, 0, nil)
	root := proxy(0, "/")
	batch := []store.Change{root}
	for i := 1; i < proxies; i++ { // that the root includes
		child := proxy(i, "/")
		child.Object.(*contourv1.HTTPProxy).Spec.VirtualHost = nil
		spec := &root.Object.(*contourv1.HTTPProxy).Spec
		spec.Includes = append(spec.Includes, contourv1.Include{Name: named(i), Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprint("/", i)}}})
		batch = append(batch, child)
	}
	c.step(batch...)
	seq := c.fleets.Get(ir.DefaultFleet).Seq()
	for i := range uint64(envoys) {
		node := fmt.Sprintf("e%03d", i)
		c.history.Join(i+1, node, ir.DefaultFleet)
		c.sessions = append(c.sessions, server.Session{Peer: server.Peer{ID: i + 1, Node: node, Fleet: ir.DefaultFleet}, Seq: seq})
		if i != envoys-1 {
			c.history.Acknowledge(i+1, ir.DefaultFleet, seq, time.Unix(100, 0))
		}
	}
	report := read[apiv1.ObjectReport](c, "objects/HTTPProxy/team/"+named(7))
	if report.EnvoyCount != envoys || report.Have != envoys-1 || len(report.Envoys) != 100 || report.Envoys[0].Node != "e129" || report.Envoys[0].Has {
		t.Errorf("%d of %d have it, %d are listed, the first is %+v", report.Have, report.EnvoyCount, len(report.Envoys), report.Envoys[0])
	}
	c.rejects("e000", table.Ref{Type: table.Route, Name: "ingress_http"}, "bad p00000.example.com")
	report = read[apiv1.ObjectReport](c, "objects/HTTPProxy/team/"+named(proxies-1))
	if len(report.Rejections) != 1 || len(report.Rejections[0].Objects) != 20 || report.Have != envoys-2 || report.Envoys[0].State != apiv1.Rejects {
		t.Errorf("%d of %d have it; %+v; %+v", report.Have, report.EnvoyCount, report.Rejections, report.Envoys[0])
	}
	if other := read[apiv1.List[apiv1.Rejection]](c, "rejections?node=e001"); len(other.Items) != 0 {
		t.Errorf("%+v", other.Items)
	}
}

// A page of diagnostics is filtered before it is cut.
func TestDiagnosticsOfASeverity(t *testing.T) {
	t.Parallel()
	c := start(t, 0, nil)
	var batch []store.Change
	for i := range 250 { // of another controller: a note for each
		other := proxy(i, "/")
		other.Object.(*contourv1.HTTPProxy).Spec.IngressClassName = "other"
		batch = append(batch, other)
	}
	c.step(append(batch, broken(300), broken(301))...)
	for query, want := range map[string]int{"severity=warning": 2, "severity=error": 2, "severity=note": 252, "": 252} {
		for _, limit := range []int{1, 2, 100} {
			found, _ := all[apiv1.Diagnostic](c, fmt.Sprintf("diagnostics?limit=%d&%s", limit, query))
			if len(found) != want {
				t.Errorf("%s: limit %d: %d diagnostics, want %d", query, limit, len(found), want)
			}
		}
	}
	if list := read[apiv1.List[apiv1.Diagnostic]](c, "diagnostics?severity=warning&limit=2"); len(list.Items) != 2 || list.Items[0].Object.Name != named(300) {
		t.Errorf("%+v", list)
	}
}

// The objects that are evaluated for a page of diagnostics are bounded: the page may be empty, and says that others follow.
func TestDiagnosticsInBoundedWork(t *testing.T) {
	t.Parallel()
	c := start(t, 0, nil)
	var batch []store.Change
	for i := range 2050 { // routes may have a warning, and these have none
		batch = append(batch, store.Change{Key: key(kobj.HTTPRoute, named(i)), Object: &gatewayv1.HTTPRoute{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: named(i)},
		}})
	}
	last := batch[len(batch)-1].Object.(*gatewayv1.HTTPRoute)
	last.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "gone"}}
	c.step(batch...)
	first := read[apiv1.List[apiv1.Diagnostic]](c, "diagnostics?severity=warning")
	if len(first.Items) != 0 || first.Page.Continue == "" {
		t.Errorf("%d diagnostics, continue %q", len(first.Items), first.Page.Continue)
	}
	found, pages := all[apiv1.Diagnostic](c, "diagnostics?severity=warning")
	if len(found) != 1 || found[0].Object.Name != named(2049) || pages != 2 {
		t.Errorf("%+v in %d pages", found, pages)
	}
}

// A request is explained with what Envoys are to have now.
func TestExplain(t *testing.T) {
	t.Parallel()
	c := start(t, 30, nil)
	ask := func(address string, more ...string) apiv1.Explanation {
		q := url.Values{"url": {address}}
		for i := 0; i+1 < len(more); i += 2 {
			q.Add(more[i], more[i+1])
		}
		return read[apiv1.Explanation](c, "explain?"+q.Encode())
	}
	const address = "http://p00007.example.com/a"
	x := ask(address)
	if x.Verdict != "answered by Service team/s" || x.Answer.Status != 200 {
		t.Errorf("%+v", x)
	}
	back := x.Explanation()
	if !back.AnsweredBy("team/s") || back.Steps[1].Object != key(kobj.HTTPProxy, named(7)) {
		t.Errorf("%+v", back)
	}
	c.step(proxy(7, "/b"))
	if x = ask(address); x.Answer.Status != 404 || len(x.NotTaken) != 1 {
		t.Errorf("after an edit: %+v", x)
	}
	c.step(broken(7))
	if x = ask(address); x.Answer.Status != 503 || !strings.Contains(x.Verdict, `Service "team/gone" does not exist`) || len(x.Others) != 1 {
		t.Errorf("after a mistake: %+v", x)
	}
	c.step(deleted(7))
	if x = ask(address); x.Answer.Status != 404 || !strings.Contains(x.Verdict, "no host") {
		t.Errorf("after the end: %+v", x)
	}
	if x = ask("http://127.0.0.1/", "header", "Host: p00008.example.com"); x.Verdict != "answered by Service team/s" {
		t.Errorf("with a header: %+v", x)
	}
	code, text := c.get("/api/v1/explain?url=" + url.QueryEscape("http://p00008.example.com/") + "&header=" + url.QueryEscape("x: "+strings.Repeat("a", 60<<10)))
	if code != http.StatusUnprocessableEntity || !strings.Contains(text, "cannot tell: ") {
		t.Errorf("%d %s", code, text)
	}
}

// More readers than there may be are turned away.
func TestReadersAreBounded(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	blocking := false
	c := start(t, 10, func(_ *pipeline.Pipeline, direct inspector) inspector {
		return func(ctx context.Context, f func(api.View)) bool {
			if blocking {
				entered <- struct{}{}
				<-release
			}
			return direct(ctx, f)
		}
	})
	blocking = true
	codes := make(chan int, 8)
	for range 8 {
		go func() {
			code, _ := c.get("/api/v1/info")
			codes <- code
		}()
		<-entered
	}
	code, text := c.get("/api/v1/envoys")
	if code != http.StatusServiceUnavailable || !strings.Contains(text, "too many") {
		t.Errorf("%d %s", code, text)
	}
	close(release)
	for range 8 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("%d", code)
		}
	}
}
