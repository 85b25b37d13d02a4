package cluster

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"contour.example/harness/docker"
	"contour.example/harness/kube"
)

// fakeDocker puts a docker command first in $PATH: a shell script.
func fakeDocker(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestCheckFindsConflicts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	taken := l.Addr().(*net.TCPAddr).Port
	const script = `case "$1" in ps) echo there ;; info) echo /; esac`
	for what, c := range map[string]struct {
		kind Kind
		want error
	}{
		"a cluster of that name": {Kind{Name: "there"}, ErrExists},
		"a port that is in use":  {Kind{Name: "new", Ports: map[int]int{taken: 80}}, ErrPort},
		"nothing":                {Kind{Name: "new"}, nil},
	} {
		fakeDocker(t, script)
		c.kind.Engine = &docker.Engine{}
		if err := c.kind.Check(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	fakeDocker(t, `case "$1" in image) exit 1 ;; info) echo /; esac`)
	k := Kind{Name: "new", NodeImage: "no-such-image", Engine: &docker.Engine{}}
	if _, err := k.Create(t.Context()); err == nil || !strings.Contains(err.Error(), "no-such-image") {
		t.Errorf("no node image: %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	c := (&Kind{Workers: 2, NoCNI: true, Ports: map[int]int{8080: 80}}).config()
	var roles []string
	for _, n := range c.Nodes {
		roles = append(roles, string(n.Role))
	}
	if diff := cmp.Diff([]string{"control-plane", "worker", "worker"}, roles); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := c.Nodes[0].ExtraPortMappings
	if !c.Networking.DisableDefaultCNI || len(p) != 1 || p[0].HostPort != 8080 || p[0].ContainerPort != 80 || p[0].ListenAddress != "127.0.0.1" {
		t.Errorf("got %+v, %+v", c.Networking, p)
	}
}

func node(name, cidrs string, addresses ...string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Spec.PodCIDRs = strings.Fields(cidrs)
	for _, a := range addresses {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
	}
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
	return n
}

func TestRoutesToOtherNodesByFamily(t *testing.T) {
	t.Parallel()
	got, missing := podRoutes([]corev1.Node{
		node("a", "10.244.0.0/24 fd00:a::/64", "172.18.0.2", "fc00::2"),
		node("b", "10.244.1.0/24 fd00:b::/64", "172.18.0.3", "fc00::3"),
	})
	want := map[string][]string{
		"a": {"10.244.1.0/24 172.18.0.3", "fd00:b::/64 fc00::3"},
		"b": {"10.244.0.0/24 172.18.0.2", "fd00:a::/64 fc00::2"},
	}
	texts := map[string][]string{}
	for name, routes := range got {
		for _, r := range routes {
			texts[name] = append(texts[name], r.to.String()+" "+r.via.String())
		}
	}
	if diff := cmp.Diff(want, texts); diff != "" || missing != "" {
		t.Errorf("missing %q, (-want +got):\n%s", missing, diff)
	}
	if _, missing := podRoutes([]corev1.Node{node("a", "10.244.0.0/24"), node("b", "")}); missing != "b" {
		t.Errorf("missing %q, want b", missing)
	}
}

func TestPoolIsInTheUpperHalf(t *testing.T) {
	t.Parallel()
	network := netip.MustParsePrefix("172.18.0.0/16")
	seen := map[netip.Prefix]bool{}
	for _, name := range []string{"contour", "contour-test", "e2e", "x"} {
		p, err := poolIn(network, name)
		if last := lastOf(p); !p.Contains(last) || p.Contains(last.Next().Next()) {
			t.Errorf("%s: the last of %s is %s", name, p, last)
		}
		if err != nil || p.Bits() != 22 || !network.Contains(p.Addr()) || p != p.Masked() || p.Addr().As4()[2] < 128 {
			t.Errorf("%s: %s, %v", name, p, err)
		}
		seen[p] = true
	}
	if len(seen) < 2 {
		t.Error("all clusters have the same pool")
	}
	if _, err := poolIn(netip.MustParsePrefix("172.18.0.0/24"), "x"); err == nil {
		t.Error("a network that is too small is accepted")
	}
}

func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	k := clientcmdapi.NewConfig()
	k.Clusters["x"] = &clientcmdapi.Cluster{Server: server}
	k.Contexts["x"] = &clientcmdapi.Context{Cluster: "x"}
	k.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*k, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExistingThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	path := kubeconfig(t, "http://127.0.0.1:1")
	_, err := Existing{Kubeconfig: path}.Create(t.Context())
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	if _, err := (Existing{Kubeconfig: path, Context: "other"}).Create(t.Context()); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("a missing context: %v", err)
	}
	if _, err := (Existing{Kubeconfig: filepath.Join(t.TempDir(), "none")}).Create(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestExistingThatAcceptsAndDoesNotAnswer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // only the kernel accepts
	start := time.Now()
	_, err = Existing{Kubeconfig: kubeconfig(t, "http://"+l.Addr().String())}.Create(t.Context())
	if !errors.Is(err, ErrUnreachable) || time.Since(start) > 2*answerTimeout {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

func TestExistingByEnvironment(t *testing.T) {
	t.Setenv("KUBECONFIG", kubeconfig(t, "http://127.0.0.1:1"))
	if _, err := (Existing{}).Create(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestLoadWhereImagesComeFromARegistry(t *testing.T) {
	t.Parallel()
	if err := (&Cluster{Name: "x"}).Load(t.Context(), "a.tar"); !errors.Is(err, ErrCannot) {
		t.Errorf("got %v", err)
	}
}

func TestAddressOfAService(t *testing.T) {
	t.Parallel()
	objects, err := kube.Parse(`{kind: Service, apiVersion: v1, metadata: {name: x}, status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := addressOf(objects[0]); err != nil || a.String() != "10.0.0.1" {
		t.Errorf("got %s, %v", a, err)
	}
	objects[0].Object["status"] = map[string]any{}
	if a, err := addressOf(objects[0]); err == nil {
		t.Errorf("got %s of an empty status", a)
	}
}

func TestLocalThatWasNeverStarted(t *testing.T) {
	t.Parallel()
	if err := (&Local{}).Delete(context.Background()); err != nil {
		t.Error(err)
	}
}
