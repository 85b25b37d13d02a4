//go:build kind

package kind

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"contour.example/envoybootstrap/admin"
)

// admin is a client of an Envoy's admin endpoint until end is called. The endpoint is a socket
// in an emptyDir of the node, whose files are below /proc of this machine, for root. That path is too long for a socket,
// a link to it is not too long.
func (w *environment) admin(ctx context.Context, pod corev1.Pod) (client *admin.Client, end func(), err error) {
	pid, err := w.kind.Engine.Output(ctx, "inspect", "--format={{.State.Pid}}", pod.Spec.NodeName)
	if err != nil {
		return nil, nil, err
	}
	temp, err := os.MkdirTemp("", "envoy-")
	if err != nil {
		return nil, nil, fmt.Errorf("admin endpoint: %w", err)
	}
	end = func() { _ = os.RemoveAll(temp) }
	volume := filepath.Join("/proc", pid, "root/var/lib/kubelet/pods", string(pod.UID), "volumes/kubernetes.io~empty-dir/envoy-admin")
	if err := os.Symlink(volume, filepath.Join(temp, "a")); err != nil {
		end()
		return nil, nil, fmt.Errorf("admin endpoint: %w", err)
	}
	return admin.New(filepath.Join(temp, "a", "admin.sock"), admin.Options{}), end, nil
}

// adminGet returns what a path of the admin endpoint of an Envoy answers.
func (w *environment) adminGet(ctx context.Context, t *testing.T, pod corev1.Pod, path string) []byte {
	t.Helper()
	client, end, err := w.admin(ctx, pod)
	must(t, err)
	defer end()
	body, err := client.Get(ctx, path)
	must(t, err)
	return body
}

// adminPost sends a command to the admin endpoint of an Envoy.
func (w *environment) adminPost(ctx context.Context, t *testing.T, pod corev1.Pod, path string) {
	t.Helper()
	client, end, err := w.admin(ctx, pod)
	must(t, err)
	defer end()
	_, err = client.Post(ctx, path)
	must(t, err)
}
