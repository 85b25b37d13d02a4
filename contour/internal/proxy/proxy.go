// Package proxy runs an Envoy as a child process of the controller that does not
// outlive it.
//
// It takes the paths of the binary, its bootstrap file and its admin socket, and returns
// readiness, the lines that Envoy prints, and its exit error. The child has a process
// group of its own, so that a signal from the terminal reaches only the controller,
// and the kernel kills it when the controller dies for any reason.
//
// It must not depend on Envoy's configuration. It needs Linux.
package proxy

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"contour.example/envoybootstrap/admin"
)

// Options specify the process. All fields are required unless stated otherwise.
type Options struct {
	Path        string // of the binary
	Bootstrap   string // path of the bootstrap file
	AdminSocket string // path of the unix socket that the bootstrap gives to the admin endpoint
	Node        string
	Cluster     string
	Concurrency int    // worker threads
	LogLevel    string // as Envoy's --log-level
	// Log is called with the lines that Envoy prints, in order, on a goroutine of its own; may be nil. If it is too slow,
	// lines are dropped.
	Log func(line string)
}

// Proxy is an Envoy that was started. Its methods may be called at any time, by any goroutine.
type Proxy struct {
	cmd    *exec.Cmd
	output *output
	admin  *admin.Client
	done   chan struct{}
	err    error // valid after done
}

// pipeTimeout bounds how long Wait reads after Envoy has exited, in case another process has its output open.
const pipeTimeout = time.Second

// Start starts Envoy and does not wait for it to be ready. That it exits immediately is not an error of Start: see Done.
func Start(o Options) (*Proxy, error) {
	p := &Proxy{output: newOutput(), admin: admin.New(o.AdminSocket, adminBounds()), done: make(chan struct{})}
	p.cmd = exec.Command(o.Path, arguments(o)...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.WaitDelay = pipeTimeout
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start Envoy: %w", err)
	}
	go p.log(o.Log)
	return p, nil
}

// arguments disable hot restart: its shared memory would remain.
func arguments(o Options) []string {
	return []string{
		"--config-path", o.Bootstrap,
		"--service-node", o.Node, "--service-cluster", o.Cluster,
		"--concurrency", strconv.Itoa(o.Concurrency),
		"--log-level", o.LogLevel,
		"--disable-hot-restart",
		"--drain-time-s", strconv.Itoa(int(drainTime.Seconds())),
	}
}

// run stays on one thread until Envoy has exited: Linux sends Pdeathsig when the thread that forked ends.
func (p *Proxy) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	p.output.close()
	close(p.done)
}

// log passes on the lines that Envoy prints, until it has exited.
func (p *Proxy) log(to func(string)) {
	for line := range p.output.lines {
		if to != nil {
			to(line)
		}
	}
}

// PID is the id of the process, and of its process group.
func (p *Proxy) PID() int { return p.cmd.Process.Pid }

// Done is closed when Envoy has exited.
func (p *Proxy) Done() <-chan struct{} { return p.done }

// Err is how Envoy exited, with the last lines that it printed. It is nil until Done is closed and never after.
func (p *Proxy) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	how := p.err
	if how == nil {
		how = fmt.Errorf("exit status 0; is %s an Envoy?", p.cmd.Path)
	}
	if tail := p.output.tail(); tail != "" {
		return fmt.Errorf("envoy has exited: %w; its last output:\n%s", how, tail)
	}
	return fmt.Errorf("envoy has ended: %w", how)
}

// Ready reports whether Envoy has its first complete configuration and accepts connections.
func (p *Proxy) Ready(ctx context.Context) bool { return p.admin.Ready(ctx) }

// drainTime is for how long the connections of a removed filter chain may continue, and Envoy keeps former listeners in
// memory. Its own default is ten minutes.
const drainTime = time.Minute

// The bounds of a stop.
const (
	drainTimeout = 5 * time.Second // for requests in progress
	exitTimeout  = 5 * time.Second // from SIGTERM to SIGKILL
)

// Stop closes Envoy's listeners, waits for the requests in progress, and terminates Envoy; each for a
// bounded time. It returns when the process has exited.
func (p *Proxy) Stop(ctx context.Context) {
	p.drain(ctx)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	timer := time.NewTimer(exitTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // the whole group; fails only if it is empty
	<-p.done
}

// drainPeriod is the interval at which a draining Envoy is queried for remaining requests.
const drainPeriod = 50 * time.Millisecond

func (p *Proxy) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if p.closeListeners(ctx) != nil {
		return // it is not up yet, or down already
	}
	tick := time.NewTicker(drainPeriod)
	defer tick.Stop()
	for {
		if n, err := p.activeRequests(ctx); err != nil || n == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			return
		case <-ctx.Done():
			return
		}
	}
}
