//go:build envoy

package envoybootstrap

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// timeout is for what usually takes well under a second, on a loaded machine.
const timeout = 20 * time.Second

// envoyPath is the Envoy under test: $ENVOY, else the developers' cache.
func envoyPath(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("ENVOY"); path != "" {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, ".cache", "contour-dev", "envoy", "1.40.0", "envoy")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no Envoy to test with, set ENVOY: %v", err)
	}
	return path
}

// TestEnvoyAcceptsGolden validates with a real Envoy the files of each golden command line,
// with the absolute paths moved into a temporary directory; a warning (a deprecated field) fails too.
func TestEnvoyAcceptsGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/args.txt")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			dir := t.TempDir()
			id := newTestCA(t).identity(t, "envoy")
			for _, at := range []string{"certs", "ca", "cert", "key"} {
				id.writeTo(t, filepath.Join(dir, at))
			}
			args := moved(arguments(t, path), dir)
			if got := runWith(nil, args...); got.code != 0 {
				t.Fatalf("write: %+v", got)
			}
			validate(t, filepath.Join(dir, "config", "envoy.json"))
		})
	}
}

// moved replaces the directories of the golden cases by ones under dir.
func moved(args []string, dir string) []string {
	places := regexp.MustCompile(`(^|=|//)(/(?:config|certs|ca|cert|key|run)/)`)
	out := make([]string, len(args))
	for i, arg := range args {
		arg = strings.Replace(arg, "unix:///", "unix:/", 1)
		arg = strings.Replace(arg, "unix:/", "unix:"+dir+"/", 1)
		arg = places.ReplaceAllString(arg, "${1}"+dir+"${2}")
		out[i] = strings.Replace(arg, "/ca.pem", "/ca.crt", 1)
	}
	return out
}

func validate(t *testing.T, path string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), envoyPath(t), "--mode", "validate",
		"--service-node", "node", "--service-cluster", "cluster", "-c", path).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("[warning]")) {
		t.Errorf("validate: %v\n%s", err, out)
	}
}

// TestEnvoyReconnectsSoon stops the controller until Envoy's default
// back-off would have grown to many seconds, and expects the stream soon after its start.
func TestEnvoyReconnectsSoon(t *testing.T) {
	server := newController(t, nil)
	startEnvoy(t, server.config(t))
	server.awaitStream(t)
	for range 3 {
		server.goAway()
		for range 8 {
			server.awaitAttempt(t)
		}
		start := time.Now()
		server.restart()
		server.awaitStream(t)
		took := time.Since(start)
		t.Logf("reconnected after %v", took)
		if took > 3*time.Second {
			t.Errorf("reconnected after %v, want about 1 s at most", took)
		}
	}
}

// TestEnvoyOverUnixSocket tests how standalone connects the two.
func TestEnvoyOverUnixSocket(t *testing.T) {
	server := newController(t, &unixSocket{filepath.Join(t.TempDir(), "xds.sock")})
	startEnvoy(t, server.config(t))
	server.awaitStream(t)
}

// TestEnvoySpeaksDeltaADS reads the first message of the stream.
func TestEnvoySpeaksDeltaADS(t *testing.T) {
	server := newController(t, nil)
	startEnvoy(t, server.config(t))
	stream := server.awaitStream(t)
	if want := "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"; stream.path != want {
		t.Errorf("stream %s, want %s", stream.path, want)
	}
	for _, want := range []string{"node-under-test", "type.googleapis.com/envoy.service.runtime.v3.Runtime"} {
		if !strings.Contains(stream.first, want) {
			t.Errorf("first message lacks %q", want)
		}
	}
}

// TestEnvoyPicksUpRenewedCertificates replaces CA and certificates as the kubelet
// does, on both sides, while Envoy runs.
func TestEnvoyPicksUpRenewedCertificates(t *testing.T) {
	mount := newMount(t)
	first := newTestCA(t)
	mount.swap(t, first.identity(t, "envoy-1"))
	server := newController(t, &mutualTLS{first.server(t, "contour")})
	c := server.config(t)
	c.TLS = mount.files()
	startEnvoy(t, c)
	if got := server.awaitStream(t).peer; got != "envoy-1" {
		t.Fatalf("Envoy connected as %q, want envoy-1", got)
	}

	server.goAway()
	second := newTestCA(t)
	server.present(second.server(t, "contour"))
	mount.swap(t, second.identity(t, "envoy-2"))
	server.restart()
	if got := server.awaitStream(t).peer; got != "envoy-2" {
		t.Errorf("Envoy connected as %q, want envoy-2", got)
	}
}

// TestEnvoyRejectsAnotherServer uses a certificate of the right CA under another name.
func TestEnvoyRejectsAnotherServer(t *testing.T) {
	mount := newMount(t)
	ca := newTestCA(t)
	mount.swap(t, ca.identity(t, "envoy"))
	server := newController(t, &mutualTLS{ca.server(t, "contour.example.com")})
	c := server.config(t)
	c.TLS = mount.files()
	startEnvoy(t, c)
	for range 4 {
		server.awaitAttempt(t)
	}
	select {
	case s := <-server.streams:
		t.Errorf("Envoy opened a stream: %+v", s)
	default:
	}
}

// startEnvoy runs Envoy until the end of the test; its log is shown if the test failed.
func startEnvoy(t *testing.T, c Config) {
	t.Helper()
	dir := t.TempDir()
	c.AdminSocket = filepath.Join(dir, "admin.sock")
	path := filepath.Join(dir, "envoy.json")
	if err := Write(path, c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, envoyPath(t), "-c", path, "--use-dynamic-base-id", "--concurrency", "1",
		"--service-node", "node-under-test", "--service-cluster", "cluster", "--log-level", "info")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed, so there is an error
		if t.Failed() {
			t.Logf("Envoy:\n%s", log.String())
		}
	})
}
