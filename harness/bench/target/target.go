package target

import (
	"context"
	"net/netip"

	"k8s.io/client-go/rest"

	"contour.example/envoybootstrap/admin"

	"contour.example/harness/bench/proc"
	"contour.example/harness/relay"
)

// Target is what is measured.
type Target struct {
	// Config is a client of the API server without rate limits.
	Config *rest.Config
	// HTTP and HTTPS are host:port of Envoy's listeners; without HTTPS the TLS scenarios are left out.
	HTTP, HTTPS string
	// EnvoyPID is 0 if unknown: no figures of its CPU and memory then.
	EnvoyPID   int
	Controller Controller
	// Wire is between Envoy and the controller; nil if there is none: then no bytes are reported.
	Wire *relay.Relay
	// Admin is Envoy's admin endpoint; nil if it cannot be reached: no figures of what Envoy has allocated then, and it rejects nothing.
	Admin *admin.Client
	// Lifecycle restarts the controller and Envoy; nil if the benchmark must not do so.
	Lifecycle Lifecycle
	// Backends are the addresses on which two test backends listen, as Envoy reaches them. Port 0 chooses a free one.
	Backends [2]netip.AddrPort
	// Disposable means that nothing outlives the benchmark, so that nothing needs to be cleaned up.
	Disposable bool
}

// Controller is a running controller.
type Controller struct {
	// PID is 0 if unknown: no figures of its CPU and memory then.
	PID int
	// MetricsURL is empty if unknown.
	MetricsURL string
	// Ours says that it is the contour of this checkout.
	Ours bool
}

// Lifecycle stops and starts what is measured.
type Lifecycle interface {
	// StopController returns when the controller has ended.
	StopController(context.Context) error
	// StartController returns when the xDS port of the new controller is open.
	// Arguments are added to the command line until the next start if the controller is Ours, else they are ignored.
	StartController(ctx context.Context, args ...string) (Controller, error)
	// RestartEnvoy kills Envoy and starts it without any configuration; it returns the new process immediately.
	RestartEnvoy(context.Context) (pid int, err error)
}

// Process is a process of the target.
type Process struct {
	Name string
	PID  int
}

// Processes returns those that are known.
func (t Target) Processes() []Process {
	var known []Process
	for _, p := range []Process{{"controller", t.Controller.PID}, {"Envoy", t.EnvoyPID}} {
		if p.PID != 0 {
			known = append(known, p)
		}
	}
	return known
}

// Memory is what the process has resident now, in MiB.
func (p Process) Memory() (float64, error) { return proc.Memory(p.PID) }

// AnonymousMemory is the part of Memory that the process has allocated, in MiB.
func (p Process) AnonymousMemory() (float64, error) { return proc.AnonymousMemory(p.PID) }

// PeakMemory is the most that Memory has ever been, in MiB.
func (p Process) PeakMemory() (float64, error) { return proc.PeakMemory(p.PID) }
