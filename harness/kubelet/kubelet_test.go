//go:build local

package kubelet_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"contour.example/harness/asset"
	"contour.example/harness/kube"
	"contour.example/harness/kubelet"
	"contour.example/harness/local"
	"contour.example/harness/netns"
	"contour.example/harness/pki"
	"contour.example/harness/poll"
)

func TestMain(m *testing.M) {
	code, done, err := netns.Reexec()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !done {
		code = m.Run()
	}
	os.Exit(code)
}

// node is a cluster with a kubelet.
type node struct {
	*testing.T
	kube   *kube.Client
	client kubernetes.Interface
}

func start(t *testing.T) node {
	t.Helper()
	dir := t.TempDir()
	cluster, err := local.Start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "programs", "echo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./harness/cmd/echo")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bridge, err := netns.NewBridge("pods", netip.MustParsePrefix("10.244.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := kubelet.Start(t.Context(), kubelet.Options{
		Config: cluster.Config, Dir: t.TempDir(), Programs: map[string]string{"echo.example/echo": program}, Bridge: bridge,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	n := node{T: t}
	if n.kube, err = kube.New(cluster.Config); err != nil {
		t.Fatal(err)
	}
	if n.client, err = kubernetes.NewForConfig(cluster.Config); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n node) apply(text string) {
	n.Helper()
	if _, err := n.kube.ApplyYAML(n.Context(), "default", text); err != nil {
		n.Fatal(err)
	}
}

func (n node) until(what string, condition poll.Condition) {
	n.Helper()
	if err := poll.Until(n.Context(), 60*time.Second, what, condition); err != nil {
		n.Fatal(err)
	}
}

// endpoints waits until the Service has so many ready endpoints, and returns them.
func (n node) endpoints(service string, count int) (addresses []string) {
	n.Helper()
	n.until(fmt.Sprintf("%d endpoints of %s", count, service), func(ctx context.Context) (bool, string, error) {
		list, err := n.client.DiscoveryV1().EndpointSlices("default").List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
		if err != nil {
			return false, "", err
		}
		addresses = nil
		for _, s := range list.Items {
			for _, e := range s.Endpoints {
				if *e.Conditions.Ready {
					addresses = append(addresses, net.JoinHostPort(e.Addresses[0], fmt.Sprint(*s.Ports[0].Port)))
				}
			}
		}
		return len(addresses) == count, fmt.Sprint(addresses), nil
	})
	return addresses
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - {name: echo, image: "echo.example/echo:v1", args: [ARG], volumeMounts: [{name: certificate, mountPath: /certificate}]}
      volumes: [{name: certificate, secret: {secretName: certificate}}]
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 443, targetPort: 8443}]}
`

func deploy(name, replicas, arg string) string {
	return strings.NewReplacer("NAME", name, "REPLICAS", replicas, "ARG", arg).Replace(deployment)
}

func TestDeployment(t *testing.T) {
	n := start(t)
	n.apply(deploy("echo", "2", "-certificate=/certificate"))
	n.until("a pod that waits for its volume", func(ctx context.Context) (bool, string, error) {
		pods, err := n.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) != 2 || len(pods.Items[0].Status.Conditions) == 0 {
			return false, fmt.Sprint(len(pods.Items), " pods"), err
		}
		message := pods.Items[0].Status.Conditions[0].Message
		return strings.Contains(message, `secret "certificate" not found`), message, nil
	})
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server("echo.example")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := kube.TLSSecret("default", "certificate", pair)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.kube.Apply(t.Context(), "default", secret); err != nil {
		t.Fatal(err)
	}
	for _, address := range n.endpoints("echo", 2) {
		n.until("TLS at "+address, func(ctx context.Context) (bool, string, error) {
			dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				return false, err.Error(), nil
			}
			defer conn.Close()
			return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].VerifyHostname("echo.example") == nil, "another certificate", nil
		})
	}

	before := n.endpoints("echo", 2)
	n.apply(deploy("echo", "1", "-service=other"))
	if after := n.endpoints("echo", 1); after[0] == before[0] || after[0] == before[1] {
		t.Errorf("the pod of another template has the address of the old one: %v, %v", before, after)
	}

	n.apply(deploy("broken", "1", "-unknown"))
	n.until("log of a program that ends", func(ctx context.Context) (bool, string, error) {
		pods, err := n.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=broken"})
		if err != nil || len(pods.Items) == 0 {
			return false, "no pod", err
		}
		since := metav1.NewTime(time.Now().Add(-time.Minute))
		log, err := n.client.CoreV1().Pods("default").GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{Container: "echo", SinceTime: &since}).DoRaw(ctx)
		return strings.Contains(string(log), "flag provided but not defined: -unknown"), fmt.Sprint(string(log), err), nil
	})

	for _, name := range []string{"echo", "broken"} {
		if err := n.client.AppsV1().Deployments("default").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	n.endpoints("echo", 0)
	n.until("no pods", func(ctx context.Context) (bool, string, error) {
		pods, err := n.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		return err == nil && len(pods.Items) == 0, fmt.Sprint(len(pods.Items), " pods"), err
	})
}
