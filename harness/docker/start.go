package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"contour.example/harness/debian"
	"contour.example/harness/poll"
	"contour.example/harness/progress"
)

// diskForEngine is for the images and the nodes of one cluster.
const diskForEngine = 8 << 30

// sysResource is the number of CAP_SYS_RESOURCE in capability sets.
const sysResource = 24

// wrapper runs runc, but removes CAP_SYS_RESOURCE from the capabilities that it is to grant to a
// container: where this process does not have it, runc would reject privileged ones.
const wrapper = `#!/bin/sh
before=
file=
for argument; do
  case $before in
  --bundle | -b) file=$argument/config.json ;;
  --process | -p) file=$argument ;;
  esac
  before=$argument
done
if [ -f "$file" ]; then
  sed -i -e 's/,"CAP_SYS_RESOURCE"//g' -e 's/"CAP_SYS_RESOURCE",\{0,1\}//g' "$file"
fi
exec runc "$@"
`

func socket(dir string) string { return "unix://" + filepath.Join(dir, "docker.sock") }

func pidFile(dir string) string { return filepath.Join(dir, "pid") }

// Ensure returns the engine that runs, or installs and starts one in dir, which is absolute.
func Ensure(ctx context.Context, dir string, log progress.Log) (*Engine, error) {
	return ensure(ctx, dir, os.Geteuid(), log)
}

func ensure(ctx context.Context, dir string, user int, log progress.Log) (*Engine, error) {
	e, err := Find(ctx, dir)
	if err == nil || !errors.Is(err, ErrNoEngine) || user != 0 {
		return e, err
	}
	if err := NeedDisk(dir, diskForEngine); err != nil {
		return nil, err
	}
	err = debian.Need(ctx, log, map[string]string{
		"docker": "docker.io", "dockerd": "docker.io", "containerd": "containerd", "runc": "runc", "iptables": "iptables",
	})
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoEngine, err)
	}
	return start(ctx, dir, log)
}

// start runs dockerd in a session of its own, and waits until it answers.
func start(ctx context.Context, dir string, log progress.Log) (*Engine, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	args, err := arguments(dir)
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	defer func() { _ = output.Close() }()
	if err := remember(ctx, dir); err != nil {
		return nil, err
	}
	log.Printf("no Docker engine answers: starting one in %s", dir)
	cmd := exec.Command("dockerd", args...) // not CommandContext: it outlives ctx
	cmd.Stdout, cmd.Stderr = output, output
	if err := Detach(cmd); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its log has the cause
	}()
	e := &Engine{Host: socket(dir), Started: true, dir: dir}
	err = e.wait(ctx, ended)
	if err == nil {
		return e, nil
	}
	if ctx.Err() == nil { // the caller did not cancel
		err = fmt.Errorf("%w\n%s", err, tail(output.Name()))
	}
	ctx = context.WithoutCancel(ctx)
	return nil, errors.Join(fmt.Errorf("engine: %w", err), end(ctx, cmd.Process, ended), e.Stop(ctx))
}

// Detach starts a command that outlives this process: in a session of its own, so that no Ctrl-C reaches it, and without
// the files that this process has inherited, so that no reader waits for the end of a pipe or of a lock that it still has.
func Detach(cmd *exec.Cmd) error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, file := range open {
		if fd, err := strconv.Atoi(file.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd) // our own are already
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// end stops an engine that may not have written its pid file yet, so that Stop would not find it.
func end(ctx context.Context, engine *os.Process, ended <-chan struct{}) error {
	if err := engine.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the engine: %w", err)
	}
	return poll.Until(ctx, time.Minute, "end of dockerd", func(context.Context) (bool, string, error) {
		select {
		case <-ended:
			return true, "", nil
		default:
			return false, "it still runs", nil
		}
	})
}

func (e *Engine) wait(ctx context.Context, ended <-chan struct{}) error {
	return poll.Until(ctx, time.Minute, "start of dockerd", func(ctx context.Context) (bool, string, error) {
		select {
		case <-ended:
			return false, "", errors.New("it has ended")
		default:
		}
		err := e.answers(ctx)
		return err == nil, "it does not answer", nil
	})
}

func arguments(dir string) ([]string, error) {
	args := []string{
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--host", socket(dir), "--pidfile", pidFile(dir), "--bridge", "none", // kind has a network of its own
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if bounded(status, sysResource) {
		return args, nil
	}
	path := filepath.Join(dir, "runc-bounded")
	if err := os.WriteFile(path, []byte(wrapper), 0o755); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return append(args, "--add-runtime", "bounded="+path, "--default-runtime", "bounded"), nil
}

// bounded reports whether the capability is in the bounding set of a /proc/*/status.
func bounded(status []byte, capability uint) bool {
	for line := range bytes.Lines(status) {
		if hex, ok := bytes.CutPrefix(line, []byte("CapBnd:")); ok {
			set, err := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
			return err == nil && set>>capability&1 == 1
		}
	}
	return false
}

// Stop ends the engine if this package started it, with all its containers, and
// undoes what it changed on this machine. Its images stay for the next time.
func (e *Engine) Stop(ctx context.Context) error {
	if !e.Started {
		return nil
	}
	if pid, ok := running(e.dir); ok {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the engine: %w", err)
		}
	}
	err := poll.Until(ctx, time.Minute, "end of dockerd", func(context.Context) (bool, string, error) {
		_, still := running(e.dir)
		return !still, "it still runs", nil
	})
	return errors.Join(err, forget(ctx, e.dir))
}

// running returns the process that was started in dir, if it still runs: a process of
// that id whose command line names the pid file is no other.
func running(dir string) (pid int, ok bool) {
	text, err := os.ReadFile(pidFile(dir))
	if err != nil {
		return 0, false
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return 0, false
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return 0, false
	}
	return pid, bytes.Contains(line, []byte("\x00"+pidFile(dir)+"\x00"))
}

func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
