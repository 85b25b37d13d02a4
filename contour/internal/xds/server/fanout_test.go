package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/server/fleettest"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// loadPatience bounds the first load, which is gigabytes in the benchmark.
const loadPatience = 5 * time.Minute

// fanout is a server with many clients over mutual TLS, each on a connection of its own.
type fanout struct {
	tb      testing.TB
	fleet   *fleettest.Fleet
	server  *server.Server
	address string
	creds   credentials.TransportCredentials
	healthy []*subscriber
	seen    chan string // versions of the watched resource, one for each client that got it
	sent    atomic.Int64
}

// identity is a certificate that both sides show, and that both sides trust.
func identity(tb testing.TB) *tls.Config {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "xds"}, DNSNames: []string{"xds"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "xds", RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
}

func startFanout(tb testing.TB, fleet *fleettest.Fleet, watched table.Ref, healthy, stuck int) *fanout {
	tb.Helper()
	config := identity(tb)
	f := &fanout{
		tb: tb, fleet: fleet, seen: make(chan string, 16*healthy),
		creds: credentials.NewTLS(config),
	}
	f.server = server.New(server.Options{
		Fleet:  func(ir.Fleet) *table.Table { return fleet.Table },
		Limits: session.Limits{LargeListener: 1 << 30}, // what is measured is the cost, not the pace
		Hooks:  server.Hooks{Sent: func(_ table.Type, _, _, bytes int) { f.sent.Add(int64(bytes)) }},
	})
	g := grpc.NewServer(append(server.GRPCOptions(), grpc.Creds(credentials.NewTLS(config)))...)
	f.server.Register(g)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = g.Serve(listener) }()
	tb.Cleanup(g.Stop)
	f.address = listener.Addr().String()
	for i := range stuck {
		f.connect(fmt.Sprint("stuck-", i), watched)
	}
	for i := range healthy {
		c := f.connect(fmt.Sprint("healthy-", i), watched)
		f.healthy = append(f.healthy, c)
		go c.read()
		if i == 0 {
			f.wait(c.loaded) // as the first of its fleet: what it accepts the others get in large responses
		}
	}
	for _, c := range f.healthy {
		f.wait(c.loaded)
	}
	return f
}

func (f *fanout) wait(c <-chan struct{}) {
	f.tb.Helper()
	select {
	case <-c:
	case <-time.After(loadPatience):
		f.tb.Fatal("a client does not get everything")
	}
}

// subscriber is a client that asks for everything.
type subscriber struct {
	fanout  *fanout
	stream  grpc.ClientStream
	watched table.Ref
	missing int           // resources of the first load
	loaded  chan struct{} // closed when all are there
}

func (f *fanout) connect(node string, watched table.Ref) *subscriber {
	f.tb.Helper()
	conn, err := grpc.NewClient(f.address, grpc.WithTransportCredentials(f.creds), grpc.WithDefaultCallOptions(
		grpc.ForceCodecV2(summaries{encoding.GetCodecV2(protocodec.Name)}), grpc.MaxCallRecvMsgSize(64<<20),
	))
	if err != nil {
		f.tb.Fatal(err)
	}
	f.tb.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	f.tb.Cleanup(cancel)
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := conn.NewStream(ctx, desc, discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResources_FullMethodName)
	if err != nil {
		f.tb.Fatal(err)
	}
	c := &subscriber{fanout: f, stream: stream, watched: watched, missing: len(f.fleet.Resources), loaded: make(chan struct{})}
	for _, t := range table.Types() {
		r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: t.URL()}
		if t == table.Cluster {
			r.Node = &corev3.Node{Id: node}
		}
		if !t.Collective() {
			r.ResourceNamesSubscribe = f.fleet.Names[t]
		}
		if len(f.fleet.Names[t]) > 0 {
			c.request(r)
		}
	}
	return c
}

func (c *subscriber) request(r *discoveryv3.DeltaDiscoveryRequest) {
	if err := c.stream.SendMsg(r); err != nil && !strings.Contains(err.Error(), "EOF") {
		c.fanout.tb.Error(err)
	}
}

// read acknowledges everything until the stream ends.
func (c *subscriber) read() {
	var r summary
	for {
		if err := c.stream.RecvMsg(&r); err != nil {
			if code := status.Code(err); code != codes.Canceled && code != codes.Unavailable {
				c.fanout.tb.Error(err)
			}
			return
		}
		if c.missing > 0 {
			c.missing -= len(r.versions)
			if c.missing <= 0 {
				close(c.loaded)
			}
		}
		c.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce})
		if version := r.versions[c.watched.Name]; version != "" && r.typeURL == c.watched.Type.URL() {
			c.fanout.seen <- version
		}
	}
}

// summary is what a client notes of a response: little, so that the server's costs show.
type summary struct {
	typeURL, nonce string
	versions       map[string]string // by name
}

// summaries decodes summaries, and everything else as protobuf does.
type summaries struct{ encoding.CodecV2 }

