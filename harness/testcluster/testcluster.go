package testcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"

	"contour.example/harness/asset"
	"contour.example/harness/buildcache"
	"contour.example/harness/cluster"
	"contour.example/harness/clusterimage"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/kube"
	"contour.example/harness/progress"
)

// Balancer is what assigns addresses to Services of type LoadBalancer in a kind cluster.
type Balancer string

// The balancers: Addresses needs few resources, CloudProvider runs a proxy for each Service and checks the health of nodes.
const (
	Addresses     Balancer = "addresses"
	CloudProvider Balancer = "cloud-provider-kind"
)

// Errors that callers test for; their message contains the remedy.
var (
	ErrNotOurs  = errors.New("an existing cluster is not ours to delete; kubectl delete -f removes what was applied")
	ErrBalancer = errors.New("want addresses or cloud-provider-kind")
	ErrImage    = errors.New("image missing: no node can get it; push it to a registry that the nodes pull from, and set -image NAME=THERE")
)

// Options specify a cluster.
type Options struct {
	// Existing uses the cluster of Kubeconfig (empty for the default one); its nodes pull their images.
	// All that follows is for kind clusters, except Replace and Log.
	Existing   bool
	Kubeconfig string

	// Name of the kind cluster; one name, one cluster.
	Name string
	// Workers are nodes besides the control plane.
	Workers int
	// Ports map ports of 127.0.0.1 to ports of the first node.
	Ports map[int]int
	// Balancer is Addresses if empty.
	Balancer Balancer
	// Images are what the nodes get, by their names in manifests; nil for contour, echo and Envoy.
	Images []string
	// Policy specifies whether published images are pulled or built; image.Auto if empty.
	Policy image.Policy
	// Reuse uses an existing cluster of that name, if there is one.
	Reuse bool
	// KeepEngine does not stop a Docker engine that was started for the cluster.
	KeepEngine bool

	// Replace has other names for images in manifests, by their names there.
	Replace map[string]string
	// Log prints the duration of each step.
	Log progress.Log
}

// Cluster is a reachable cluster.
type Cluster struct {
	*cluster.Cluster
	// Kube and API are clients for Cluster.Config.
	Kube *kube.Client
	API  kubernetes.Interface
	// Kind has the nodes, with the engine that they run in; nil for an existing cluster.
	Kind *cluster.Kind
	// Root is the repository's root.
	Root string

	options    Options
	cache, dir string
	source     clusterimage.Source
	ours       bool // Up has begun to create the cluster
}

// Up makes the cluster.
func (o Options) Up(ctx context.Context) (*Cluster, error) {
	s, err := o.open()
	if err != nil {
		return nil, err
	}
	err = s.up(ctx)
	if err == nil {
		return s, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx) // and not what broke because of it
	}
	if !s.ours {
		return nil, errors.Join(err, s.stopEngine(context.WithoutCancel(ctx)))
	}
	return nil, errors.Join(err, s.Down(context.WithoutCancel(ctx)))
}

// Find returns the kind cluster of an earlier Up; only Down and Reload work on it.
func (o Options) Find(ctx context.Context) (*Cluster, error) {
	if o.Existing {
		return nil, ErrNotOurs
	}
	s, err := o.open()
	if err != nil {
		return nil, err
	}
	engine, err := docker.Find(ctx, s.engineDir())
	if err != nil {
		return nil, err
	}
	return s, s.use(engine)
}

// Down removes the cluster of these options, and what was started for it. It is not an error if there is none.
func (o Options) Down(ctx context.Context) error {
	s, err := o.Find(ctx)
	if errors.Is(err, docker.ErrNoEngine) { // so there is no cluster either
		if s, err = o.open(); err == nil {
			return os.RemoveAll(s.dir)
		}
	}
	if err != nil {
		return err
	}
	return s.Down(ctx)
}

// open finds the directories.
func (o Options) open() (*Cluster, error) {
	switch o.Balancer {
	case "":
		o.Balancer = Addresses
	case Addresses, CloudProvider:
	default:
		return nil, fmt.Errorf("balancer %q: %w", o.Balancer, ErrBalancer)
	}
	if o.Images == nil {
		o.Images = []string{image.ContourName, image.EchoName, image.EnvoyName}
	}
	s := &Cluster{options: o}
	var err error
	if s.Root, err = asset.Root(); err != nil {
		return nil, err
	}
	if s.cache, err = buildcache.Dir(); err != nil {
		return nil, err
	}
	s.dir = filepath.Join(s.cache, "clusters", o.Name)
	return s, nil
}

func (s *Cluster) up(ctx context.Context) (err error) {
	if s.options.Existing {
		s.Cluster, err = cluster.Existing{Kubeconfig: s.options.Kubeconfig}.Create(ctx)
	} else {
		s.Cluster, err = s.kind(ctx)
	}
	if err != nil {
		return err
	}
	if s.Kube, err = kube.New(s.Config); err != nil {
		return err
	}
	s.API, err = kubernetes.NewForConfig(s.Config)
	return err
}

// Dir has the files of a kind cluster.
func (s *Cluster) Dir() string { return s.dir }

// Down removes the cluster, its files, and the engine if it was started for it and runs nothing else. It does
// nothing to an existing cluster.
func (s *Cluster) Down(ctx context.Context) error {
	if s.Kind == nil {
		return nil
	}
	if err := s.options.Log.Run(ctx, "delete the cluster", s.Kind.Delete); err != nil {
		return errors.Join(err, s.stopEngine(ctx)) // its directory records what is left to delete
	}
	return errors.Join(os.RemoveAll(s.dir), s.stopEngine(ctx))
}

// stopEngine stops an engine that was started for clusters, when it has none any more.
func (s *Cluster) stopEngine(ctx context.Context) error {
	engine := s.source.Engine
	if engine == nil || !engine.Started || s.options.KeepEngine {
		return nil
	}
	left, err := engine.Output(ctx, "ps", "--quiet")
	if err != nil || left != "" {
		return err
	}
	return s.options.Log.Run(ctx, "stop the Docker engine", engine.Stop)
}
