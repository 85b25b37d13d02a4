package settings

import (
	"strings"
	"testing"

	"contour.example/contour/internal/ir"
)

// Metrics have TLS with a certificate and its key, and not on the socket of a probe.
func TestMetricsTLS(t *testing.T) {
	t.Parallel()
	const files = "server-certificate-path: /c, server-key-path: /k"
	for text, want := range map[string]string{
		"contour: {port: 8003, " + files + "}":                           "",
		"envoy: {port: 8004, " + files + ", ca-certificate-path: /ca}":   "",
		"envoy: {address: 192.0.2.1, " + files + "}":                     "",
		"contour: {" + files + "}":                                       "f:1: metrics.contour.server-certificate-path: Metrics with TLS and the health endpoint, which is without, have the same address and port, 0.0.0.0:8000.",
		"contour: {address: 127.0.0.1, port: 6060, " + files + "}":       "the debug endpoint, which is without, have the same address and port, 127.0.0.1:6060.",
		"contour: {port: 8003, server-certificate-path: /c}":             "f:1: metrics.contour.server-certificate-path: TLS needs both a certificate and its key.",
		"contour: {port: 8003, server-key-path: /k}":                     "f:1: metrics.contour.server-key-path: TLS needs both a certificate and its key.",
		"envoy: {port: 8004, ca-certificate-path: /ca}":                  "f:1: metrics.envoy.ca-certificate-path: TLS needs both a certificate and its key.",
		"envoy: {port: 8002, " + files + "}":                             "", // see below
		"contour: {port: 8003, " + files + "}, envoy: {port: 8004}":      "",
		"contour: {port: 8003}, envoy: {port: 8004, " + files + "}":      "",
		"contour: {port: 8000}, envoy: {port: 8002}":                     "",
		"contour: {port: 8000, ca-certificate-path: \"\"}":               "",
		"contour: {port: 8003, " + files + "}, envoy: {address: \"::\"}": "",
	} {
		if strings.Contains(text, "8002, ") {
			want = "f:1: metrics.envoy.server-certificate-path: Metrics with TLS and the readiness of Envoy, which is without, have the same address and port, 0.0.0.0:8002."
		}
		d, err := File("f", []byte("metrics: {"+text+"}"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := build(d)
		if err == nil {
			err = d.CheckMetrics(c)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	d, err := File("f", []byte("metrics: {contour: {"+files+"}, envoy: {"+files+", ca-certificate-path: /ca}}"))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := build(d)
	if want := (ir.TLSFiles{Certificate: "/c", Key: "/k"}); c.Process.MetricsTLS != want {
		t.Errorf("the controller has %+v", c.Process.MetricsTLS)
	}
	if want := (ir.TLSFiles{Certificate: "/c", Key: "/k", CA: "/ca"}); c.Listeners.StatsTLS != want {
		t.Errorf("Envoy has %+v", c.Listeners.StatsTLS)
	}
}
