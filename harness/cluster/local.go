package cluster

import (
	"context"

	"contour.example/harness/local"
)

// Local is an API server without nodes: processes of this machine.
type Local struct {
	// Dir has their files; it must exist.
	Dir string

	running *local.Cluster
}

// Create starts it.
func (l *Local) Create(ctx context.Context) (*Cluster, error) {
	running, err := local.Start(ctx, l.Dir)
	if err != nil {
		return nil, err
	}
	l.running = running
	return &Cluster{Name: "local", Kubeconfig: running.Kubeconfig, Config: running.Config}, nil
}

// Delete stops it; it ends with this process in any case.
func (l *Local) Delete(context.Context) error {
	if l.running == nil {
		return nil
	}
	running := l.running
	l.running = nil
	return running.Stop()
}
