//go:build envoy

package tlsfile

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/envoytest"
	"contour.example/envoybootstrap"
)

// TestEnvoyConnectsAcrossRenewal connects a real Envoy, started from a real bootstrap, to a
// real gRPC server: it connects, everything is renewed on both sides, and it connects again.
func TestEnvoyConnectsAcrossRenewal(t *testing.T) {
	before, after := bundle(t), bundle(t)
	server, envoy := newMount(t, before), newMount(t, asEnvoy(before))
	config, err := Server(server.files(), func(err error) { t.Error(err) })
	must(t, err)
	serial := make(chan string, 16)
	address, stop := serveGRPC(t, config, serial, "127.0.0.1:0")
	startEnvoy(t, envoy, address)
	if got, want := await(t, serial), serialOf(t, before); got != want {
		t.Fatalf("Envoy presented certificate %s, want %s", got, want)
	}
	stop()
	server.swap(t, after)
	envoy.swap(t, asEnvoy(after))
	serveGRPC(t, config, serial, address)
	if got, want := await(t, serial), serialOf(t, after); got != want {
		t.Errorf("Envoy presented certificate %s, want %s", got, want)
	}
}

// TestEnvoyReconnectsInEachStepOfARenewal takes each step of a renewal first on one side only, and then on the other: Envoy connects again
// each time, with the certificate of the state that it has.
func TestEnvoyReconnectsInEachStepOfARenewal(t *testing.T) {
	now := time.Now()
	made, err := certs.Generate(certs.Options{Namespace: "ns", LifetimeDays: 365, Now: now.AddDate(0, 0, -300)})
	must(t, err)
	secrets := made.Secrets(certs.SecretOptions{Namespace: "ns", Format: certs.Compact, Version: "v1"})
	server, envoy := newMount(t, contents(secrets[0])), newMount(t, contents(secrets[1]))
	config, err := Server(server.files(), func(err error) { t.Error(err) })
	must(t, err)
	serial := make(chan string, 16)
	address, stop := serveGRPC(t, config, serial, "127.0.0.1:0")
	startEnvoy(t, envoy, address)
	present := contents(secrets[1]) // what Envoy has
	reconnects := func(when string) {
		t.Helper()
		if got, want := await(t, serial), serialOf(t, present); got != want {
			t.Fatalf("%s: Envoy presented certificate %s, want %s", when, got, want)
		}
		stop()
	}
	reconnects("before")
	for i, want := range []certs.Action{certs.Trust, certs.Switch, certs.Retire} {
		step, err := certs.Renew(now, secrets)
		must(t, err)
		if step.Action != want || len(step.Secrets) != 2 {
			t.Fatalf("%q is due, want %q", step.Action, want)
		}
		secrets, now = step.Secrets, step.Next
		first := func() { server.swap(t, contents(secrets[0])) }
		second := func() { present = contents(secrets[1]); envoy.swap(t, present) }
		if i%2 == 1 {
			first, second = second, first
		}
		for _, side := range []func(){first, second} {
			side()
			_, stop = serveGRPC(t, config, serial, address)
			reconnects(string(want))
		}
	}
}

// contents is the Secret as the Bundle of a mount, whichever side has it.
func contents(s *corev1.Secret) *certs.Bundle {
	pair := certs.KeyPair{Cert: s.Data["tls.crt"], Key: s.Data["tls.key"]}
	return &certs.Bundle{CA: s.Data["ca.crt"], Contour: pair, Envoy: pair}
}

// asEnvoy is the Bundle with Envoy's part where a mount has the server's.
func asEnvoy(b *certs.Bundle) *certs.Bundle {
	return &certs.Bundle{CA: b.CA, Contour: b.Envoy}
}

func serialOf(t *testing.T, b *certs.Bundle) string {
	t.Helper()
	return client(t, b).Certificates[0].Leaf.SerialNumber.String()
}

func await(t *testing.T, serial <-chan string) string {
	t.Helper()
	select {
	case s := <-serial:
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("Envoy opened no stream")
		return ""
	}
}

// serveGRPC accepts any stream and sends the serial number of the client's certificate.
func serveGRPC(t *testing.T, config *tls.Config, serial chan<- string, listen string) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	must(t, err)
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config)),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: envoybootstrap.PingInterval / 2, PermitWithoutStream: true}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			if p, ok := peer.FromContext(stream.Context()); ok {
				info := p.AuthInfo.(credentials.TLSInfo)
				serial <- info.State.PeerCertificates[0].SerialNumber.String()
			}
			<-stream.Context().Done()
			return stream.Context().Err()
		}),
	)
	go func() { _ = server.Serve(l) }() // ends with stop
	t.Cleanup(server.Stop)
	return l.Addr().String(), server.Stop
}

func startEnvoy(t *testing.T, m *mount, address string) {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", address)
	must(t, err)
	dir := t.TempDir()
	c := envoybootstrap.Default()
	c.AdminSocket = filepath.Join(dir, "admin.sock")
	c.XDSAddress, c.XDSPort = tcp.IP.String(), tcp.Port
	c.TLS = envoybootstrap.TLS{CAFile: m.files().CA, CertFile: m.files().Cert, KeyFile: m.files().Key}
	path := filepath.Join(dir, "envoy.json")
	must(t, envoybootstrap.Write(path, c))

	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, envoytest.Path(t), "-c", path, "--use-dynamic-base-id", "--concurrency", "1",
		"--service-node", "node", "--service-cluster", "cluster")
	var log bytes.Buffer
	cmd.Stderr = &log
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed, so there is an error
		if t.Failed() {
			t.Logf("Envoy:\n%s", log.String())
		}
	})
	must(t, cmd.Start())
}
