//go:build local && counterpart

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"contour.example/harness/asset"
	"contour.example/harness/controller"
	"contour.example/harness/envoy"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// The addresses in the statuses that Contour and our controller write.
const contourAddress, ourAddress = "192.0.2.1", "192.0.2.2"

// A load balancer moves from the Envoys of Contour to ours and back, while endpoints and routes change, as docs/migrate-from-contour.md
// describes it ("Beside Contour"): no request fails, Envoys of a running controller follow each change, and the leader alone writes
// statuses.
func TestCounterpartContourIsReplacedAndBack(t *testing.T) {
	m := newMigration(t)
	m.begin(m.theirs, m.s.Traffic)
	defer m.end()

	m.follow("Contour alone", contourAddress, m.theirs)
	if _, err := m.s.AddController(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.follow("both", contourAddress, m.theirs, m.s.Traffic)
	if n := m.written(); n > 0 {
		t.Errorf("the controller without the Lease has written %v statuses", n)
	}
	m.balance(1)
	m.follow("requests moved", contourAddress, m.s.Traffic, m.theirs)
	m.contour.stop(t)
	m.follow("our controller alone", ourAddress, m.s.Traffic)

	m.contour.start(t)
	m.follow("both again", ourAddress, m.s.Traffic, m.theirs)
	m.balance(0)
	if err := m.s.StopController(m.s.Controllers[0]); err != nil {
		t.Error(err)
	}
	m.follow("Contour alone again", contourAddress, m.theirs)
}

// migration is Contour with an Envoy, and a system that is to replace it. A load balancer sends requests to the Envoy of one of them.
type migration struct {
	*changingApplication
	contour *counterpart
	theirs  traffic.Client // of Contour's Envoy
}

func newMigration(t *testing.T) *migration {
	t.Helper()
	s := start(t, testsystem.Options{ServeArgs: append(fastLease(), "--ingress-status-address="+ourAddress)})
	if err := s.StopController(s.Controllers[0]); err != nil { // it only started the cluster
		t.Fatal(err)
	}
	m := &migration{changingApplication: newChangingApplication(newFixture(t, s))}
	m.install()
	return m
}

// install starts Contour, and an Envoy that is connected to it.
func (m *migration) install() {
	m.t.Helper()
	listeners, err := controller.ClaimListeners(m.s.Addresses)
	if err != nil {
		m.t.Fatal(err)
	}
	m.theirs = traffic.Client{HTTP: fmt.Sprintf("127.0.0.1:%d", listeners.HTTP), HTTPS: fmt.Sprintf("127.0.0.1:%d", listeners.HTTPS)}
	m.contour = m.newCounterpart("upstream-contour", func(at netip.AddrPort) []string {
		args := append([]string{"serve"}, fastLease()...)
		args = append(args, "--kubeconfig="+m.s.Cluster.Kubeconfig, "--insecure", "--leader-election-resource-namespace="+testsystem.Namespace,
			"--ingress-status-address="+contourAddress, "--xds-address="+at.Addr().String(), "--xds-port="+strconv.Itoa(int(at.Port())))
		for flag, port := range map[string]int{
			"envoy-service-http": listeners.HTTP, "envoy-service-https": listeners.HTTPS, "stats": listeners.Stats,
			"health": m.port(), "http": m.port(), "debug-http": m.port(),
		} {
			args = append(args, "--"+flag+"-address=127.0.0.1", "--"+flag+"-port="+strconv.Itoa(port))
		}
		return args
	})
	dir, err := os.MkdirTemp("", "envoy-") // short, for the path of a unix socket
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "bootstrap.json")
	path, err := asset.Get(m.t.Context(), "upstream-contour")
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := exec.CommandContext(m.t.Context(), path, "bootstrap", file, "--admin-address="+envoy.AdminSocket(dir),
		"--xds-address="+m.contour.address.Addr().String(), "--xds-port="+strconv.Itoa(int(m.contour.address.Port()))).CombinedOutput()
	if err != nil {
		m.t.Fatalf("bootstrap: %v\n%s", err, out)
	}
	e, err := envoy.Start(m.t.Context(), envoy.Options{Dir: dir, Bootstrap: file})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = e.Kill() })
}

// port claims a port.
func (m *migration) port() int {
	m.t.Helper()
	p, err := m.s.Addresses.Port()
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

// written is the number of statuses that our controller has written.
func (m *migration) written() float64 {
	m.t.Helper()
	metrics, err := m.s.Controllers[0].Metrics(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return metrics.Sum("contour_status_update_total")
}
