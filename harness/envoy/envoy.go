package envoy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"contour.example/envoybootstrap"
	"contour.example/envoybootstrap/admin"

	"contour.example/harness/asset"
	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// readyTimeout covers Envoy's start and the 15 s that it waits for a missing resource.
const readyTimeout = 60 * time.Second

// DrainTime is for how long Envoy keeps listeners and connections that it replaces.
const DrainTime = time.Second

// Options describe one Envoy.
type Options struct {
	// Dir is for its files; a path of a unix socket in it must not exceed 107 bytes.
	Dir string
	// Node is the node id that the controller sees; empty is "envoy".
	Node string
	// XDS is the bootstrap configuration with the controller's address; Start sets the admin socket and the resources directory.
	XDS envoybootstrap.Config
	// Bootstrap is a bootstrap file to use instead of XDS; its admin endpoint must be AdminSocket(Dir).
	Bootstrap string
	// Concurrency is the number of workers, 1 if 0.
	Concurrency int
	// Args are more arguments, for example --log-level debug.
	Args []string
}

// Envoy is a running Envoy.
type Envoy struct {
	*process.Process

	admin *admin.Client
}

// AdminSocket is the path of the admin endpoint of an Envoy with that directory.
func AdminSocket(dir string) string { return filepath.Join(dir, "admin.sock") }

// Start starts it and does not wait: see Ready.
func Start(ctx context.Context, o Options) (*Envoy, error) {
	path, err := asset.Get(ctx, "envoy")
	if err != nil {
		return nil, err
	}
	if o.Bootstrap == "" {
		o.Bootstrap = filepath.Join(o.Dir, "envoy.json")
		o.XDS.AdminSocket, o.XDS.ResourcesDir = AdminSocket(o.Dir), o.Dir
		if err := envoybootstrap.Write(o.Bootstrap, o.XDS); err != nil {
			return nil, fmt.Errorf("envoy bootstrap: %w", err)
		}
	}
	node := o.Node
	if node == "" {
		node = "envoy"
	}
	p, err := process.Start(process.Spec{
		Name: "envoy", Path: path, Log: filepath.Join(o.Dir, "envoy.log"),
		Args: append([]string{
			"--config-path", o.Bootstrap,
			"--service-node", node, "--service-cluster", "contour",
			"--concurrency", strconv.Itoa(max(1, o.Concurrency)),
			"--disable-hot-restart", "--drain-time-s", strconv.Itoa(int(DrainTime.Seconds())), "--log-level", "warning",
		}, o.Args...),
	})
	if err != nil {
		return nil, err
	}
	return &Envoy{Process: p, admin: admin.New(AdminSocket(o.Dir), admin.Options{Timeout: 30 * time.Second})}, nil
}

// Ready waits until Envoy has a complete configuration and serves. It is an error if Envoy exits before.
func (e *Envoy) Ready(ctx context.Context) error {
	return poll.Until(ctx, readyTimeout, "readiness of Envoy", func(ctx context.Context) (bool, string, error) {
		if !e.Running() {
			return false, "", fmt.Errorf("ended: %w", errors.Join(e.Err(), errors.New(e.Tail(10))))
		}
		body, err := e.Admin(ctx, "/ready")
		if err != nil {
			return false, err.Error(), nil
		}
		return true, string(body), nil
	})
}
