package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// desk is a console on top of a real pipeline and directory, with an Envoy that acknowledges when told.
type desk struct {
	t       *testing.T
	dir     string
	board   *board
	console *console
	table   *table.Table
	pipe    *pipeline.Pipeline
	out     bytes.Buffer
	acked   bool
	loaded  map[kobj.Key]bool
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, dir: t.TempDir(), board: newBoard(), table: table.New(), acked: true, loaded: map[kobj.Key]bool{}}
	f := &standaloneFlags{http: socket{"127.0.0.1", 8080}, https: socket{"127.0.0.1", 8443}}
	d.pipe = pipeline.New(pipeline.Options{Config: config.Default(), Table: d.table, Log: quietLogger(os.Stderr, &logFlags{})})
	d.console = newConsole(console{
		out: &d.out, board: d.board, flags: f, manifests: "DIR",
		acknowledged: func(context.Context, uint64) bool { return d.acked },
	})
	return d
}

func (d *desk) write(name, text string) {
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// step reads the directory and returns what the console says then.
func (d *desk) step() string {
	d.t.Helper()
	b, err := dir.Load(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	now := map[kobj.Key]bool{}
	for _, c := range b.Changes {
		now[c.Key] = true
	}
	for k := range d.loaded {
		if !now[k] {
			b.Changes = append(b.Changes, store.Change{Key: k})
		}
	}
	d.loaded = now
	d.board.files(b)
	d.board.result(d.pipe.Step(b.Changes), d.table.Seq(), d.table.Rejections())
	return d.show()
}

func (d *desk) show() string {
	d.console.show(d.t.Context(), d.board.take())
	said := strings.ReplaceAll(d.out.String(), d.dir+"/", "")
	d.out.Reset()
	return said
}

const web = `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
`

func proxyTo(host, service string) string {
	return `apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: ` + strings.TrimSuffix(host, ".example") + `}
spec:
  virtualhost: {fqdn: ` + host + `}
  routes:
    - services:
        - {name: ` + service + `, port: 80}
`
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.TrimSuffix(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestConsoleTellsOfMistakesAndHosts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	expect(t, d.step(), "serving no host: DIR has no HTTPProxy or Ingress that can be served")

	d.write("web.yaml", web)
	d.write("a.yaml", proxyTo("a.example", "web"))
	d.write("b.yaml", proxyTo("b.example", "nobody"))
	expect(
		t, d.step(),
		`b.yaml:8: error: HTTPProxy default/b: spec.routes[0].services[0]: ServiceUnresolvedReference: Service "default/nobody" does not exist.`,
		"serving http://a.example:8080 from HTTPProxy default/a in a.yaml:1",
		"serving http://b.example:8080 from HTTPProxy default/b in b.yaml:1",
	)
	expect(t, d.step(), "")

	d.write("b.yaml", "# a comment moves all lines\n"+proxyTo("b.example", "nobody"))
	expect(t, d.step(), "")

	d.write("b.yaml", proxyTo("b.example", "web"))
	expect(
		t, d.step(),
		"b.yaml: resolved: HTTPProxy default/b: spec.routes[0].services[0]: ServiceUnresolvedReference",
		"changed http://b.example:8080 from HTTPProxy default/b in b.yaml:1",
	)

	d.write("b.yaml", "# nothing\n")
	expect(t, d.step(), "no longer serving http://b.example:8080")
}

func TestConsoleWaitsForEnvoyBeforeItTellsOfHosts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.acked = false
	d.write("a.yaml", proxyTo("a.example", "nobody"))
	if got := d.step(); !strings.Contains(got, "a.yaml:8: error: ") || strings.Contains(got, "serving") {
		t.Errorf("before the acknowledgement: %q", got)
	}
	d.write("web.yaml", web)
	d.write("a.yaml", proxyTo("a.example", "web"))
	if got := d.step(); !strings.Contains(got, "resolved") || strings.Contains(got, "serving") {
		t.Errorf("before the acknowledgement: %q", got)
	}
	d.acked = true
	expect(t, d.show(), "serving http://a.example:8080 from HTTPProxy default/a in a.yaml:1")
	expect(t, d.show(), "")
}

func TestConsoleTellsOfChangesBelowTheRoutes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write("web.yaml", web)
	d.write("a.yaml", proxyTo("a.example", "web"))
	d.step()
	d.write("slice.yaml", `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 1}]
endpoints: [{addresses: [127.0.0.1]}]
`)
	expect(t, d.step(), "applied a change that leaves the routes of all hosts as they are (1 resources of Envoy)")
}

func TestConsoleTellsOfProblemsOfFiles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write("web.yaml", web+"color: blue\n")
	if got := d.step(); !strings.HasPrefix(got, "web.yaml:5: error: Service default/web: color: ") {
		t.Errorf("got %q", got)
	}
	d.write("web.yaml", web)
	if got := d.step(); !strings.HasPrefix(got, "web.yaml: resolved: Service default/web: color: ") {
		t.Errorf("got %q", got)
	}
}

