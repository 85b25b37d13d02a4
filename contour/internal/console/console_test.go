package console

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/table"
)

// fixture is a console on top of a real pipeline and directory, with an Envoy that acknowledges if acked is set.
type fixture struct {
	t       *testing.T
	dir     string
	console *Console
	table   *table.Table // of the default fleet
	pipe    *pipeline.Pipeline
	out     bytes.Buffer
	acked   bool
	loaded  map[kobj.Key]bool
}

func newFixture(t *testing.T) *fixture {
	fleets := fleet.New(nil)
	f := &fixture{t: t, dir: t.TempDir(), table: fleets.Add(ir.DefaultFleet), acked: true, loaded: map[kobj.Key]bool{}}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	cfg := config.Default()
	cfg.Endpoints.Loopback = true // as in standalone
	f.pipe = pipeline.New(pipeline.Options{Config: cfg, Fleets: fleets, Log: log})
	listener := func(port uint16, name string) Listener {
		return Listener{Address: netip.AddrPortFrom(netip.IPv4Unspecified(), port), InUse: name + " is in use"}
	}
	f.console = New(Options{
		Out: &f.out, Manifests: "DIR", HTTP: listener(8080, "HTTP"), HTTPS: listener(8443, "HTTPS"), Stats: listener(0, "stats"),
		Acknowledged: func(context.Context, uint64) bool { return f.acked },
	})
	return f
}

func (f *fixture) write(name, text string) {
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// step reads the directory and returns what the console prints then.
func (f *fixture) step() string {
	f.t.Helper()
	b, err := dir.Load(nil, f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	now := map[kobj.Key]bool{}
	for _, c := range b.Changes {
		now[c.Key] = true
	}
	for k := range f.loaded {
		if !now[k] {
			b.Changes = append(b.Changes, store.Change{Key: k})
		}
	}
	f.loaded = now
	f.console.SetFiles(b)
	f.console.SetResult(f.pipe.Step(b.Changes), f.table.Seq(), f.table.Rejections())
	return f.print()
}

func (f *fixture) print() string {
	f.console.print(f.t.Context(), f.console.takeUpdate())
	text := strings.ReplaceAll(f.out.String(), f.dir+"/", "")
	f.out.Reset()
	return text
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

func TestPrintsDiagnosticsAndHosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("nothing.yaml", "# nothing yet\n")
	expect(t, f.step(), "serving no host: DIR has no HTTPProxy or Ingress that can be served")

	f.write("web.yaml", web)
	f.write("a.yaml", proxyTo("a.example", "web"))
	f.write("b.yaml", proxyTo("b.example", "nobody"))
	expect(
		t, f.step(),
		`b.yaml:8: error: HTTPProxy default/b: spec.routes[0].services[0]: ServiceUnresolvedReference: Service "default/nobody" does not exist.`,
		"serving http://a.example:8080 from HTTPProxy default/a in a.yaml:1",
		"serving http://b.example:8080 from HTTPProxy default/b in b.yaml:1",
	)
	expect(t, f.step(), "")

	f.write("b.yaml", "# a comment moves all lines\n"+proxyTo("b.example", "nobody"))
	expect(t, f.step(), "")

	f.write("b.yaml", proxyTo("b.example", "web"))
	expect(
		t, f.step(),
		"b.yaml: resolved: HTTPProxy default/b: spec.routes[0].services[0]: ServiceUnresolvedReference",
		"changed http://b.example:8080 from HTTPProxy default/b in b.yaml:1",
	)

	f.write("b.yaml", "# nothing\n")
	expect(t, f.step(), "no longer serving http://b.example:8080")
}

func TestPrintsHostsWhenEnvoyHasAcknowledged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.acked = false
	f.write("a.yaml", proxyTo("a.example", "nobody"))
	if got := f.step(); !strings.Contains(got, "a.yaml:8: error: ") || strings.Contains(got, "serving") {
		t.Errorf("before the acknowledgement: %q", got)
	}
	f.write("web.yaml", web)
	f.write("a.yaml", proxyTo("a.example", "web"))
	if got := f.step(); !strings.Contains(got, "resolved") || strings.Contains(got, "serving") {
		t.Errorf("before the acknowledgement: %q", got)
	}
	f.acked = true
	expect(t, f.print(), "serving http://a.example:8080 from HTTPProxy default/a in a.yaml:1")
	expect(t, f.print(), "")
}

func TestPrintsChangesOfEndpoints(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("web.yaml", web)
	f.write("a.yaml", proxyTo("a.example", "web"))
	f.step()
	f.write("slice.yaml", `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 1}]
endpoints: [{addresses: [127.0.0.1]}]
`)
	expect(t, f.step(), "applied a change that leaves the routes of all hosts as they are (1 resources of Envoy)")
}

func TestPrintsProblemsOfFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("web.yaml", web+"color: blue\n")
	if got := f.step(); !strings.HasPrefix(got, "web.yaml:5: error: Service default/web: color: ") {
		t.Errorf("got %q", got)
	}
	f.write("web.yaml", web)
	if got := f.step(); !strings.HasPrefix(got, "web.yaml: resolved: Service default/web: color: ") {
		t.Errorf("got %q", got)
	}
}

