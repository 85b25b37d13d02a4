//go:build envoy

package translate

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
	"contour.example/envoybootstrap"
)

// rig is a real Envoy with the controller's own bootstrap, xDS server and table, for measurements of the cost of hosts.
type rig struct {
	*fixture
	t      testing.TB
	table  *table.Table
	server *server.Server
	sent   [table.Runtime + 1]atomic.Int64 // bytes, by type
	pid    int
}

// newRig starts an Envoy that serves the resources of the fixture after they are published.
func newRig(t testing.TB, fx *fixture, stats string, limits ...session.Limits) *rig {
	t.Helper()
	g := &rig{fixture: fx, t: t, table: table.New()}
	g.server = server.New(server.Options{
		Limits: append(limits, session.Limits{})[0],
		Fleet:  func(ir.Fleet) *table.Table { return g.table },
		Hooks:  server.Hooks{Sent: func(typ table.Type, _, _, bytes int) { g.sent[typ].Add(int64(bytes)) }},
	})
	dir := t.TempDir()
	boot := envoybootstrap.Default()
	boot.AdminSocket, boot.XDSAddress = filepath.Join(dir, "admin"), "unix://"+filepath.Join(dir, "xds")
	boot.Stats = stats
	if err := envoybootstrap.Write(filepath.Join(dir, "envoy.json"), boot); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "xds"))
	if err != nil {
		t.Fatal(err)
	}
	api := grpc.NewServer(server.GRPCOptions()...)
	g.server.Register(api)
	go func() { _ = api.Serve(l) }()
	t.Cleanup(api.Stop)
	loopback(t, fx)
	g.launch(dir)
	return g
}

func (g *rig) launch(dir string) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command(envoytest.Path(g.t), "-c", filepath.Join(dir, "envoy.json"), "--concurrency", "1", "--log-level", "warning",
		"--disable-hot-restart", "--drain-time-s", "60", "--service-node", "test", "--service-cluster", "test")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.pid = cmd.Process.Pid
	g.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text, _ := os.ReadFile(log.Name()); g.t.Failed() {
			g.t.Logf("Envoy's log:\n%s", text)
		}
	})
}

// loopback sets free ports of the loopback on the listeners, without access logs.
func loopback(t testing.TB, fx *fixture) {
	l := fx.at
	l.each(func(of *ir.Listener) {
		of.Addresses, of.Port = []string{"127.0.0.1"}, envoytest.FreePort(t)
		of.Client.AccessLog.Path = "/dev/null"
	})
	fx.listen(l)
}

// publish publishes the changes and waits until Envoy has them.
func (g *rig) publish() {
	g.t.Helper()
	g.engine.Run()
	seq := g.table.Publish(g.changes())
	deadline := time.Now().Add(5 * time.Minute)
	for {
		if s := g.server.Sessions(); len(s) == 1 && s[0].Seq >= seq && s[0].Idle() {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatal("timeout waiting for Envoy to have the resources")
		}
		<-time.After(time.Millisecond)
	}
}

// mainThreadCPU returns the CPU time that Envoy's main thread has used.
func (g *rig) mainThreadCPU() time.Duration {
	g.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", g.pid, g.pid))
	if err != nil {
		g.t.Fatal(err)
	}
	ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return time.Duration(ns)
}

// memory returns the resident set of Envoy in MiB.
func (g *rig) memory() float64 {
	g.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.pid))
	if err != nil {
		g.t.Fatal(err)
	}
	var kib float64
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		g.t.Fatal(err)
	}
	return kib / 1024
}

// endpoints sets at as the only endpoint of the Services s0 to s(n-1).
func (g *rig) endpoints(n int, at net.Addr) {
	name, port := "http", int32(at.(*net.TCPAddr).Port)
	for i := range n {
		g.slices.Set(kobj.Name{Namespace: "app", Name: fmt.Sprint("s", i)}, []*discoveryv1.EndpointSlice{{
			Ports:     []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
		}})
	}
}

func backendOf(t testing.TB) net.Addr {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	return s.Listener.Addr()
}

func hostname(i int) string { return fmt.Sprintf("h%d.example.com", i) }

// BenchmarkEnvoyClusters measures the cost of N hosts with a cluster each in Envoy, for each level of statistics: memory
// after loading and after a request to each, main-thread CPU of loading, and of a second at rest.
func BenchmarkEnvoyClusters(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for _, stats := range []string{envoybootstrap.StatsAll, envoybootstrap.StatsDefault, envoybootstrap.StatsMinimal} {
			b.Run(fmt.Sprintf("%d/%s", n, stats), func(b *testing.B) {
				for b.Loop() {
					measureClusters(b, n, stats)
				}
			})
		}
	}
}

func measureClusters(b *testing.B, n int, stats string) {
	g := newRig(b, newFixture(), stats)
	g.publish()
	empty, idle := g.memory(), g.mainThreadCPU()
	g.endpoints(n, backendOf(b))
	for i := range n {
		g.set(httpHost(hostname(i), ir.Route{Match: prefix("/"), Forward: to(fmt.Sprint("s", i))}))
	}
	g.publish()
	b.ReportMetric((g.mainThreadCPU()-idle).Seconds()*1000, "load-ms")
	b.ReportMetric((g.memory()-empty)*1024/float64(n), "KiB/loaded")
	g.request(n)
	b.ReportMetric((g.memory()-empty)*1024/float64(n), "KiB/used")
	b.ReportMetric(g.memory(), "MiB")
	rest := g.mainThreadCPU()
	const flushes = 11 * time.Second // two flushes of statistics
	<-time.After(flushes)
	b.ReportMetric((g.mainThreadCPU()-rest).Seconds()*1000/flushes.Seconds(), "rest-ms/s")
}

