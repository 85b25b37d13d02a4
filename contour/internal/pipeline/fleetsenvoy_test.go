//go:build envoy

package pipeline_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/xds/server"
	"contour.example/envoybootstrap"
)

// fleets is a system with mutual TLS, for Envoys of several fleets.
type fleets struct {
	*system
	t        *testing.T
	config   config.Config
	backends *backends
	server   *server.Server
	log      lockedBuffer // of the server
	dir      string       // with the certificates
	port     int          // of the xDS server
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startFleets(t *testing.T) *fleets {
	t.Helper()
	f := &fleets{t: t, config: config.Default(), backends: newBackends(t), dir: t.TempDir()}
	for _, a := range []*config.Address{&f.config.Listeners.HTTP, &f.config.Listeners.HTTPS, &f.config.Listeners.Stats} {
		*a = config.Address{Host: "127.0.0.1", Port: envoytest.FreePort(t)}
	}
	f.config.AccessLog.HTTP, f.config.AccessLog.HTTPS = "", ""
	f.config.Endpoints.Loopback = true
	f.system = newSystem(t, f.config, gatewayAPI())
	f.server = server.New(server.Options{Fleet: f.fleets.Get, Log: slog.New(slog.NewTextHandler(&f.log, nil))})
	bundle, err := certs.Generate(certs.Options{Namespace: "projectcontour", LifetimeDays: 1, Fleets: []string{"blue", "green"}, Now: time.Now()})
	if err == nil {
		err = bundle.WritePEM(f.dir, certs.Keep)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.listen(bundle)
	return f
}

func (f *fleets) listen(bundle *certs.Bundle) {
	f.t.Helper()
	pair, err := tls.X509KeyPair(bundle.Contour.Cert, bundle.Contour.Key)
	if err != nil {
		f.t.Fatal(err)
	}
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM(bundle.CA)
	g := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: ca, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		})),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	f.server.Register(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	f.t.Cleanup(g.Stop)
	f.port = l.Addr().(*net.TCPAddr).Port
}

// envoy starts an Envoy with the certificate of one fleet, configured for another, or for none.
func (f *fleets) envoy(certificate, configured ir.Fleet) {
	f.t.Helper()
	suffix := "-" + string(certificate)
	if certificate == ir.DefaultFleet {
		suffix = ""
	}
	startEnvoy(f.t, f.t.TempDir(), shortDrain, func(c *envoybootstrap.Config) {
		c.XDSAddress, c.XDSPort, c.Fleet = "127.0.0.1", f.port, string(configured)
		c.TLS = envoybootstrap.TLS{
			CAFile: filepath.Join(f.dir, "cacert.pem"), CertFile: filepath.Join(f.dir, "envoycert"+suffix+".pem"), KeyFile: filepath.Join(f.dir, "envoykey"+suffix+".pem"),
		}
	})
}

// connected waits until there is exactly one Envoy of each of these fleets, with all resources of its fleet.
func (f *fleets) connected(want ...ir.Fleet) {
	f.t.Helper()
	slices.Sort(want)
	var last []server.Session
	if !eventually(func() bool {
		last = f.server.Sessions()
		var got []ir.Fleet
		for _, s := range last {
			if of := f.fleets.Get(s.Fleet); of != nil && s.Seq == of.Seq() && s.Idle() {
				got = append(got, s.Fleet)
			}
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}) {
		f.t.Fatalf("want idle Envoys of %v, got %+v\n%s", want, last, &f.log)
	}
	for _, r := range f.fleets.Rejections() {
		f.t.Errorf("an Envoy of %s rejects %s: %s", r.Fleet, r.Ref, r.ErrorDetail)
	}
}

// answers waits until the response to a request at the port has the status, and is from the backend if there is one.
func (f *fleets) answers(what string, port uint32, r semantic.Request, status int, backend string) {
	f.t.Helper()
	var last seen
	if !eventually(func() bool {
		last = send(fmt.Sprintf("127.0.0.1:%d", port), r, nil)
		got := ""
		if last.backend != nil {
			got = last.backend.Service
		}
		return last.status == status && got == backend
	}) {
		f.t.Errorf("%s: %+v, want %d from %q", what, last, status, backend)
	}
}

// echoes waits until a datagram to the port is echoed.
func (f *fleets) echoes(what string, port uint32) {
	f.t.Helper()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, 16)
	if !eventually(func() bool {
		_, _ = io.WriteString(conn, what)
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		n, err := conn.Read(answer)
		return err == nil && string(answer[:n]) == what
	}) {
		f.t.Errorf("%s: timeout waiting for the datagram", what)
	}
}

