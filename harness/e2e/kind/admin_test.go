//go:build kind

package kind

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// admin is a client of an Envoy's admin endpoint, whatever the host of its URLs, until end is called. The endpoint is a socket in an
// emptyDir of the node, whose files are below /proc of this machine, for root. That path is too long for a socket, a link
// to it is not too long.
func (w *environment) admin(ctx context.Context, pod corev1.Pod) (client *http.Client, end func(), err error) {
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
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(temp, "a", "admin.sock"))
	}}}, end, nil
}

// adminRequest sends a request to the admin endpoint of an Envoy and returns the answer's body.
func (w *environment) adminRequest(ctx context.Context, t *testing.T, pod corev1.Pod, method, path string) []byte {
	t.Helper()
	client, end, err := w.admin(ctx, pod)
	must(t, err)
	defer end()
	request, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, nil)
	must(t, err)
	response, err := client.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s: %s", method, path, response.Status, body)
	}
	return body
}
