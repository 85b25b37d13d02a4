package suite

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// An unreachable API server is an error after a bounded time.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // no other process uses its port so soon
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "http://%s"}}]
`, l.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Options{Kubeconfig: file}.Plan(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "does not answer (is the cluster up, and is this its kubeconfig?)") {
		t.Errorf("got %v", err)
	}
}

func TestPortOf(t *testing.T) {
	t.Parallel()
	ports := []corev1.ServicePort{{Name: "http", Port: 8080}, {Name: "other", Port: 443}}
	if got := portOf(ports, "192.0.2.1", "http", 80); got != "192.0.2.1:8080" {
		t.Errorf("got %s", got)
	}
	if got := portOf(ports, "2001:db8::1", "https", 443); got != "[2001:db8::1]:443" {
		t.Errorf("got %s", got)
	}
}