// echoAt echoes datagrams at the port until the test ends.
func echoAt(t *testing.T, port int) {
	t.Helper()
	conn, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(b[:n], from)
		}
	}()
}

// Three fleets have their own listeners, ports and hosts, and one Service: each Envoy gets the resources of its fleet, also
// if it connects before the fleet exists.
func TestThreeFleetsOnThreeEnvoys(t *testing.T) {
	f := startFleets(t)
	old, next := f.backends.port(t, "old"), f.backends.port(t, "next")
	echoAt(t, old)
	pod := func(port int) *fleets {
		s := slice(0, "127.0.0.1")
		s.Ports[0].Port = new(int32(port))
		datagrams := s.Ports[0]
		datagrams.Protocol = new(corev1.ProtocolUDP)
		s.Ports = append(s.Ports, datagrams)
		f.Step(change(s))
		return f
	}
	p := proxy(0)
	f.Step(slices.Concat(change(p), change(service(0)), change(secret(t, "team", "cert-1"))))
	pod(old)
	b, g := blue(), green()
	for _, port := range []*uint32{&b.HTTP, &b.TCP, &g.HTTP, &g.HTTPS, &g.UDP} {
		*port = envoytest.FreePort(t)
	}
	f.Step(change(b.object("blue")))
	f.envoy(ir.DefaultFleet, "")
	f.envoy("blue", "blue")
	f.envoy("green", "") // before its fleet
	f.envoy("blue", "green")
	f.connected(ir.DefaultFleet, "blue")
	f.Step(change(g.object("green")))
	f.connected(ir.DefaultFleet, "blue", "green")

	host := p.Spec.VirtualHost.Fqdn
	at := map[ir.Fleet]uint32{ir.DefaultFleet: f.config.Listeners.HTTP.Port, "blue": b.HTTP, "green": g.HTTP}
	served := func(backend string) {
		t.Helper()
		for fleet, port := range at {
			for of, name := range map[ir.Fleet]string{ir.DefaultFleet: host, "blue": b.Host, "green": g.Host} {
				if of == fleet {
					f.answers(string(fleet), port, semantic.Request{Host: name}, 200, backend)
				} else {
					f.answers(string(fleet)+" with a host of "+string(of), port, semantic.Request{Host: name}, 404, "")
				}
			}
		}
		f.answers("green over TLS", g.HTTPS, semantic.Request{Host: g.Host, TLS: true}, 200, backend)
		f.answers("blue over TCP", b.TCP, semantic.Request{Host: "whatever"}, 200, backend)
	}
	served("old")
	f.echoes("green", g.UDP)

	before := f.Stats()
	pod(next)
	for i, s := range f.Stats() {
		if runs := s.Runs - before[i].Runs; runs > 0 && (s.Table != "translate/endpoints" && s.Table != "translate/endpoints of datagrams" || runs > 1) {
			t.Errorf("a pod change derives %s %d times", s.Table, runs)
		}
	}
	f.connected(ir.DefaultFleet, "blue", "green")
	served("next")

	if !eventually(func() bool { return strings.Contains(f.log.String(), `the certificate is of fleet \"blue\"`) }) {
		t.Errorf("the Envoy with the certificate of another fleet is not rejected:\n%s", &f.log)
	}
	f.Step(deletion(g.object("green")))
	f.connected(ir.DefaultFleet, "blue")
	if got := f.fleets.Names(); !slices.Equal(got, []ir.Fleet{"blue", ir.DefaultFleet}) {
		t.Errorf("fleets: %v", got)
	}
	f.answers("blue, without green", b.HTTP, semantic.Request{Host: b.Host}, 200, "next")
	g.Host = "greener.example.com"
	f.Step(change(g.object("green")))
	f.connected(ir.DefaultFleet, "blue", "green")
	f.answers("green, again", g.HTTP, semantic.Request{Host: g.Host}, 200, "next")
}
