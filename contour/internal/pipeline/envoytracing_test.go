//go:build envoy

package pipeline_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	tracecollectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
)

// collector is a server of the protocol of OpenTelemetry, as its own definition generates it.
type collector struct {
	tracecollectorv1.UnimplementedTraceServiceServer
	port int

	mu    sync.Mutex
	spans []map[string]string // attributes, with those of the resource and the name
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{port: l.Addr().(*net.TCPAddr).Port}
	s := grpc.NewServer()
	tracecollectorv1.RegisterTraceServiceServer(s, c)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return c
}

func (c *collector) Export(_ context.Context, r *tracecollectorv1.ExportTraceServiceRequest) (*tracecollectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range r.GetResourceSpans() {
		resource := map[string]string{}
		for _, a := range of.GetResource().GetAttributes() {
			resource[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, attributes(span, resource))
			}
		}
	}
	return &tracecollectorv1.ExportTraceServiceResponse{}, nil
}

func attributes(span *tracev1.Span, resource map[string]string) map[string]string {
	out := maps.Clone(resource)
	for _, a := range span.GetAttributes() {
		out[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return out
}

// of returns the records of a host.
func (c *collector) of(host string) (out []map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if strings.Contains(s["http.url"], "//"+host+"/") {
			out = append(out, s)
		}
	}
	return out
}

// Requests on both listeners are recorded as the configuration says, from when the ExtensionService can be called, and no longer
// after the configuration ends; requests are served in any case.
func TestTracingOnEnvoy(t *testing.T) {
	t.Setenv("CONTOUR_NAMESPACE", "edge")
	c := startCollector(t)
	f := startFleet(t, func(c *config.Config) {
		c.Tracing.Collector = kobj.Name{Namespace: "team", Name: "collector"}
		c.Tracing.ServiceName, c.Tracing.MaxPathBytes = "shop", 8
		c.Tracing.Tags = []ir.TraceTag{{Name: "stage", Literal: "test"}, {Name: "tenant", Header: "x-tenant"}, {Name: "none", Header: "x-none"}}
	})
	f.sys.Step(change(secret(t, "team", "cert-1")))
	for i := range 2 {
		f.sys.Step(change(service(i)))
	}
	f.sys.Step(change(f.local(t, slice(0, "127.0.0.1"))))
	f.sys.Step(change(proxy(0)))
	overTLS := tlsProxy(10)
	for i := range overTLS.Spec.Routes {
		overTLS.Spec.Routes[i].Services[0].Name = "service-0"
	}
	f.sys.Step(change(overTLS))
	ask := func(r semantic.Request) {
		t.Helper()
		at := f.config.Listeners.HTTP
		if r.TLS {
			at = f.config.Listeners.HTTPS
		}
		var got seen
		if !eventually(func() bool {
			got = send(fmt.Sprintf("%s:%d", at.Host, at.Port), r, nil)
			return got.failure == nil && got.status == 200
		}) {
			t.Fatalf("%+v: status %d, %v", r, got.status, got.failure)
		}
	}
	plain := semantic.Request{Host: "host-0.example.com", Path: "/0123456789", Headers: map[string]string{"X-Tenant": "a"}}
	ask(plain) // no ExtensionService yet
	s := slice(1, "127.0.0.1")
	s.Ports[0].Port = new(int32(c.port))
	f.sys.Step(change(s))
	f.sys.Step(change(extensionTo("collector", 1, "http/1.1"))) // gRPC cannot be called
	ask(plain)
	f.sys.Step(change(extensionTo("collector", 1, "h2c")))
	f.waitIdle(t)
	if !eventually(func() bool { ask(plain); return len(c.of(plain.Host)) > 0 }) {
		t.Fatal("no record of a request")
	}
	for key, want := range map[string]string{
		"service.name": "shop", "http.url": "http://host-0.example.com/0123456", "stage": "test", "tenant": "a", "none": "", "podNamespace": "edge",
		"http.status_code": "200", "http.method": "GET",
	} {
		if got := c.of(plain.Host)[0][key]; got != want {
			t.Errorf("attribute %s is %q, want %q", key, got, want)
		}
	}
	secure := semantic.Request{Host: "tls-10.example.com", Path: "/x", TLS: true}
	if !eventually(func() bool { ask(secure); return len(c.of(secure.Host)) > 0 }) {
		t.Fatal("no record of a request over TLS")
	}

	// Nothing at random, and only what the client asks for.
	f.config.Tracing.Random = 0
	f.sys.Configure(f.config)
	f.waitIdle(t)
	unasked := semantic.Request{Host: plain.Host, Path: "/unasked"}
	ask(unasked)
	if !eventually(func() bool {
		ask(semantic.Request{Host: plain.Host, Path: "/asked", Headers: map[string]string{"X-Client-Trace-Id": "1", "X-Tenant": "asked"}})
		for _, s := range c.of(plain.Host) {
			if s["tenant"] == "asked" {
				return true
			}
		}
		return false
	}) {
		t.Error("no record of a request whose client asks for it")
	}
	for _, s := range c.of(plain.Host) {
		if strings.HasSuffix(s["http.url"], "/unasked") {
			t.Error("a request is recorded that is not to be")
		}
	}
	f.config.Tracing = config.Default().Tracing
	f.sys.Configure(f.config)
	f.waitIdle(t)
	ask(plain)
}
