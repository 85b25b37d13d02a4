package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// secured is a server with mutual TLS for some fleets, each with a cluster named after it.
type secured struct {
	t      *testing.T
	fleets *fleet.Tables
	server *server.Server
	bundle *certs.Bundle
	ca     *x509.CertPool
	addr   string
}

func startSecured(t *testing.T, fleets ...ir.Fleet) *secured {
	t.Helper()
	s := &secured{t: t, fleets: fleet.New(nil), ca: x509.NewCertPool()}
	var err error
	s.bundle, err = certs.Generate(certs.Options{Namespace: "projectcontour", LifetimeDays: 1, Fleets: []string{"blue", "green"}, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s.ca.AppendCertsFromPEM(s.bundle.CA)
	for _, f := range fleets {
		s.add(f)
	}
	s.server = server.New(server.Options{Fleet: s.fleets.Get})
	g := grpc.NewServer(append(server.GRPCOptions(), grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{s.pair(s.bundle.Contour)}, ClientCAs: s.ca, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	})))...)
	s.server.Register(g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	s.addr = l.Addr().String()
	return s
}

func (s *secured) add(f ir.Fleet) {
	s.fleets.Add(f).Publish([]*table.Resource{cluster(string(f), "body")}, nil)
}

func (s *secured) pair(p certs.KeyPair) tls.Certificate {
	s.t.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	return pair
}

// certificate is that of the fleet.
func (s *secured) certificate(f ir.Fleet) certs.KeyPair {
	for _, p := range s.bundle.Fleets {
		if ir.Fleet(p.Fleet) == f {
			return p.KeyPair
		}
	}
	return s.bundle.Envoy
}

// connect is a stream with the certificate of a fleet, on which the node says what fleet it is of; "" says nothing.
func (s *secured) connect(certificate, says ir.Fleet) rpcClient {
	s.t.Helper()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{s.pair(s.certificate(certificate))}, RootCAs: s.ca, ServerName: "contour", MinVersion: tls.VersionTLS13,
	})))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	first := firstRequest("envoy")
	if says != "" {
		first.Node.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{"fleet": structpb.NewStringValue(string(says))}}
	}
	send(s.t, stream, first)
	return stream
}

// The certificate alone says which fleet a client is of.
func TestFleetIsThatOfTheCertificate(t *testing.T) {
	s := startSecured(t, ir.DefaultFleet, "blue", "green")
	for _, c := range []struct {
		certificate, says ir.Fleet
		want              codes.Code
	}{
		{ir.DefaultFleet, "", codes.OK},
		{ir.DefaultFleet, ir.DefaultFleet, codes.OK},
		{ir.DefaultFleet, "blue", codes.PermissionDenied},
		{"blue", "", codes.OK},
		{"blue", "blue", codes.OK},
		{"blue", "green", codes.PermissionDenied},
		{"green", ir.DefaultFleet, codes.PermissionDenied},
	} {
		response, err := s.connect(c.certificate, c.says).Recv()
		if status.Code(err) != c.want {
			t.Errorf("a certificate of %s, a node that says %q: %v, want %v", c.certificate, c.says, err, c.want)
			continue
		}
		if got := response.GetResources(); c.want == codes.OK && (len(got) != 1 || got[0].GetName() != string(c.certificate)) {
			t.Errorf("an Envoy of %s gets %v", c.certificate, got)
		}
	}
}

// An Envoy may come before its fleet and stay after it; the answer makes it try again.
func TestFleetsComeAndGoUnderEnvoys(t *testing.T) {
	s := startSecured(t, ir.DefaultFleet)
	if _, err := s.connect("blue", "").Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("before the fleet is there: %v", err)
	}
	s.add("blue")
	stream, other := s.connect("blue", ""), s.connect(ir.DefaultFleet, "")
	receive(t, stream)
	receive(t, other)
	s.fleets.Remove("blue")
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the fleet is gone: %v", err)
	}
	eventually(t, "the session of the fleet is gone", func() bool { return len(s.server.Sessions()) == 1 })
	if got := s.server.Sessions()[0].Fleet; got != ir.DefaultFleet {
		t.Errorf("what is left is a session of %s", got)
	}
	if _, err := s.connect("blue", "").Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("after the fleet is gone: %v", err)
	}
}
