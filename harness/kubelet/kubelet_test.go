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
	"sync"
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

// balanced are the addresses of load balancers.
var balanced = netip.MustParsePrefix("198.18.0.0/16")

// network is the bridge of all tests.
var network = sync.OnceValues(func() (*netns.Bridge, error) {
	b, err := netns.NewBridge("pods", netip.MustParsePrefix("10.244.0.0/16"))
	if err != nil {
		return nil, err
	}
	return b, b.Route(balanced)
})

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
	bridge, err := network()
	if err != nil {
		t.Fatal(err)
	}
	k, err := kubelet.Start(t.Context(), kubelet.Options{
		Config: cluster.Config, Dir: t.TempDir(), Bridge: bridge, LoadBalancers: balanced,
		Programs: map[string]string{"echo.example/echo": program, "sh.example/sh": "/bin/sh"},
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

// The pod of a DaemonSet: its init container runs before the other one, in the same root, and arguments refer to variables. The programs have
// their shared libraries.
const initialized = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: initialized}
spec:
  selector: {matchLabels: {app: initialized}}
  template:
    metadata: {labels: {app: initialized}}
    spec:
      initContainers:
      - name: first
        image: sh.example/sh
        args: [-c, echo $(POD) >/shared/name]
        env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        volumeMounts: [{name: shared, mountPath: /shared}]
      containers:
      - name: second
        image: sh.example/sh:v1
        args: [-c, 'read name </shared/name; echo "I am $name"; kill -STOP $$']
        volumeMounts: [{name: shared, mountPath: /shared}]
      volumes: [{name: shared, emptyDir: {}}]
`

// Services of the type LoadBalancer: the address of one that asks for none is chosen.
const loadBalancers = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: echo, image: echo.example/echo}]}
---
apiVersion: v1
kind: Service
metadata: {name: any}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: static}
spec: {type: LoadBalancer, loadBalancerIP: 198.18.7.7, selector: {app: web}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: late}
spec: {type: LoadBalancer, loadBalancerIP: 198.18.7.7, selector: {app: web}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: LoadBalancer, loadBalancerIP: 192.0.2.1, selector: {app: web}, ports: [{port: 8080}]}
`

func TestDaemonSet(t *testing.T) {
	n := start(t)
	n.apply(initialized)
	n.until("what the init container wrote", func(ctx context.Context) (bool, string, error) {
		pods, err := n.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=initialized"})
		if err != nil || len(pods.Items) != 1 || pods.Items[0].Status.Phase != corev1.PodRunning {
			return false, fmt.Sprint(pods), err
		}
		log, err := n.client.CoreV1().Pods("default").GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{Container: "second"}).DoRaw(ctx)
		return strings.Contains(string(log), "I am "+pods.Items[0].Name+"\n"), fmt.Sprint(string(log), err), nil
	})

	n.apply(loadBalancers)
	n.balanced("any", "198.18.0.1")
	owner, other := "static", "late" // who comes first is not defined for objects of one second
	n.until("the owner of the static address", func(ctx context.Context) (bool, string, error) {
		if n.address(ctx, "late") != "" {
			owner, other = other, owner
		}
		return n.address(ctx, owner) != "", "no owner", nil
	})
	n.balanced(owner, "198.18.7.7")
	if a, b := n.address(t.Context(), other), n.address(t.Context(), "outside"); a != "" || b != "" {
		t.Errorf("Services whose addresses are not to be had have %q, %q", a, b)
	}
	if err := n.client.CoreV1().Services("default").Delete(t.Context(), owner, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	n.balanced(other, "198.18.7.7")
}

// address returns the address of a Service; empty if it has none.
func (n node) address(ctx context.Context, service string) string {
	s, err := n.client.CoreV1().Services("default").Get(ctx, service, metav1.GetOptions{})
	if err != nil || len(s.Status.LoadBalancer.Ingress) == 0 {
		return ""
	}
	return s.Status.LoadBalancer.Ingress[0].IP
}

// balanced waits until a Service has an address, at which its pods answer.
func (n node) balanced(service, address string) {
	n.Helper()
	n.until(service+" at "+address, func(ctx context.Context) (bool, string, error) {
		if got := n.address(ctx, service); got != address {
			return false, "address " + got, nil
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(address, "8080"))
		if err != nil {
			return false, err.Error(), nil
		}
		return true, "", conn.Close()
	})
}
