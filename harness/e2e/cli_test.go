//go:build local

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"contour.example/harness/scenario"
	"contour.example/harness/traffic"
)

// contour cli shows the configuration of a running controller, over mutual TLS and without private keys; its rejections
// have no effect on what Envoy serves, on the statuses, and on the number of Envoys.
func TestCLI(t *testing.T) {
	const host = "cli.example"
	f := newFixture(t, shared)
	f.service("shop", f.server("shop", "0"))
	pair := f.certificate("cert", host)
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: a}
spec:
  virtualhost: {fqdn: %s, tls: {secretName: cert}}
  routes: [{permitInsecure: true, services: [{name: shop, port: 80}]}]
`, host)
	f.answered(traffic.Request{Host: host}, "shop")
	for _, c := range []struct{ command, want string }{
		{"cds", f.namespace}, {"eds", f.namespace}, {"lds", host}, {"rds", host}, {"sds", f.namespace}, {"srds", host},
	} {
		for _, variant := range []string{"", "--delta", "--nack"} {
			text := f.cli(3, c.command, variant)
			if !strings.Contains(text, c.want) {
				t.Errorf("%s %s does not show %s", c.command, variant, c.want)
			}
			if strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, strconv.Quote(string(pair.Key))) {
				t.Errorf("%s %s shows a private key", c.command, variant)
			}
		}
	}
	m, err := f.s.Controllers[0].Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := m.Sum("contour_xds_sessions"); n != 1 {
		t.Errorf("%v Envoys are connected", n)
	}
	if n := m.Sum("contour_xds_rejected"); n != 0 {
		t.Errorf("%v rejections", n)
	}
	f.runSteps(scenario.Step{Name: "the status is not affected", Objects: []scenario.Object{{
		Target: scenario.Target{APIVersion: "projectcontour.io/v1", Kind: "HTTPProxy", Name: "a", Namespace: f.namespace},
		Has:    map[string]any{"status": map[string]any{"currentStatus": "valid"}},
	}}})
	f.answered(traffic.Request{Host: host}, "shop")
}

// cli runs contour cli against the first controller until it has written that number of messages, and returns them.
func (f *fixture) cli(messages int, args ...string) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	tls := f.s.EnvoyConfig(f.s.Relay).TLS
	args = append([]string{
		"cli", "--contour=" + net.JoinHostPort("127.0.0.1", strconv.Itoa(f.s.Controllers[0].XDSPort)),
		"--cafile=" + tls.CAFile, "--cert-file=" + tls.CertFile, "--key-file=" + tls.KeyFile,
	}, slices.DeleteFunc(args, func(a string) bool { return a == "" })...)
	command := exec.CommandContext(ctx, os.Getenv("CONTOUR"), args...)
	var log strings.Builder
	command.Stderr = &log
	out, err := command.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		f.t.Fatal(err)
	}
	var text strings.Builder
	decoder := json.NewDecoder(io.TeeReader(out, &text))
	for range messages {
		var message map[string]any
		if err := decoder.Decode(&message); err != nil {
			f.t.Errorf("%v: %v: %s", args, err, log.String())
			break
		}
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		f.t.Error(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := command.Wait(); err != nil {
		f.t.Errorf("%v: interrupted: %v: %s", args, err, log.String())
	}
	return text.String()
}
