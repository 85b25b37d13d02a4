package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spec specifies a program to run.
type Spec struct {
	// Name is for messages; empty is the program's path.
	Name string
	// Path is the program, absolute or found in $PATH.
	Path string
	Args []string
	// Env is the complete environment as k=v; nil is that of this process.
	Env []string
	// Dir is the working directory; empty is that of this process.
	Dir string
	// Log is the file that standard output and standard error are appended to.
	Log string
	// Output gets the same; nil is nothing more.
	Output io.Writer
	// Root is the root directory of the program, below which its path is; empty is that of this process. It needs root.
	Root string
	// Network starts the program in a network namespace of its own, without any device that is up. It needs root.
	Network bool
}

// Process is a child that was started. Its methods may be called at any time from any goroutine.
type Process struct {
	spec Spec
	cmd  *exec.Cmd
	log  io.Closer
	done chan struct{}
	err  error // valid after done
}

// Start runs the program. It is an error if the program cannot be started; that
// it exits immediately is not: see Done.
func Start(spec Spec) (*Process, error) {
	if spec.Name == "" {
		spec.Name = spec.Path
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: log: %w", spec.Name, err)
	}
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = spec.Env, spec.Dir, log, log
	if spec.Output != nil {
		both := io.MultiWriter(log, spec.Output)
		cmd.Stdout, cmd.Stderr = both, both
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Chroot: spec.Root}
	if spec.Network {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	}
	p := &Process{spec: spec, cmd: cmd, log: log, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

// run starts the child and stays on one thread until it ends: the kernel sends
// Pdeathsig when the thread that started the child ends.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = p.log.Close() }()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// PID is the process id, which is also the id of its process group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is the path of the log file.
func (p *Process) Log() string { return p.spec.Log }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Err says how the process ended, with the end of its log: nil while it runs,
// and if it exited with code 0.
func (p *Process) Err() error {
	if p.Running() || p.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", p.spec.Name, p.err, p.Tail(20))
}

// Signal sends the signal to the process, not to its group. A process that has ended is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.spec.Name, err)
	}
	return nil
}

// Stop sends SIGTERM to the process, kills its group when it has not exited within
// grace, and returns when it has exited. Having to kill is an error; the exit code is ignored.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.Kill() // its children, if any
	case <-timer.C:
		return errors.Join(
			fmt.Errorf("%s: still running %s after SIGTERM\n%s", p.spec.Name, grace, p.Tail(20)),
			p.Kill())
	}
}

// Kill kills the process and its group with SIGKILL and returns when it has exited.
func (p *Process) Kill() error {
	if err := syscall.Kill(-p.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.spec.Name, err)
	}
	<-p.done
	return nil
}

// Wait returns when the process has ended, with Err, or when ctx is done, with its error.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.Err()
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", p.spec.Name, ctx.Err())
	}
}
