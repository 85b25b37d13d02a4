//go:build envoy

package pipeline_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	xdsfleet "contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
	"contour.example/envoybootstrap"
)

// timeout limits the wait for Envoy, on a busy machine.
const timeout = 20 * time.Second

// One real Envoy receives all cases, one after the other, from the real xDS server. It rejects nothing and responds as in
// expect.yaml, which verifies the model of package semantic.
func TestCasesOnEnvoy(t *testing.T) {
	f := startFleet(t)
	for _, c := range loadCases(t) {
		t.Run(c.Name, func(t *testing.T) { f.runCase(t, c) })
	}
}

// The same cases with sharded HTTP hosts.
func TestShardedCasesOnEnvoy(t *testing.T) {
	f := startFleet(t)
	for _, c := range loadCases(t) {
		c.Config = sharded(c.Config)
		t.Run(c.Name, func(t *testing.T) { f.runCase(t, c) })
	}
}

func (f *fleet) runCase(t *testing.T, c stagetest.Case) {
	f.replace(t, c)
	for _, check := range c.Checks {
		f.checkAnswer(t, check)
	}
}

// A real Envoy rejects nothing, for any objects.
func TestRandomEditsOnEnvoy(t *testing.T) { editAtRandom(t, startFleet(t)) }

func editAtRandom(t *testing.T, f *fleet) {
	random, source := newRandom(t)
	f.config.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix(ownAddress(stagetest.GatewayAddresses))}
	f.sys.Configure(f.config)
	listeners := 0
	for done := 0; done < 3000 && !t.Failed(); {
		batch := random.Batch(batchSize)
		done += len(batch)
		for i := range batch {
			if g, ok := batch[i].Object.(*gatewayv1.Gateway); ok {
				batch[i].Object = ownAddresses(g)
			}
		}
		f.sys.Step(batch)
		f.sys.SetKeySets(random.KeySets())
		if source.IntN(10) == 0 { // HTTP hosts may be resharded
			f.config.RouteTables.Hosts = source.IntN(30)
			f.sys.Configure(f.config)
		}
		f.waitIdle(t)
		for _, v := range f.sys.table.All() {
			if v.Ref.Type == table.Listener && strings.Contains(v.Ref.Name, "_gateway-") {
				listeners++
			}
		}
	}
	if listeners == 0 {
		t.Error("no Gateway ever had a listener")
	}
}

// fleet is an Envoy with its xDS server, a pipeline and backends.
type fleet struct {
	sys      *system
	server   *server.Server
	backends *backends
	config   config.Config // addresses of the listeners
	objects  []store.Change

	mu         sync.Mutex
	rejections []string
}

func startFleet(t *testing.T, edit ...func(*config.Config)) *fleet {
	t.Helper()
	return startFleetWith(t, func(*envoybootstrap.Config) {}, edit...)
}

// startFleetWith is startFleet with an Envoy whose bootstrap is edited.
func startFleetWith(t *testing.T, bootstrap func(*envoybootstrap.Config), edit ...func(*config.Config)) *fleet {
	t.Helper()
	f := &fleet{backends: newBackends(t), config: config.Default()}
	for _, a := range []*config.Address{&f.config.Listeners.HTTP, &f.config.Listeners.HTTPS, &f.config.Listeners.Stats} {
		*a = config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
	}
	f.config.AccessLog.HTTP, f.config.AccessLog.HTTPS = "", ""
	f.config.Endpoints.Loopback, f.config.XDS.DrainTime = true, shortDrain
	for _, e := range edit {
		e(&f.config)
	}
	f.sys = &system{fleets: xdsfleet.New(nil)}
	f.sys.table = f.sys.fleets.Add(ir.DefaultFleet)
	f.sys.Pipeline = pipeline.New(pipeline.Options{
		Config: f.config, Fleets: f.sys.fleets, Log: slog.New(slog.DiscardHandler), Now: stagetest.Now,
	})
	f.sys.Step(nil)
	f.server = server.New(server.Options{
		Fleet: f.sys.fleets.Get,
		Hooks: server.Hooks{Nacked: func(typ table.Type) { f.reject(typ.String()) }},
	})
	dir := t.TempDir()
	f.serve(t, filepath.Join(dir, "xds.sock"))
	startEnvoy(t, dir, f.config.XDS.DrainTime, bootstrap)
	f.waitIdle(t)
	return f
}

func (f *fleet) reject(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rejections = append(f.rejections, what)
}

func (f *fleet) serve(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	f.server.Register(g)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
}

// shortDrain is a drain time with which connections that drain are closed before their clients have had time to leave.
const shortDrain = time.Second

