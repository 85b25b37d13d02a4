package testcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"contour.example/harness/asset"
	"contour.example/harness/cluster"
	"contour.example/harness/clusterimage"
	"contour.example/harness/docker"
	"contour.example/harness/image"
)

// kind creates the nodes. Conflicts are checked first, those that are fast to check before the others.
func (s *Cluster) kind(ctx context.Context) (*cluster.Cluster, error) {
	engine, err := docker.Ensure(ctx, s.engineDir(), s.options.Log)
	if err != nil {
		return nil, err
	}
	if err := s.use(engine); err != nil {
		return nil, err
	}
	k := s.Kind
	if err := k.Check(ctx); err != nil {
		if !errors.Is(err, cluster.ErrExists) || !s.options.Reuse {
			return nil, err
		}
		return k.Open(ctx)
	}
	s.ours = true
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", k.Name, err)
	}
	if k.NodeImage, k.NoCNI, err = s.source.Node(ctx); err != nil {
		return nil, err
	}
	if s.options.Balancer == CloudProvider {
		if k.CloudProvider, err = asset.Get(ctx, string(CloudProvider)); err != nil {
			return nil, err
		}
	}
	k.AddressWriter, k.Images = s.options.Balancer == Addresses, s.images
	c, err := k.Create(ctx)
	s.ours = !errors.Is(err, cluster.ErrExists) // another process was faster
	return c, err
}

// use makes the engine that of the cluster.
func (s *Cluster) use(engine *docker.Engine) error {
	o := s.options
	s.source = clusterimage.Source{
		Builder: clusterimage.Builder{Cache: s.cache, Root: s.Root, Log: o.Log},
		Engine:  engine, Decider: image.Decider{Policy: o.Policy},
	}
	s.Kind = &cluster.Kind{Name: o.Name, Dir: s.dir, Workers: o.Workers, Ports: o.Ports, Engine: engine, Log: o.Log}
	return engine.Use()
}

func (s *Cluster) engineDir() string { return filepath.Join(s.cache, "docker") }

// images builds all images, in parallel, and loads them.
func (s *Cluster) images(ctx context.Context, load cluster.Load) error {
	names := s.options.Images
	all, ctx := errgroup.WithContext(ctx)
	switch s.options.Balancer {
	case Addresses:
		names = append(slices.Clone(names), image.AddressesName)
	case CloudProvider:
		all.Go(func() error { return s.source.Ready(ctx, image.LoadBalancerName) })
	}
	for _, ref := range names {
		all.Go(func() error { return s.load(ctx, ref, load) })
	}
	return all.Wait()
}

func (s *Cluster) load(ctx context.Context, ref string, load cluster.Load) error {
	archive, err := s.source.Archive(ctx, ref, s.dir)
	if err != nil {
		return err
	}
	return s.options.Log.Run(ctx, "load "+ref, func(ctx context.Context) error { return load(ctx, archive) })
}

// Prepare builds, into the cache, what takes Up longest to build: nothing that is pulled, and no image of ours.
func (o Options) Prepare(ctx context.Context) error {
	s, err := o.open()
	if err != nil {
		return err
	}
	published := []string{clusterimage.Node, image.EnvoyName}
	if s.options.Balancer == CloudProvider {
		if _, err := asset.Get(ctx, string(CloudProvider)); err != nil {
			return err
		}
		published = append(published, image.LoadBalancerName)
	}
	b, d := clusterimage.Builder{Cache: s.cache, Root: s.Root, Log: o.Log}, image.Decider{Policy: o.Policy}
	for _, ref := range published {
		if err := b.Prepare(ctx, d, ref); err != nil {
			return err
		}
	}
	return nil
}

// Reload builds images again, from the current sources, and loads them.
func (s *Cluster) Reload(ctx context.Context, names ...string) error {
	for _, ref := range names {
		if err := s.load(ctx, ref, s.Kind.Load); err != nil {
			return err
		}
	}
	return nil
}