// request sends one request to each of n hosts.
func (g *rig) request(n int) {
	g.t.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", g.at.http.Port)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}}}
	for i := range n {
		req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://"+at+"/", nil)
		if err != nil {
			g.t.Fatal(err)
		}
		req.Host = hostname(i)
		resp, err := client.Do(req)
		if err != nil {
			g.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			g.t.Fatalf("%s: %s", req.Host, resp.Status)
		}
	}
}

// BenchmarkEnvoyTLSHost measures the cost of adding one TLS host to N in Envoy: main-thread CPU (median), and bytes of the
// listener and of all resources.
func BenchmarkEnvoyTLSHost(b *testing.B) {
	for _, mode := range []struct {
		name   string
		secret func(i int) string
		edit   []func(*listeners)
		sizes  []int
	}{
		{"one-secret", oneSecret, nil, []int{1000, 10_000}},
		{"secrets", ownSecret, nil, []int{1000, 5000}},
		{"on-demand", ownSecret, []func(*listeners){onDemand}, []int{1000, 5000}},
	} {
		for _, n := range mode.sizes {
			b.Run(fmt.Sprintf("%s/%d", mode.name, n), func(b *testing.B) { measureTLSHost(b, n, mode.secret, mode.edit...) })
		}
	}
}

// oneSecret and ownSecret return the name of the Secret of a host, by number: one for all hosts, and one for each.
func oneSecret(int) string   { return "cert" }
func ownSecret(i int) string { return fmt.Sprint("cert", i) }

func measureTLSHost(b *testing.B, n int, secret func(i int) string, edit ...func(*listeners)) {
	g := newRig(b, newFixture(edit...), envoybootstrap.StatsDefault)
	add := g.adder(secret)
	g.publish()
	empty, idle := g.memory(), g.mainThreadCPU()
	for i := range n {
		add(i)
	}
	g.publish()
	load, host := (g.mainThreadCPU()-idle).Seconds()*1000, (g.memory()-empty)*1024/float64(n)
	g.handshakes(n)
	used := (g.memory() - empty) * 1024 / float64(n)
	listener, all := g.bytes()
	var took []float64
	for i := 0; b.Loop(); i++ {
		before := g.mainThreadCPU()
		add(n + i)
		g.publish()
		took = append(took, (g.mainThreadCPU()-before).Seconds()*1000)
	}
	b.ReportMetric(load, "load-ms")
	b.ReportMetric(host, "KiB/loaded")
	b.ReportMetric(used, "KiB/used")
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "main-ms/op")
	listenerAfter, allAfter := g.bytes()
	b.ReportMetric(float64(listenerAfter-listener)/float64(len(took)), "LDS-B/op")
	b.ReportMetric(float64(allAfter-all)/float64(len(took)), "xDS-B/op")
	b.ReportMetric(g.memory(), "MiB")
}

// adder returns a function that adds a TLS host, by number.
func (g *rig) adder(secret func(i int) string) func(i int) {
	wildcard := secret(0) == secret(1)
	chain, key := issued(g.t, "*.example.com")
	return func(i int) {
		v := tlsHost(hostname(i))
		v.TLS.Certificate = kobj.Name{Namespace: "app", Name: secret(i)}
		if !wildcard {
			chain, key = issued(g.t, hostname(i))
		}
		g.secrets.Set(v.TLS.Certificate, pair{string(chain), string(key)})
		g.set(v)
	}
}

// BenchmarkEnvoyTLSStream measures the share of Envoy's main thread that 20 added TLS hosts a second use for 20 s, at 2,000.
func BenchmarkEnvoyTLSStream(b *testing.B) {
	const hosts, period, additions = 2000, 50 * time.Millisecond, 400
	for name, limits := range map[string]session.Limits{"paced": {}, "unpaced": {LargeListener: math.MaxInt}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				g := newRig(b, newFixture(), envoybootstrap.StatsDefault, limits)
				add := g.adder(ownSecret)
				for i := range hosts {
					add(i)
				}
				g.publish()
				started, busy := time.Now(), g.mainThreadCPU()
				sent, _ := g.bytes()
				for i := range additions {
					add(hosts + i)
					g.engine.Run()
					g.table.Publish(g.changes())
					<-time.After(period)
				}
				b.ReportMetric(100*float64(g.mainThreadCPU()-busy)/float64(time.Since(started)), "%busy")
				after, _ := g.bytes()
				b.ReportMetric(float64(after-sent)/1e6, "LDS-MB")
				g.publish()
				b.ReportMetric(time.Since(started).Seconds(), "s")
				b.ReportMetric(g.memory(), "MiB")
			}
		})
	}
}

// bytes returns the number of bytes sent: of listeners, and of all types.
func (g *rig) bytes() (listeners, all int64) {
	for i := range g.sent {
		all += g.sent[i].Load()
	}
	return g.sent[table.Listener].Load(), all
}

// handshakes opens a connection to each of n TLS hosts, one after the other.
func (g *rig) handshakes(n int) {
	g.t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	for i := range n {
		dialer.Config.ServerName = hostname(i)
		conn, err := dialer.DialContext(g.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", g.at.https.Port))
		if err != nil {
			g.t.Fatalf("%s: %v", hostname(i), err)
		}
		_ = conn.Close()
	}
}
