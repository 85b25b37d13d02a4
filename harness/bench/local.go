package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"contour.example/harness/controller"
	"contour.example/harness/stack"
)

// stopGrace is how long a controller gets to end after SIGTERM.
const stopGrace = 30 * time.Second

// LocalOptions describe a target on this machine.
type LocalOptions struct {
	// Contour is the path of the command; empty builds that of this checkout.
	Contour string
	// Args are more arguments of contour serve.
	Args []string
}

// LocalTarget is a target that was started for the benchmark. Stop ends it.
type LocalTarget struct {
	Target
	// Versions of its programs.
	Versions map[string]string

	stack *stack.Stack
}

// Local starts an API server, the controller and Envoy.
func Local(ctx context.Context, o LocalOptions) (*LocalTarget, error) {
	// An Ingress shows by its address alone that it was accepted.
	args := append([]string{"--ingress-status-address=192.0.2.1"}, o.Args...)
	s, err := stack.Start(ctx, stack.Options{Contour: o.Contour, ServeArgs: args})
	if err != nil {
		return nil, err
	}
	t := &LocalTarget{stack: s, Target: Target{
		Config:     s.Cluster.Config,
		Envoy:      s.Traffic.HTTP,
		EnvoyPID:   s.Envoy.PID(),
		Controller: measured(s.Controllers[0]),
		Lifecycle:  localLifecycle{s},
		Disposable: true,
	}}
	if err := t.complete(ctx); err != nil {
		return nil, errors.Join(err, t.Stop())
	}
	return t, nil
}

// complete finds addresses for the backends, and the versions.
func (t *LocalTarget) complete(ctx context.Context) error {
	for i := range t.Backends {
		ip, err := t.stack.Addresses.IP()
		if err != nil {
			return err
		}
		t.Backends[i] = netip.AddrPortFrom(ip, 0)
	}
	info, err := t.stack.Envoy.Admin(ctx, "/server_info")
	if err != nil {
		return err
	}
	var server struct{ Version string }
	if err := json.Unmarshal(info, &server); err != nil {
		return fmt.Errorf("envoy version: %w", err)
	}
	t.Versions = map[string]string{
		"kubernetes": serverVersion(ctx, t.Config),
		"envoy":      envoyRelease(server.Version),
	}
	return nil
}

// envoyRelease is the number in COMMIT/NUMBER/STATE/TYPE/TLS.
func envoyRelease(version string) string {
	if parts := strings.Split(version, "/"); len(parts) > 1 {
		return parts[1]
	}
	return version
}

// Stop ends all processes and deletes their files.
func (t *LocalTarget) Stop() error { return errors.Join(t.stack.Stop(), t.stack.Remove()) }

func measured(c *controller.Controller) Controller {
	return Controller{PID: c.PID(), MetricsURL: fmt.Sprintf("http://127.0.0.1:%d/metrics", c.MetricsPort)}
}

// localLifecycle restarts the one controller of a stack.
type localLifecycle struct{ stack *stack.Stack }

func (l localLifecycle) Stop(context.Context) error {
	c := l.stack.Controllers[0]
	return errors.Join(c.Stop(stopGrace), l.stack.KillController(c))
}

func (l localLifecycle) Start(ctx context.Context) (Controller, error) {
	c, err := l.stack.AddController(ctx)
	if err != nil {
		return Controller{}, err
	}
	return measured(c), nil
}