// startEnvoy runs an Envoy until the test or its process ends.
func startEnvoy(t *testing.T, dir string, drain time.Duration, edit ...func(*envoybootstrap.Config)) {
	t.Helper()
	c := envoybootstrap.Default()
	c.AdminSocket, c.XDSAddress, c.XDSPort = filepath.Join(dir, "admin.sock"), "unix://"+filepath.Join(dir, "xds.sock"), 0
	for _, e := range edit {
		e(&c)
	}
	bootstrap := filepath.Join(dir, "envoy.json")
	if err := envoybootstrap.Write(bootstrap, c); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(envoytest.Path(t), "-c", bootstrap, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error",
		"--drain-time-s", fmt.Sprint(int(drain.Seconds())), "--service-node", "test", "--service-cluster", "test")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of Envoy:\n%s", log.Bytes())
		}
	})
}

// replace replaces the objects of the former case by those of c, with the backends of the fleet as endpoints.
func (f *fleet) replace(t *testing.T, c stagetest.Case) {
	t.Helper()
	var batch []store.Change
	for _, o := range f.objects {
		batch = append(batch, store.Change{Key: o.Key})
	}
	f.objects = f.objects[:0]
	for _, o := range c.Objects {
		switch of := o.Object.(type) {
		case *discoveryv1.EndpointSlice:
			o.Object = f.local(t, of)
		case *gatewayv1.Gateway:
			o.Object = ownAddresses(of)
		}
		f.objects = append(f.objects, o)
	}
	cfg := c.Config
	cfg.Gateways.Addresses = nil
	for _, r := range c.Config.Gateways.Addresses {
		cfg.Gateways.Addresses = append(cfg.Gateways.Addresses, netip.MustParsePrefix(ownAddress(r.String())))
	}
	cfg.Listeners.HTTP, cfg.Listeners.HTTPS, cfg.Listeners.Stats = f.config.Listeners.HTTP, f.config.Listeners.HTTPS, f.config.Listeners.Stats
	cfg.AccessLog.HTTP, cfg.AccessLog.HTTPS, cfg.Endpoints = "", "", f.config.Endpoints
	cfg.XDS.CertificatesOnDemand = f.config.XDS.CertificatesOnDemand
	f.sys.Step(append(batch, f.objects...))
	f.sys.Configure(cfg)
	f.waitIdle(t)
}

// local returns the slice with the backends of its Service in place of its addresses.
func (f *fleet) local(t *testing.T, s *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	t.Helper()
	s = s.DeepCopy()
	for i := range s.Ports {
		name := kobj.Name{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}.String()
		if port := *s.Ports[i].Name; port != "" {
			name += "/" + port
		}
		s.Ports[i].Port = new(int32(f.backends.port(t, name)))
	}
	for i := range s.Endpoints {
		s.Endpoints[i].Addresses = []string{"127.0.0.1"}
	}
	return s
}

// waitIdle waits until Envoy has all published resources, and fails if it rejected any.
func (f *fleet) waitIdle(t *testing.T) {
	t.Helper()
	var last []server.Session
	done := eventually(func() bool {
		last = f.server.Sessions()
		return len(last) == 1 && last[0].Seq == f.sys.table.Seq() && last[0].Idle()
	})
	if !done {
		t.Fatalf("Envoy is not idle at sequence number %d: %+v", f.sys.table.Seq(), last)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.sys.table.Rejections() {
		t.Errorf("Envoy rejects %s, part %q, of %v: %s", r.Ref, r.Part, r.Origins, r.ErrorDetail)
	}
	if len(f.rejections) > 0 {
		t.Errorf("rejected responses: %v", f.rejections)
	}
	f.rejections = nil
}

// eventually polls until the condition is true or the timeout expires, and reports whether it is true.
func eventually(condition func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); <-tick.C {
		if condition() {
			return true
		}
	}
	return false
}

// checkAnswer sends a request until the answer is as expected: workers use a configuration some time after Envoy accepted it.
func (f *fleet) checkAnswer(t *testing.T, check stagetest.Check) {
	t.Helper()
	var wrong []string
	if !eventually(func() bool {
		wrong = compareSeen(check, f.send(check))
		return len(wrong) == 0
	}) {
		t.Errorf("%+v: %v", check.Request, wrong)
	}
}

func (f *fleet) send(check stagetest.Check) seen {
	at := f.config.Listeners.HTTP
	if check.TLS {
		at = f.config.Listeners.HTTPS
	}
	if check.To != "" {
		return send(ownAddress(check.To), check.Request, check.Answer.Without)
	}
	return send(fmt.Sprintf("%s:%d", at.Host, at.Port), check.Request, check.Answer.Without)
}

// ownAddress returns an address of Gateways in the cases, which begins with 127.100., as one that no other process of these tests
// listens on.
func ownAddress(address string) string {
	return strings.Replace(address, "127.100.", fmt.Sprintf("127.%d.", 101+os.Getpid()%100), 1)
}

// ownAddresses returns a Gateway with own addresses.
func ownAddresses(g *gatewayv1.Gateway) *gatewayv1.Gateway {
	g = g.DeepCopy()
	for i := range g.Spec.Addresses {
		g.Spec.Addresses[i].Value = ownAddress(g.Spec.Addresses[i].Value)
	}
	return g
}
