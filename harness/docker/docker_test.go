package docker

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"contour.example/harness/poll"
	"contour.example/harness/progress"
)

// fake puts a docker command first in $PATH: a shell script.
func fake(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestRunningEngineIsUsed(t *testing.T) {
	fake(t, `[ -z "$DOCKER_HOST" ] && echo 20.10`)
	t.Setenv("DOCKER_HOST", "")
	e, err := Ensure(t.Context(), t.TempDir(), progress.Log{})
	if err != nil || e.Host != "" || e.Started {
		t.Fatalf("got %+v, %v", e, err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Errorf("stop of an engine that is not ours: %v", err)
	}
}

func TestEngineOfAnEarlierRunIsFound(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_HOST", "")
	fake(t, `[ "$DOCKER_HOST" = unix://`+dir+`/docker.sock ] && echo 20.10`)
	e, err := Find(t.Context(), dir)
	if err != nil || !e.Started || e.Host != "unix://"+dir+"/docker.sock" {
		t.Errorf("got %+v, %v", e, err)
	}
	t.Setenv("DOCKER_HOST", "unix://"+dir+"/docker.sock")
	if e, err := Find(t.Context(), dir); err != nil || !e.Started {
		t.Errorf("named by the environment: %+v, %v", e, err)
	}
}

func TestWhyThereIsNoEngine(t *testing.T) {
	fake(t, `echo "dial unix: permission denied" >&2; exit 1`)
	if _, err := Find(t.Context(), t.TempDir()); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want %v", err, ErrDenied)
	}
	fake(t, `echo "cannot connect" >&2; exit 1`)
	if _, err := Find(t.Context(), t.TempDir()); !errors.Is(err, ErrNoEngine) {
		t.Errorf("got %v, want %v", err, ErrNoEngine)
	}
	if _, err := ensure(t.Context(), t.TempDir(), 1000, progress.Log{}); !errors.Is(err, ErrNoEngine) {
		t.Errorf("not root: %v, want %v", err, ErrNoEngine)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestLoadGivesTheArchive(t *testing.T) {
	out := filepath.Join(t.TempDir(), "loaded")
	fake(t, `cat > `+out)
	e := &Engine{}
	archive := strings.Repeat("x", 100_000)
	err := e.Load(t.Context(), func(w io.Writer) error { _, err := io.WriteString(w, archive); return err })
	got, readErr := os.ReadFile(out)
	if err != nil || readErr != nil || string(got) != archive {
		t.Errorf("%d bytes arrived, errors %v, %v", len(got), err, readErr)
	}
	fake(t, `echo "no space left" >&2; exit 1`)
	err = e.Load(t.Context(), func(w io.Writer) error { _, err := io.WriteString(w, archive); return err })
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
	broken := errors.New("broken")
	fake(t, `cat >/dev/null`)
	if err := e.Load(t.Context(), func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	if err := NeedDisk(dir, 1); err != nil {
		t.Error(err)
	}
	err := NeedDisk(dir, 1<<62)
	if !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "GiB are needed") || !strings.Contains(err.Error(), "free some") {
		t.Errorf("got %v", err)
	}
}

func TestBoundingSet(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]bool{"000001ffffffffff": true, "000001fffeffffff": false, "x": false} {
		if got := bounded([]byte("Name:\tx\nCapBnd:\t"+set+"\nCapAmb:\t0\n"), sysResource); got != want {
			t.Errorf("%s: %v, want %v", set, got, want)
		}
	}
}

func TestOnlyOurOwnIsStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	if err := os.WriteFile(pidFile(dir), []byte(strconv.Itoa(other.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	e := &Engine{Started: true, dir: dir}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if other.ProcessState != nil || other.Process.Signal(syscall.Signal(0)) != nil {
		t.Error("a process that has the id of an old engine was ended")
	}

	own := exec.Command("tail", "-f", pidFile(dir), "/dev/null")
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = own.Wait(); close(ended) }()
	if err := os.WriteFile(pidFile(dir), []byte(strconv.Itoa(own.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	// Start returns while the kernel still sets up the program; its command line comes a little later.
	err := poll.Until(t.Context(), 10*time.Second, "command line", func(context.Context) (bool, string, error) {
		_, ok := running(dir)
		return ok, "not there yet", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ended
}

func TestDetachedInheritsNoFiles(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	inherited, err := syscall.Dup(int(w.Fd())) // as one that this process was started with: not closed by exec
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	if err := Detach(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := errors.Join(w.Close(), syscall.Close(inherited), r.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v: the process has the pipe", err)
	}
	if own, err := syscall.Getpgid(cmd.Process.Pid); err != nil || own != cmd.Process.Pid {
		t.Errorf("process group %d, %v", own, err)
	}
}

func TestOnlyDockersRulesGo(t *testing.T) {
	t.Parallel()
	const rules = `*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:OURS - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j OURS
-A DOCKER-USER -j RETURN
COMMIT
`
	const want = `*filter
:FORWARD ACCEPT [0:0]
:OURS - [0:0]
-A FORWARD -j OURS
COMMIT
`
	if got := withoutDocker(rules, "-P FORWARD ACCEPT"); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := withoutDocker(rules, "-P FORWARD DROP"); !strings.Contains(got, ":FORWARD DROP") {
		t.Errorf("a policy that was DROP before:\n%s", got)
	}
}
