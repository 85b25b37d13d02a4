package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Existing is a cluster that this package did not create.
type Existing struct {
	// Kubeconfig is a file; empty is $KUBECONFIG, or else ~/.kube/config.
	Kubeconfig string
	// Context of the kubeconfig; empty is the current one.
	Context string
}

// Create checks that it answers.
func (e Existing) Create(ctx context.Context) (*Cluster, error) {
	path := e.Kubeconfig
	if path == "" {
		path = os.Getenv("KUBECONFIG")
	}
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, errors.Join(errors.New("no kubeconfig named"), err)
		}
		path = filepath.Join(home, ".kube", "config")
	}
	return open(ctx, "existing", path, e.Context)
}

// Delete does nothing: the cluster is not ours.
func (Existing) Delete(context.Context) error { return nil }
