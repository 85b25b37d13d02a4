package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// parentOf makes the test binary act as a program that starts a child and dies.
const parentOf = "HARNESS_TEST_PARENT_OF"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentOf); log != "" {
		p, err := process.Start(process.Spec{Path: "sleep", Args: []string{"600"}, Log: log})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(m.Run())
}

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Spec{
		Name: "script", Path: "sh", Args: []string{"-c", script},
		Log: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

// waitForLog returns when the script has printed the text.
func waitForLog(t *testing.T, p *process.Process, text string) {
	t.Helper()
	err := poll.Until(t.Context(), 10*time.Second, "log", func(context.Context) (bool, string, error) {
		tail := p.Tail(100)
		return strings.Contains(tail, text), tail, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waitGone waits until no process has the id, zombies aside.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	err := poll.Until(t.Context(), 10*time.Second, fmt.Sprintf("end of process %d", pid), func(context.Context) (bool, string, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true, "", nil
		}
		return strings.Contains(string(stat), ") Z "), string(stat), nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestErrHasTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	p := start(t, "echo one; echo two >&2; exit 3")
	err := p.Wait(t.Context())
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("got %v, want exit code 3", err)
	}
	if !strings.HasSuffix(err.Error(), "one\ntwo") {
		t.Errorf("error %q does not end with the log", err)
	}
}

func TestStopSendsSIGTERMFirst(t *testing.T) {
	t.Parallel()
	p := start(t, `trap 'echo terminated; exit 0' TERM; echo ready; while :; do sleep 0.01; done`)
	waitForLog(t, p, "ready")
	if !p.Running() {
		t.Fatal("not running")
	}
	if err := p.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
	if got := p.Tail(1); got != "terminated" {
		t.Errorf("last line %q, want %q", got, "terminated")
	}
	if p.Running() {
		t.Error("still running")
	}
}

func TestStopKillsTheGroup(t *testing.T) {
	t.Parallel()
	p := start(t, `trap '' TERM; sleep 600 & echo child $!; while :; do sleep 0.01; done`)
	waitForLog(t, p, "child ")
	child, err := strconv.Atoi(strings.TrimPrefix(p.Tail(1), "child "))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(50 * time.Millisecond); err == nil {
		t.Error("a process that ignores SIGTERM was stopped without an error")
	}
	waitGone(t, p.PID())
	waitGone(t, child)
}

func TestChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentOf+"="+filepath.Join(t.TempDir(), "log"))
	out, err := cmd.Output()
	if err == nil {
		t.Fatal("the parent was not killed")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, pid)
}

func TestNoSuchProgram(t *testing.T) {
	t.Parallel()
	_, err := process.Start(process.Spec{Path: "/no/such/program", Log: filepath.Join(t.TempDir(), "log")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}