func TestPrintsThePortThatEnvoyCannotHave(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.console.SetResult(pipeline.Result{}, 1, []table.Rejection{
		{Ref: table.Ref{Type: table.Listener, Name: "ingress_https"}, ErrorDetail: "no filter chains specified"},
		{
			Ref: table.Ref{Type: table.Listener, Name: "ingress_https"}, Part: "a.example", Origins: []kobj.Key{{Kind: kobj.Ingress}},
			ErrorDetail: "cannot bind '127.0.0.1:8443': Address already in use",
		},
		{Ref: table.Ref{Type: table.Listener, Name: "ingress_http"}, ErrorDetail: "no\ndetail"},
		{Ref: table.Ref{Type: table.Route, Name: "a"}, ErrorDetail: "reported on the object", Origins: []kobj.Key{{Kind: kobj.Ingress}}},
	})
	expect(
		t, f.print(),
		"error: Envoy cannot listen: HTTPS is in use",
		"error: Envoy rejects LDS ingress_http: no detail",
		"serving no host: DIR has no HTTPProxy or Ingress that can be served",
	)
	f.console.SetResult(pipeline.Result{}, 2, nil)
	if got := f.print(); strings.Count(got, "resolved: ") != 2 {
		t.Errorf("got %q", got)
	}
}

func TestLinesOfAnObjectAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	text := proxyTo("a.example", "nobody")
	for range maxLines + 4 {
		text += "    - services:\n        - {name: nobody, port: 80}\n"
	}
	f.write("a.yaml", text)
	got := f.step()
	if n := strings.Count(got, ": error: "); n != maxLines+1 {
		t.Errorf("%d lines\n%s", n, got)
	}
	if !strings.Contains(got, "There are 5 more diagnostics.") {
		t.Errorf("got %q", got)
	}
}

func TestDoesNotPrintHostsThatEnvoyRejects(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := kobj.Of(kobj.HTTPProxy, "default", "a"), kobj.Of(kobj.HTTPProxy, "default", "b")
	host := func(l ir.ListenerKey, name string, from kobj.Key) memo.Change[ir.HostKey, *ir.VirtualHost] {
		v := &ir.VirtualHost{Key: ir.HostKey{Listener: l, Hostname: name}, Origins: []kobj.Key{from}}
		return memo.Change[ir.HostKey, *ir.VirtualHost]{Key: v.Key, New: &v}
	}
	hosts := []memo.Change[ir.HostKey, *ir.VirtualHost]{host(classic.HTTP(), "a", a), host(classic.HTTPS(), "a", a), host(classic.HTTP(), "b", b)}
	f.console.SetResult(pipeline.Result{Hosts: hosts}, 1, []table.Rejection{
		{Ref: table.Ref{Type: table.Listener, Name: "ingress_https"}, Part: "a", Origins: []kobj.Key{a}},
		{Ref: table.Ref{Type: table.Route, Name: "ingress_http"}, Part: "b", Origins: []kobj.Key{b}},
	})
	expect(t, f.print(), "serving http://a:8080 from HTTPProxy default/a")
	f.console.SetResult(pipeline.Result{}, 2, nil)
	expect(t, f.print(), "serving https://a:8443 from HTTPProxy default/a", "serving http://b:8080 from HTTPProxy default/b")
}
