//go:build local && counterpart

package e2e

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/poll"
	"contour.example/harness/traffic"
)

const canaryHost = "canary.example"

// Flagger makes the Services and the HTTPProxy of an application, which a root includes, and shifts its weights when there is a new
// revision: requests follow each weight, all are of the new revision at its end, and none fails.
func TestCounterpartFlagger(t *testing.T) {
	f := newFixture(t, shared)
	c := f.newCanary()
	proxy := kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"}, Namespace: f.namespace, Name: "shop"}
	share := func() int { // the weight of the canary
		o, err := f.s.Kube.Get(t.Context(), proxy)
		if err != nil {
			return -1
		}
		routes, _, _ := unstructured.NestedSlice(o.Object, "spec", "routes")
		if len(routes) != 1 {
			return -1
		}
		services, _, _ := unstructured.NestedSlice(routes[0].(map[string]any), "services")
		for _, s := range services {
			if s := s.(map[string]any); s["name"] == "shop-canary" {
				weight, _, _ := unstructured.NestedInt64(s, "weight")
				return int(weight)
			}
		}
		return -1
	}
	f.answered(traffic.Request{Host: canaryHost}, "shop-primary")
	f.wait("initialization", time.Minute, func() bool { return c.phase() == "Initialized" })
	all := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: traffic.Request{Host: canaryHost, Timeout: 5 * time.Second}, Rate: 50, Check: ok})
	c.deploy("second")
	for _, weight := range []int{25, 75} {
		f.wait(fmt.Sprint("weight ", weight), time.Minute, func() bool { return share() == weight })
		err := poll.Until(t.Context(), 10*time.Second, fmt.Sprint("requests by weight ", weight), func(ctx context.Context) (bool, string, error) {
			sample := load.Run(ctx, load.Options{Client: f.s.Traffic, Request: traffic.Request{Host: canaryHost}, Rate: 300, Duration: 3 * time.Second, Check: ok})
			if got := share(); got != weight {
				return false, "", fmt.Errorf("the weight is %d before requests follow %d", got, weight)
			}
			part := 100 * float64(sample.Backends["shop-canary"]) / float64(sample.OK)
			return math.Abs(part-float64(weight)) <= 5, fmt.Sprintf("%.1f %% of %d requests reach the canary", part, sample.OK), nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	f.wait("promotion", 2*time.Minute, func() bool { return c.phase() == "Succeeded" })
	if got := share(); got != 0 {
		t.Errorf("the canary has the weight %d after the promotion", got)
	}
	report := all.Stop()
	if !report.Lossless(500) || report.Backends["shop-canary"] == 0 {
		t.Errorf("%s\n%v", report, report.Backends)
	}
	t.Log(report)
	f.answered(traffic.Request{Host: canaryHost}, "shop-primary")
}

// canary is an application that Flagger shifts to its new revisions.
type canary struct {
	*fixture
	client dynamic.Interface
}

// newCanary installs Flagger and an application. What the controllers of Deployments and of endpoints do is done by the test: each
// Deployment is as it should be, and the Services of both revisions have a backend.
func (f *fixture) newCanary() *canary {
	f.t.Helper()
	client, err := dynamic.NewForConfig(f.s.Cluster.Config)
	if err != nil {
		f.t.Fatal(err)
	}
	c := &canary{fixture: f, client: client}
	for plural, kind := range map[string]string{"canaries": "Canary", "metrictemplates": "MetricTemplate", "alertproviders": "AlertProvider"} {
		f.apply(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.flagger.app}
spec:
  group: flagger.app
  scope: Namespaced
  names: {plural: %[1]s, kind: %[2]s}
  versions:
  - {name: v1beta1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, plural, kind)
		if err := f.s.Kube.WaitForKind(f.t.Context(), schema.GroupVersionKind{Group: "flagger.app", Version: "v1beta1", Kind: kind}); err != nil {
			f.t.Fatal(err)
		}
	}
	f.newCounterpart("flagger", func(at netip.AddrPort) []string {
		return []string{
			"-kubeconfig=" + f.s.Cluster.Kubeconfig, "-mesh-provider=contour", "-namespace=" + f.namespace, "-port=" + strconv.Itoa(int(at.Port())),
			"-control-loop-interval=1s", "-metrics-server=http://127.0.0.1:1",
		}
	})
	for _, name := range []string{"shop-primary", "shop-canary"} {
		c.endpoint(name, f.server(name, "0"))
	}
	ctx, stop := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.control(ctx) }()
	f.t.Cleanup(func() { stop(); <-done })
	c.deploy("first")
	f.apply(`
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  progressDeadlineSeconds: 60
  service: {port: 80, targetPort: 8080}
  analysis: {interval: 10s, threshold: 5, stepWeights: [25, 75]}
---
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: root}
spec: {virtualhost: {fqdn: %s}, includes: [{name: shop}]}
`, canaryHost)
	return c
}

// endpoint makes the server the endpoint of a Service of Flagger.
func (c *canary) endpoint(service string, server *backend.Server) {
	c.t.Helper()
	at := server.Address()
	c.apply(`
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{name: http, port: %[3]d, protocol: TCP}]
endpoints: [{addresses: [%[2]q], conditions: {ready: true}}]
`, service, at.Addr().String(), at.Port())
}

// deploy creates the Deployment, or gives it a new revision.
func (c *canary) deploy(revision string) {
	c.t.Helper()
	c.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}, annotations: {revision: %s}}
    spec: {containers: [{name: shop, image: shop, ports: [{name: http, containerPort: 8080}]}]}
`, revision)
}

// control writes the status of each Deployment whenever that is not as its specification says, until the context ends.
func (c *canary) control(ctx context.Context) {
	deployments := c.client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(c.namespace)
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		list, err := deployments.List(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for _, d := range list.Items {
			replicas, _, _ := unstructured.NestedInt64(d.Object, "spec", "replicas")
			observed, _, _ := unstructured.NestedInt64(d.Object, "status", "observedGeneration")
			if observed == d.GetGeneration() {
				continue
			}
			patch := fmt.Sprintf(`{"status": {"observedGeneration": %d, "replicas": %[2]d, "updatedReplicas": %[2]d, "readyReplicas": %[2]d, "availableReplicas": %[2]d}}`, d.GetGeneration(), replicas)
			_, _ = deployments.Patch(ctx, d.GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status") // again at the next tick
		}
	}
}

func (c *canary) phase() string {
	o, err := c.s.Kube.Get(c.t.Context(), kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: "flagger.app", Version: "v1beta1", Kind: "Canary"}, Namespace: c.namespace, Name: "shop"})
	if err != nil {
		return err.Error()
	}
	phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
	return phase
}
