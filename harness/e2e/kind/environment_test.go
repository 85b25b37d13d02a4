//go:build kind

package kind

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"contour.example/harness/address"
	"contour.example/harness/cluster"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/scenario"
	"contour.example/harness/testcluster"
	"contour.example/harness/traffic"
)

const (
	// name of the cluster.
	name = "contour-e2e"
	// namespace of controller and Envoys.
	namespace = "projectcontour"
	// workers are the nodes with an Envoy.
	workers = 2
	// seen bounds the wait until requests observe a change.
	seen = 30 * time.Second
	// podTimeout bounds the wait for pods on a busy machine.
	podTimeout = 4 * time.Minute
)

// environment is the cluster and what is installed in it.
type environment struct {
	options testcluster.Options
	// artifacts is where failures are described.
	artifacts string

	testcluster *testcluster.Cluster
	kind        *cluster.Kind // nil for an existing cluster
	cluster     *cluster.Cluster
	kube        *kube.Client
	api         kubernetes.Interface
	dynamic     dynamic.Interface
	kinds       discovery.DiscoveryInterface

	// traffic goes to the load balancer.
	traffic  traffic.Client
	balanced netip.Addr
	// addresses are for backends in this process; ca signs certificates.
	addresses *address.Claims
	ca        *pki.CA
	// before is the inventory of the cluster before anything was installed.
	before      map[string]string
	controllers *watch
	// heavy is locked while a feature uses all processors.
	heavy sync.Mutex
}

// up makes the cluster and installs what production installs.
func (w *environment) up(ctx context.Context) (err error) {
	if w.artifacts, err = artifactsDir(); err != nil {
		return err
	}
	if w.addresses, err = address.New(); err != nil {
		return err
	}
	if w.ca, err = pki.New("e2e"); err != nil {
		return err
	}
	if w.testcluster, err = w.options.Up(ctx); err != nil {
		return err
	}
	w.kind, w.cluster, w.kube, w.api = w.testcluster.Kind, w.testcluster.Cluster, w.testcluster.Kube, w.testcluster.API
	if err := w.clients(); err != nil {
		return err
	}
	err = w.install(ctx)
	if err != nil && ctx.Err() == nil { // an interrupted run needs no artifacts
		w.saveArtifacts(ctx, "install")
	}
	return err
}

func (w *environment) clients() (err error) {
	if w.dynamic, err = dynamic.NewForConfig(w.cluster.Config); err != nil {
		return err
	}
	w.kinds, err = discovery.NewDiscoveryClientForConfig(w.cluster.Config)
	return err
}

// install applies the manifests as a user does, and returns when all is ready and has an address.
func (w *environment) install(ctx context.Context) (err error) {
	if err := w.readBefore(ctx); err != nil {
		return err
	}
	if w.controllers, err = watchPods(ctx, w.api, namespace, filepath.Join(w.artifacts, namespace)); err != nil {
		return err
	}
	log := w.options.Log
	err = log.Run(ctx, "kubectl apply -f manifests/contour.yaml", func(ctx context.Context) error {
		return w.kubectl(ctx, "apply", "--filename=-")
	})
	if err != nil {
		return err
	}
	if err := log.Run(ctx, "controller and Envoys ready", w.ready); err != nil {
		return err
	}
	return log.Run(ctx, "address of the load balancer", func(ctx context.Context) error {
		if w.balanced, err = w.cluster.Address(ctx, namespace, "envoy", podTimeout); err != nil {
			return err
		}
		w.traffic = traffic.Client{HTTP: w.balanced.String() + ":80", HTTPS: w.balanced.String() + ":443"}
		return nil
	})
}

// readBefore sets before, for a reused cluster to its inventory when it was new.
func (w *environment) readBefore(ctx context.Context) (err error) {
	if w.kind == nil {
		w.before, err = w.inventory(ctx)
		return err
	}
	file := filepath.Join(w.kind.Dir, "before.json")
	if text, err := os.ReadFile(file); err == nil {
		return json.Unmarshal(text, &w.before)
	}
	if w.before, err = w.inventory(ctx); err != nil {
		return err
	}
	text, err := json.Marshal(w.before)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// kubectl runs the command with manifests/contour.yaml as its input.
func (w *environment) kubectl(ctx context.Context, args ...string) error {
	text, err := w.testcluster.Text(filepath.Join(w.testcluster.Root, "manifests", "contour.yaml"))
	if err != nil {
		return err
	}
	_, err = w.testcluster.Kubectl(ctx, text, args...)
	return err
}

// controlPlane is the node with the API server, in a kind cluster.
func (w *environment) controlPlane() string { return w.kind.ControlPlane() }

// down removes the cluster, unless it is kept, and the engine if it was started for it. From an existing cluster
// it removes what was installed, which the last feature may have done already.
func (w *environment) down(ctx context.Context) error {
	var errs []error
	if w.controllers != nil {
		w.controllers.stop()
	}
	if w.addresses != nil {
		errs = append(errs, w.addresses.Close())
	}
	switch {
	case w.testcluster == nil || w.options.Reuse:
	case w.kind == nil:
		errs = append(errs, deleteSecond(ctx, w), w.kubectl(ctx, "delete", "--ignore-not-found", "--wait=false", "--filename=-"))
	default:
		errs = append(errs, w.testcluster.Down(ctx))
	}
	return errors.Join(errs...)
}

// scenarios is where scenarios run.
func (w *environment) scenarios(logf func(string, ...any)) scenario.Env {
	return scenario.Env{Kube: w.kube, Traffic: w.traffic, Addresses: w.addresses, CA: w.ca, Timeout: seen, Logf: logf}
}
