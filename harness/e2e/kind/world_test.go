//go:build kind

package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/cluster"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/keep"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/scenario"
	"contour.example/harness/step"
	"contour.example/harness/supply"
	"contour.example/harness/traffic"
)

const (
	// name of the cluster.
	name = "contour-e2e"
	// namespace of controller and Envoys.
	namespace = "projectcontour"
	// workers are the nodes with an Envoy.
	workers = 2
	// seen bounds the wait for a change to be seen by requests.
	seen = 30 * time.Second
	// patience bounds the wait for pods on a busy machine.
	patience = 4 * time.Minute
)

// world is the cluster and what is in it.
type world struct {
	keep bool
	log  step.Log
	root string
	// artifacts is where failures are described.
	artifacts string

	kind    *cluster.Kind
	cluster *cluster.Cluster
	kube    *kube.Client
	api     kubernetes.Interface
	dynamic dynamic.Interface
	kinds   discovery.DiscoveryInterface

	// traffic goes to the load balancer.
	traffic  traffic.Client
	balanced netip.Addr
	// addresses are for backends in this process; ca signs certificates.
	addresses *address.Claims
	ca        *pki.Authority
	// before is what the cluster had before anything was installed.
	before      map[string]string
	controllers *watch
}

// up makes the cluster and installs what production installs.
func (w *world) up(ctx context.Context) (err error) {
	w.log = step.Log{W: os.Stderr}
	if w.root, err = asset.Root(); err != nil {
		return err
	}
	if w.artifacts, err = artifactsDir(); err != nil {
		return err
	}
	if w.addresses, err = address.New(); err != nil {
		return err
	}
	if w.ca, err = pki.New("e2e"); err != nil {
		return err
	}
	if err := w.makeCluster(ctx); err != nil {
		return err
	}
	if err := w.clients(); err != nil {
		return err
	}
	if err := w.install(ctx); err != nil {
		w.saveArtifacts(ctx, "install")
		return err
	}
	return nil
}

// makeCluster creates the cluster, or finds the one that was kept.
func (w *world) makeCluster(ctx context.Context) error {
	cache, err := keep.Dir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "clusters", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	engine, err := docker.Ensure(ctx, filepath.Join(cache, "docker"), w.log)
	if err != nil {
		return err
	}
	w.kind = &cluster.Kind{Name: name, Dir: dir, Workers: workers, Engine: engine, Log: w.log}
	source := supply.Source{Builder: supply.Builder{Cache: cache, Root: w.root, Log: w.log}, Engine: engine}
	err = w.kind.Check(ctx)
	if errors.Is(err, cluster.ErrExists) && w.keep {
		w.cluster, err = cluster.Existing{Kubeconfig: w.kind.Kubeconfig()}.Create(ctx)
		return err
	}
	if err != nil {
		return err
	}
	return w.create(ctx, source)
}

func (w *world) create(ctx context.Context, source supply.Source) (err error) {
	k := w.kind
	if k.NodeImage, k.NoCNI, err = source.Node(ctx); err != nil {
		return err
	}
	if k.CloudProvider, err = asset.Get(ctx, "cloud-provider-kind"); err != nil {
		return err
	}
	if err := source.Ready(ctx, image.LoadBalancerName); err != nil {
		return err
	}
	var archives []string
	for _, ref := range []string{image.ContourName, image.EchoName, image.EnvoyName} {
		archive, err := source.Archive(ctx, ref, k.Dir)
		if err != nil {
			return err
		}
		archives = append(archives, archive)
	}
	if w.cluster, err = k.Create(ctx); err != nil {
		return err
	}
	for _, archive := range archives {
		err := w.log.Run(ctx, "load "+filepath.Base(archive), func(ctx context.Context) error { return w.cluster.Load(ctx, archive) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) clients() (err error) {
	config := w.cluster.Config
	if w.kube, err = kube.New(config); err != nil {
		return err
	}
	if w.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	if w.kinds, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return err
	}
	w.api, err = kubernetes.NewForConfig(config)
	return err
}

// install applies the manifests as a person does, and returns when all is ready and has an address.
func (w *world) install(ctx context.Context) (err error) {
	if err := w.lookBefore(ctx); err != nil {
		return err
	}
	if w.controllers, err = watchPods(ctx, w.api, filepath.Join(w.artifacts, "contour")); err != nil {
		return err
	}
	err = w.log.Run(ctx, "kubectl apply -f manifests/contour.yaml", func(ctx context.Context) error {
		return w.kubectl(ctx, "apply", "--filename=-")
	})
	if err != nil {
		return err
	}
	if err := w.log.Run(ctx, "controller and Envoys ready", w.ready); err != nil {
		return err
	}
	return w.log.Run(ctx, "address of the load balancer", func(ctx context.Context) error {
		if w.balanced, err = w.cluster.Address(ctx, namespace, "envoy", patience); err != nil {
			return err
		}
		w.traffic = traffic.Client{HTTP: w.balanced.String() + ":80", HTTPS: w.balanced.String() + ":443"}
		return nil
	})
}

// lookBefore fills before, for a cluster that was kept with what it had when it was new.
func (w *world) lookBefore(ctx context.Context) (err error) {
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

// kubectl runs the command on the control plane with manifests/contour.yaml as its input.
func (w *world) kubectl(ctx context.Context, args ...string) error {
	file, err := os.Open(filepath.Join(w.root, "manifests", "contour.yaml"))
	if err != nil {
		return fmt.Errorf("manifests: %w", err)
	}
	defer func() { _ = file.Close() }()
	cmd := exec.CommandContext(ctx, "docker", append([]string{"exec", "--interactive", w.controlPlane(), "kubectl"}, args...)...)
	cmd.Stdin = file
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (w *world) controlPlane() string { return name + "-control-plane" }

// down removes the cluster, unless it is to be kept, and the engine if it was started for it.
func (w *world) down(ctx context.Context) error {
	var errs []error
	if w.controllers != nil {
		w.controllers.stop()
	}
	if w.addresses != nil {
		errs = append(errs, w.addresses.Close())
	}
	if w.kind == nil || w.keep {
		return errors.Join(errs...)
	}
	if w.cluster != nil {
		errs = append(errs, w.log.Run(ctx, "delete the cluster", w.kind.Delete), os.RemoveAll(w.kind.Dir))
	}
	left, err := w.kind.Engine.Output(ctx, "ps", "--quiet")
	if err == nil && left == "" {
		err = w.kind.Engine.Stop(ctx) // does nothing to an engine that was there
	}
	return errors.Join(append(errs, err)...)
}

// scenarios is where scenarios run.
func (w *world) scenarios(logf func(string, ...any)) scenario.Env {
	return scenario.Env{Kube: w.kube, Traffic: w.traffic, Addresses: w.addresses, CA: w.ca, Timeout: seen, Logf: logf}
}
