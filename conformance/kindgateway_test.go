//go:build kind

package conformance_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/conformance/suite"
	"contour.example/harness/load"
	"contour.example/harness/manifest"
	"contour.example/harness/poll"
	"contour.example/harness/testcluster"
	"contour.example/harness/traffic"
)

var (
	gatewaySuite = flag.String("gateway-suite", "", "the `file` of the compiled test of the module gatewayapi, which runs the suite of the Gateway API")
	gatewayTest  = flag.String("gateway-test", "", "the `name` of one test of that suite, for which there is no report")
)

// The suite of the Gateway API passes with the provisioner, which the installation of before gets as docs/gateway-api.md says. When the
// Envoys of a Gateway are replaced, no request is lost.
func TestGatewayAPI(t *testing.T) {
	if err := provision(running, kind); err != nil {
		t.Fatal(err)
	}
	t.Run("suite", runGatewaySuite)
	t.Run("rollout", rollGateway)
}

// provision adds the provisioner to the installation. The Job that makes certificates cannot be changed, and is made again.
func provision(ctx context.Context, s *testcluster.Cluster) error {
	if _, err := s.Kubectl(ctx, "", "delete", "jobs", "--all", "--namespace="+namespace); err != nil {
		return err
	}
	text, err := manifest.Text(ctx, manifest.GatewayProvisioner)
	if err != nil {
		return err
	}
	applied, err := s.Kube.ApplyYAML(ctx, "default", text)
	if err != nil {
		return err
	}
	return s.Ready(ctx, applied)
}

func runGatewaySuite(t *testing.T) {
	usable, err := kind.Kind.StaticAddress(running)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.v", "-test.parallel=4", "-test.timeout=30m", "-kubeconfig=" + kind.Kubeconfig, "-usable-address=" + usable.String()}
	switch {
	case *gatewayTest != "":
		args = append(args, "-run-test="+*gatewayTest)
	case options.Report != "":
		if err := os.MkdirAll(options.Report, 0o755); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-report-output="+filepath.Join(options.Report, "gatewayapi-kind.yaml"))
	}
	cmd := exec.CommandContext(running, *gatewaySuite, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(kind.Root, "conformance", "gatewayapi"), os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		t.Errorf("suite of the Gateway API: %v", err)
	}
}

// rolledGateway is a Gateway with Envoys of its own, and its labels.
const rolledGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: contour
  infrastructure: {annotations: {rollout: %q}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`

// rollGateway replaces the pods of the Envoys of a Gateway under load. The only pod of a node serves until its successor does.
func rollGateway(t *testing.T) {
	in, err := kind.Kube.CreateNamespace(running, "rollout")
	if err != nil {
		t.Fatal(err)
	}
	backend, err := suite.Pods{Kube: kind.Kube, Image: suite.DefaultImage}.Start(running, suite.Backend{Name: "shop", Namespace: in, Port: 80, Endpoints: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Stop(running) })
	apply := func(rollout string) {
		t.Helper()
		if _, err := kind.Kube.ApplyYAML(running, in, fmt.Sprintf(rolledGateway, rollout)); err != nil {
			t.Fatal(err)
		}
	}
	apply("first")
	address, err := kind.Address(running, in, "envoy-web", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	client := traffic.Client{HTTP: address.String() + ":80"}
	check := func(a traffic.Answer) string {
		if a.Backend() != "shop" {
			return fmt.Sprintf("status %d", a.Status)
		}
		return ""
	}
	if _, err := client.Until(running, time.Minute, traffic.Request{Host: "any.example"}, check); err != nil {
		t.Fatal(err)
	}
	before := podOf(t, in)
	loads := map[string]*load.Load{}
	for what, o := range map[string]load.Options{
		"connections that stay": {Rate: 50, Request: traffic.Request{Host: "any.example"}},
		"new connections":       {Rate: 20, Request: traffic.Request{Host: "any.example", Headers: http.Header{"Connection": {"close"}}}},
	} {
		o.Client, o.Check = client, check
		loads[what] = load.Start(running, o)
	}
	apply("second")
	waitForOtherPod(t, in, before)
	for _, what := range slices.Sorted(maps.Keys(loads)) {
		r := loads[what].Stop()
		t.Logf("%s: %s", what, r)
		if !r.Lossless(100) {
			t.Errorf("requests on %s are lost while the Envoys are replaced: %s", what, r)
		}
	}
}

// podOf returns the UID of the only pod of the Envoys of the Gateway.
func podOf(t *testing.T, namespace string) types.UID {
	t.Helper()
	pods, err := kind.API.CoreV1().Pods(namespace).List(running, metav1.ListOptions{LabelSelector: "app=envoy-web"})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods, %v", len(pods.Items), err)
	}
	return pods.Items[0].UID
}

// waitForOtherPod waits until the rollout has ended and the former pod is gone. If it does not end, what the pods are doing is logged.
func waitForOtherPod(t *testing.T, namespace string, former types.UID) {
	t.Helper()
	err := poll.Until(running, 5*time.Minute, "other pods of the Gateway", func(ctx context.Context) (bool, string, error) {
		d, err := kind.API.AppsV1().DaemonSets(namespace).Get(ctx, "envoy-web", metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		pods, err := kind.API.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=envoy-web"})
		if err != nil {
			return false, "", err
		}
		return rolled(d) && len(pods.Items) == 1 && pods.Items[0].UID != former, fmt.Sprintf("%d pods, %+v", len(pods.Items), d.Status), nil
	})
	if err != nil {
		t.Error(err)
		for _, args := range [][]string{
			{"describe", "pods", "--selector=app=envoy-web"},
			{"logs", "--selector=app=envoy-web", "--all-containers", "--prefix", "--tail=40"},
		} {
			out, err := kind.Kubectl(running, "", append(args, "--namespace="+namespace)...)
			t.Logf("kubectl %s: %v\n%s", args[0], err, out)
		}
	}
}

// rolled reports whether all pods of a DaemonSet are of its newest template and available.
func rolled(d *appsv1.DaemonSet) bool {
	s := d.Status
	return s.ObservedGeneration >= d.Generation && s.UpdatedNumberScheduled == s.DesiredNumberScheduled && s.NumberAvailable == s.DesiredNumberScheduled
}