func TestConsoleNamesThePortThatEnvoyCannotHave(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.board.result(pipeline.Result{}, 1, []table.Rejection{
		{Ref: table.Ref{Type: table.Listener, Name: "ingress_https"}, Message: "no filter chains specified"},
		{
			Ref: table.Ref{Type: table.Listener, Name: "ingress_https"}, Part: "a.example", Origins: []kobj.Key{{Kind: kobj.Ingress}},
			Message: "cannot bind '127.0.0.1:8443': Address already in use",
		},
		{Ref: table.Ref{Type: table.Listener, Name: "ingress_http"}, Message: "no\nwords"},
		{Ref: table.Ref{Type: table.Route, Name: "a"}, Message: "told of the object", Origins: []kobj.Key{{Kind: kobj.Ingress}}},
	})
	expect(
		t, d.show(),
		"error: Envoy cannot listen: port 8443 on 127.0.0.1 is used by another program; choose another with --https-port",
		"error: Envoy refuses LDS ingress_http: no words",
		"serving no host: DIR has no HTTPProxy or Ingress that can be served",
	)
	d.board.result(pipeline.Result{}, 2, nil)
	if got := d.show(); strings.Count(got, "resolved: ") != 2 {
		t.Errorf("got %q", got)
	}
}

func TestRemarksAreBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	text := proxyTo("a.example", "nobody")
	for range maxRemarks + 4 {
		text += "    - services:\n        - {name: nobody, port: 80}\n"
	}
	d.write("a.yaml", text)
	got := d.step()
	if n := strings.Count(got, ": error: "); n != maxRemarks+1 {
		t.Errorf("%d lines\n%s", n, got)
	}
	if !strings.Contains(got, "There are 5 more diagnostics.") {
		t.Errorf("got %q", got)
	}
}

func TestConsoleDoesNotTellOfHostsThatEnvoyRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a, b := kobj.Of(kobj.HTTPProxy, "default", "a"), kobj.Of(kobj.HTTPProxy, "default", "b")
	host := func(l ir.Listener, name string, from kobj.Key) memo.Change[ir.HostKey, *ir.VirtualHost] {
		v := &ir.VirtualHost{Key: ir.HostKey{Fleet: ir.DefaultFleet, Listener: l, Hostname: name}, Origins: []kobj.Key{from}}
		return memo.Change[ir.HostKey, *ir.VirtualHost]{Key: v.Key, New: &v}
	}
	hosts := []memo.Change[ir.HostKey, *ir.VirtualHost]{host(ir.HTTP, "a", a), host(ir.HTTPS, "a", a), host(ir.HTTP, "b", b)}
	d.board.result(pipeline.Result{Hosts: hosts}, 1, []table.Rejection{
		{Ref: table.Ref{Type: table.Listener, Name: "ingress_https"}, Part: "a", Origins: []kobj.Key{a}},
		{Ref: table.Ref{Type: table.Route, Name: "ingress_http"}, Part: "b", Origins: []kobj.Key{b}},
	})
	expect(t, d.show(), "serving http://a:8080 from HTTPProxy default/a")
	d.board.result(pipeline.Result{}, 2, nil)
	expect(t, d.show(), "serving https://a:8443 from HTTPProxy default/a", "serving http://b:8080 from HTTPProxy default/b")
}
