package proxy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"contour.example/contour/internal/proxy"
)

// timeout bounds what usually takes an instant, on a loaded machine.
const timeout = 30 * time.Second

// start runs a shell script in place of Envoy, which sends its lines to the channel.
func start(t *testing.T, script string) (*proxy.Proxy, <-chan string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "envoy")
	if err := writeProgram(path, "#!/bin/sh\n"+script); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 200)
	p, err := proxy.Start(proxy.Options{
		Path: path, Bootstrap: "envoy.json", AdminSocket: filepath.Join(t.TempDir(), "none"), Node: "node", Cluster: "cluster",
		Concurrency: 1, LogLevel: "error", Log: func(l string) { lines <- l },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(t.Context()) })
	return p, lines
}

func receive[V any](t *testing.T, c <-chan V, what string) (v V) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(timeout):
		t.Fatal("no " + what)
	}
	return v
}

func TestErrHasTheExitAndTheLastOutput(t *testing.T) {
	t.Parallel()
	p, _ := start(t, "seq 100; printf 'cannot go on' >&2; exit 3")
	receive(t, p.Done(), "end")
	err := p.Err().Error()
	if !strings.Contains(err, "exit status 3") || !strings.HasSuffix(err, "\n100\ncannot go on") {
		t.Errorf("got %q", err)
	}
	if strings.Contains(err, "\n81\n") || !strings.Contains(err, "\n82\n") {
		t.Errorf("not the last 20 lines: %q", err)
	}
}

// writeProgram writes an executable file. No process is started at the same time: until it executes something, it would
// have the file open for writing, and then the file cannot be executed.
func writeProgram(path, text string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(text), 0o700)
}

func TestErrOfACleanExitIsAnErrorToo(t *testing.T) {
	t.Parallel()
	p, _ := start(t, "exit 0")
	receive(t, p.Done(), "end")
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 0") {
		t.Errorf("got %v", err)
	}
}

func TestErrIsNilWhileItRuns(t *testing.T) {
	t.Parallel()
	p, lines := start(t, "echo up; exec sleep 600")
	receive(t, lines, "line")
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	if p.Ready(t.Context()) {
		t.Error("ready without an admin endpoint")
	}
}

func TestStopSendsSIGTERMFirst(t *testing.T) {
	t.Parallel()
	p, lines := start(t, "trap 'echo terminated; exit 0' TERM; echo up; while :; do sleep 0.01; done")
	receive(t, lines, "line")
	p.Stop(t.Context())
	if got := receive(t, lines, "line"); got != "terminated" {
		t.Errorf("got %q", got)
	}
}

// TestStopKillsTheGroup has a program that ignores SIGTERM, and so does its child.
func TestStopKillsTheGroup(t *testing.T) {
	t.Parallel()
	p, lines := start(t, "trap '' TERM; sleep 600 & echo $!; wait")
	child := receive(t, lines, "line")
	p.Stop(t.Context())
	for _, pid := range []string{child, fmt.Sprint(p.PID())} {
		deadline := time.After(timeout)
		for running(pid) {
			select {
			case <-deadline:
				t.Fatalf("process %s is left", pid)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// running reports whether a process exists, zombies aside: init reaps those.
func running(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestStartOfAMissingProgram(t *testing.T) {
	t.Parallel()
	if _, err := proxy.Start(proxy.Options{Path: "/no/such/envoy"}); err == nil || !strings.Contains(err.Error(), "/no/such/envoy") {
		t.Errorf("got %v", err)
	}
}

// TestStopWhenTheOutputIsNotRead simulates a paused terminal.
func TestStopWhenTheOutputIsNotRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "envoy")
	if err := writeProgram(path, "#!/bin/sh\necho one; echo two; exec sleep 600"); err != nil {
		t.Fatal(err)
	}
	paused, release := make(chan string, 2), make(chan struct{})
	defer close(release)
	p, err := proxy.Start(proxy.Options{Path: path, Log: func(l string) { paused <- l; <-release }})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, paused, "line")
	stopped := make(chan struct{})
	go func() { p.Stop(t.Context()); close(stopped) }()
	receive(t, stopped, "stop")
}