func (c summaries) Unmarshal(data mem.BufferSlice, v any) error {
	s, ok := v.(*summary)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	*s = summary{versions: map[string]string{}}
	return fields(buffer.ReadOnlyData(), func(number protowire.Number, value []byte) error {
		switch number {
		case 4:
			s.typeURL = string(value)
		case 5:
			s.nonce = string(value)
		case 2:
			var name, version string
			err := fields(value, func(number protowire.Number, value []byte) error {
				switch number {
				case 1:
					version = string(value)
				case 3:
					name = string(value)
				}
				return nil
			})
			s.versions[name] = version
			return err
		}
		return nil
	})
}

func fields(b []byte, f func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 || wireType != protowire.BytesType {
			return errors.New("not a field of bytes")
		}
		value, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			return protowire.ParseError(m)
		}
		if err := f(number, value); err != nil {
			return err
		}
		b = b[n+m:]
	}
	return nil
}

// change publishes another content of the watched resource.
func (f *fanout) change(ref table.Ref, serial int) string {
	text := fmt.Sprintf("serial %d %0*d", serial, 100, 0)
	f.fleet.Table.Publish([]*table.Resource{f.fleet.Changed(ref, text)}, nil)
	return f.fleet.Table.Get(ref).Hash
}

// reached waits until all healthy clients have the version.
func (f *fanout) reached(version string) {
	f.tb.Helper()
	deadline := time.After(time.Minute)
	for n := 0; n < len(f.healthy); {
		select {
		case seen := <-f.seen:
			if seen == version {
				n++
			}
		case <-deadline:
			f.tb.Fatalf("%d of %d clients have the change", n, len(f.healthy))
		}
	}
}

// waiting is the most responses that one client owes an answer to, and the most resources that wait for it.
func (f *fanout) waiting() (responses, pending int) {
	for _, s := range f.server.Sessions() {
		if strings.HasPrefix(s.Node, "stuck") {
			responses, pending = max(responses, s.Waiting), max(pending, s.Pending)
		}
	}
	return responses, pending
}

// TestFanOut has clients that never read among many that do: everybody else gets every change, and what is kept for
// them is bounded however often things change.
func TestFanOut(t *testing.T) {
	const healthy, stuck, changes = 18, 4, 1_000
	fleet := fleettest.HTTP(2_000)
	ref := fleettest.Shard(7)
	f := startFanout(t, fleet, ref, healthy, stuck)
	f.reached(f.change(ref, 0))
	before := liveHeap()
	for i := range changes {
		f.reached(f.change(ref, i+1))
	}
	eventually(t, "all sessions have heard of everything", func() bool {
		for _, s := range f.server.Sessions() {
			if s.Seq != fleet.Table.Seq() {
				return false
			}
		}
		return true
	})
	if responses, pending := f.waiting(); responses > 8 || pending > len(fleet.Resources) {
		t.Errorf("%d responses and %d resources wait for a client that does not read", responses, pending)
	}
	grown := liveHeap() - before
	t.Logf("%d changes left %d KiB behind", changes, grown>>10)
	if grown > 1<<20 {
		t.Errorf("%d changes left %d KiB behind", changes, grown>>10)
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkFanOut is 200 clients of 10,000 hosts, 20 of which never read: a change until all others have it. Costs are
// those of both ends, which are in one process.
func BenchmarkFanOut(b *testing.B) {
	const clients, stuck, hosts = 200, 20, 10_000
	for name, c := range map[string]struct {
		fleet   func(int) *fleettest.Fleet
		watched table.Ref
	}{
		"HTTP, a route":   {fleettest.HTTP, fleettest.Shard(7)},
		"TLS, a route":    {fleettest.TLS, fleettest.Route(7)},
		"TLS, a listener": {fleettest.TLS, fleettest.TLSListener()},
	} {
		b.Run(name, func(b *testing.B) {
			fleet := c.fleet(hosts)
			heap, cpu, start := liveHeap(), processCPU(), time.Now()
			f := startFanout(b, fleet, c.watched, clients-stuck, stuck)
			b.Logf("%d clients loaded in %v, CPU %v, %d MB sent", clients, time.Since(start).Round(time.Millisecond), processCPU()-cpu, f.sent.Load()>>20)
			perClient := (liveHeap() - heap) / clients >> 10
			f.sent.Store(0)
			cpu = processCPU()
			serial := 0
			for b.Loop() {
				serial++
				f.reached(f.change(c.watched, serial))
			}
			spent := processCPU() - cpu
			b.ReportMetric(float64(perClient), "KiB/client")
			b.ReportMetric(float64(spent.Microseconds())/float64(serial)/1000, "ms-CPU/op")
			b.ReportMetric(float64(f.sent.Load())/float64(serial)/1024, "sent-KiB/op")
			b.ReportMetric(float64(liveHeap()-heap)/clients/1024-float64(perClient), "grown-KiB/client")
		})
	}
}

// processCPU is the CPU time that this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
