package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/contour/internal/drain"
)

func TestShutdownOpensTheGate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		envoy    bool
		gate     bool // is open in the end
		args     []string
		wantCode int
		wantErr  string
	}{
		"drained":          {envoy: true, gate: true, wantErr: "Envoy is drained"},
		"late":             {envoy: true, gate: true, args: []string{"--min-open-connections=2", "--timeout=1ms", "--drain-delay=1h"}, wantErr: "connections are left"},
		"no Envoy":         {gate: true, args: []string{"--timeout=1ms"}, wantCode: 1, wantErr: "drain Envoy"},
		"a wrong interval": {args: []string{"--check-interval=0s"}, wantCode: 2, wantErr: "--check-interval"},
		"a wrong minimum":  {args: []string{"--min-open-connections=-1"}, wantCode: 2, wantErr: "--min-open-connections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			socket, file := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "ok")
			if test.envoy {
				serveUnix(t, socket)
			}
			var log bytes.Buffer
			args := append([]string{"envoy", "shutdown", "--admin-address=" + socket, "--ready-file=" + file}, test.args...)
			code := Main(args, Streams{Out: io.Discard, Err: &log, Env: func(string) string { return "" }})
			if code != test.wantCode || !strings.Contains(log.String(), test.wantErr) {
				t.Errorf("exit code %d, want %d; no %q in\n%s", code, test.wantCode, test.wantErr, &log)
			}
			if _, err := os.Stat(file); (err == nil) != test.gate {
				t.Errorf("gate: %v", err)
			}
		})
	}
}

// serveUnix is an Envoy without connections.
func serveUnix(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

func TestShutdownManagerHoldsUpUntilTheGateOpens(t *testing.T) {
	t.Parallel()
	gate := drain.Gate(filepath.Join(t.TempDir(), "ok"))
	waiting := make(chan struct{}, 1)
	mux := http.NewServeMux()
	addHealth(mux)
	addShutdown(mux, gate, slog.New(slog.NewTextHandler(onWrite(func(line string) {
		if strings.Contains(line, "waiting for its drain") {
			waiting <- struct{}{}
		}
	}), nil)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- serveShutdown(ctx, l, mux) }()

	asked := make(chan string, 1)
	go func() { asked <- get("http://" + l.Addr().String() + "/shutdown") }()
	<-waiting
	if got := get("http://" + l.Addr().String() + "/healthz"); got != "200 OK" {
		t.Errorf("healthz: %s", got)
	}
	select {
	case got := <-asked:
		t.Fatalf("answered before the gate was open: %s", got)
	default:
	}
	cancel() // the manager is told to end while the kubelet still waits
	if err := gate.Open(); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != "200 OK" {
		t.Errorf("shutdown: %s", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestShutdownManagerShutsTheGateFirst(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ok")
	if err := drain.Gate(file).Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.NewTextHandler(onWrite(func(string) { cancel() }), nil)) // once it listens
	if err := (&managerFlags{gate: file}).run(ctx, log); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the gate of an earlier drain is still open")
	}
}

// onWrite is a writer that hands on what is written.
type onWrite func(string)

func (f onWrite) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	return response.Status
}
