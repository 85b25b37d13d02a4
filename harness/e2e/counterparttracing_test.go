//go:build local && counterpart

package e2e

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// A collector of OpenTelemetry receives the records of requests, as a part of the trace of the client and with the tags of the
// configuration; while it is away no request is late, and the records of later requests arrive when it is back.
func TestCounterpartCollector(t *testing.T) {
	const class, host = "traced", "traced.example"
	before := newFixture(t, shared)
	config := filepath.Join(t.TempDir(), "otelcol.yaml")
	collector := before.newCounterpart("otelcol", func(at netip.AddrPort) []string {
		text := `
receivers: {otlp: {protocols: {grpc: {endpoint: "` + at.String() + `"}}}}
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
`
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config=" + config}
	})
	before.extensionAt("collector", "h2c", collector.address)
	settings := filepath.Join(t.TempDir(), "contour.yaml")
	text := "tracing: {extensionService: " + before.namespace + "/collector, serviceName: edge, customTags: [{tagName: team, literal: blue}, {tagName: user, requestHeaderName: X-User}]}\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, s: beside(t, class, testsystem.Options{ServeArgs: []string{"--config-path=" + settings}}), namespace: before.namespace}
	f.service("shop", f.server("shop", "0"))
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: traced}
spec:
  ingressClassName: %s
  virtualhost: {fqdn: %s}
  routes: [{services: [{name: shop, port: 80}]}]
`, class, host)
	// send sends a request of a trace, and returns the record that Envoy makes of it.
	send := func(trace string) (span string) {
		t.Helper()
		r := traffic.Request{Host: host, Path: "/" + trace, Timeout: 2 * time.Second, Headers: http.Header{
			"Traceparent": {"00-" + trace + "-00f067aa0ba902b7-01"}, "X-User": {"user-of-" + trace},
		}}
		a := f.until(r, ok)
		parts := strings.Split(a.Echo.Headers.Get("Traceparent"), "-")
		if len(parts) != 4 || parts[1] != trace || parts[2] == "00f067aa0ba902b7" {
			t.Fatalf("the backend receives the trace %q, want %s with another parent", parts, trace)
		}
		return parts[2]
	}
	const first, lost, last = "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4737", "4bf92f3577b34da6a3ce929d0e0e4738"
	collector.logs(t, first, send(first))
	collector.stop(t)
	send(lost)
	collector.start(t)
	err := poll.Until(t.Context(), time.Minute, "record after the restart", func(context.Context) (bool, string, error) {
		return send(last) != "" && collector.has(t, last, ""), "", nil // Envoy connects again after a while
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, collector.Tail(80))
	}
}

// logs waits until the collector has logged the record of a request of that trace, with its tags.
func (c *counterpart) logs(t *testing.T, trace, span string) {
	t.Helper()
	err := poll.Until(t.Context(), 20*time.Second, "record "+span+" of trace "+trace, func(context.Context) (bool, string, error) {
		return c.has(t, trace, span), "", nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Tail(80))
	}
}

// has reports whether the log has the record.
func (c *counterpart) has(t *testing.T, trace, span string) bool {
	t.Helper()
	text, err := os.ReadFile(c.spec.Log)
	if err != nil {
		t.Fatal(err)
	}
	for record := range strings.SplitSeq(string(text), "ResourceSpans #") {
		found := true
		for _, want := range []string{
			trace, span, "00f067aa0ba902b7", "service.name: Str(edge)", "team: Str(blue)", "user: Str(user-of-" + trace + ")", "/" + trace,
		} {
			found = found && strings.Contains(record, want)
		}
		if found {
			return true
		}
	}
	return false
}
