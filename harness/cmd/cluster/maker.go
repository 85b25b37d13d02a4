package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"contour.example/harness/asset"
	"contour.example/harness/cluster"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/kube"
	"contour.example/harness/step"
	"contour.example/harness/supply"
)

//go:embed sample.yaml
var sample string

// sampleTimeout is for a pod to start on a busy machine.
const sampleTimeout = 2 * time.Minute

// maker does what the command is asked to.
type maker struct {
	options
	log              step.Log
	root, cache, dir string

	provider cluster.Provider // nil until the engine of a kind cluster runs
	engine   *docker.Engine
	source   supply.Source
}

func (m *maker) up(ctx context.Context, stdout io.Writer) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, m.giveUp(context.WithoutCancel(ctx), err))
		}
	}()
	var archives []string
	if m.options.provider == "kind" {
		if archives, err = m.prepare(ctx); err != nil {
			return err
		}
	}
	created, err := m.provider.Create(ctx)
	if err != nil {
		m.provider = nil // it has cleaned up, or the cluster is not ours to delete
		return err
	}
	for _, archive := range archives {
		name := "load " + filepath.Base(archive)
		if err := m.log.Run(ctx, name, func(ctx context.Context) error { return created.Load(ctx, archive) }); err != nil {
			return err
		}
	}
	if err := m.apply(ctx, created); err != nil {
		return err
	}
	return m.tell(ctx, created, stdout)
}

// giveUp removes what an up that failed, because of cause, has made.
func (m *maker) giveUp(ctx context.Context, cause error) error {
	var err error
	if m.provider != nil {
		err = m.provider.Delete(ctx)
	}
	if !errors.Is(cause, cluster.ErrExists) { // else the directory is that of the other cluster
		err = errors.Join(err, os.RemoveAll(m.dir))
	}
	return errors.Join(err, m.stopEngine(ctx))
}

// prepare gets an engine, the node image, and archives of the images to load.
func (m *maker) prepare(ctx context.Context) (archives []string, err error) {
	if err := m.findEngine(ctx, docker.Ensure); err != nil {
		return nil, err
	}
	k, err := m.kind()
	if err != nil {
		return nil, err
	}
	if err := k.Check(ctx); err != nil {
		return nil, err
	}
	if k.NodeImage, k.NoCNI, err = m.source.Node(ctx); err != nil {
		return nil, err
	}
	if err := m.prepareBalancer(ctx, k); err != nil {
		return nil, err
	}
	if archives, err = m.archives(ctx); err != nil {
		return nil, err
	}
	m.provider = k
	return archives, nil
}

func (m *maker) prepareBalancer(ctx context.Context, k *cluster.Kind) (err error) {
	if m.balancer == "addresses" {
		k.AddressWriter, err = m.source.Archive(ctx, image.AddressesName, m.dir)
		return err
	}
	if k.CloudProvider, err = asset.Get(ctx, m.balancer); err != nil {
		return err
	}
	return m.source.Ready(ctx, image.LoadBalancerName)
}

func (m *maker) findEngine(ctx context.Context, find func(context.Context, string, step.Log) (*docker.Engine, error)) error {
	engine, err := find(ctx, filepath.Join(m.cache, "docker"), m.log)
	if err != nil {
		return err
	}
	m.engine = engine
	m.source = supply.Source{
		Builder: supply.Builder{Cache: m.cache, Root: m.root, Log: m.log},
		Engine:  engine, Decider: image.Decider{Policy: m.images},
	}
	return engine.Use()
}

func (m *maker) kind() (*cluster.Kind, error) {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", m.name, err)
	}
	return &cluster.Kind{
		Name: m.name, Dir: m.dir, Workers: m.workers, Ports: m.ports, Engine: m.engine, Log: m.log,
	}, nil
}

// archives are of the images that a cluster gets.
func (m *maker) archives(ctx context.Context) ([]string, error) {
	var archives []string
	for _, ref := range []string{image.ContourName, image.EchoName, image.EnvoyName} {
		archive, err := m.source.Archive(ctx, ref, m.dir)
		if err != nil {
			return nil, err
		}
		archives = append(archives, archive)
	}
	return archives, nil
}

func (m *maker) apply(ctx context.Context, c *cluster.Cluster) error {
	client, err := kube.New(c.Config)
	if err != nil {
		return err
	}
	for _, file := range m.files {
		err := m.log.Run(ctx, "apply "+file, func(ctx context.Context) error {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			_, err = client.ApplyYAML(ctx, "default", string(text))
			return err
		})
		if err != nil {
			return err
		}
	}
	if !m.sample {
		return nil
	}
	return m.log.Run(ctx, "apply the sample application", func(ctx context.Context) error {
		_, err := client.ApplyYAML(ctx, "default", sample)
		return err
	})
}

// tell prints what a person does next.
func (m *maker) tell(ctx context.Context, c *cluster.Cluster, stdout io.Writer) error {
	fmt.Fprintf(stdout, "export KUBECONFIG=%s\n", c.Kubeconfig)
	if m.engine != nil && m.engine.Host != "" {
		fmt.Fprintf(stdout, "export DOCKER_HOST=%s\n", m.engine.Host)
	}
	if !m.sample {
		return nil
	}
	address, err := c.Address(ctx, "default", "echo", sampleTimeout)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "# sample application: curl http://%s/\n", address)
	return nil
}

func (m *maker) down(ctx context.Context) error {
	if m.options.provider == "existing" {
		return errors.New("an existing cluster is not ours to delete; kubectl delete -f removes what was applied")
	}
	err := m.findEngine(ctx, func(ctx context.Context, dir string, _ step.Log) (*docker.Engine, error) {
		return docker.Find(ctx, dir)
	})
	if errors.Is(err, docker.ErrNoEngine) {
		return os.RemoveAll(m.dir) // so there is no cluster either
	}
	if err != nil {
		return err
	}
	k, err := m.kind()
	if err != nil {
		return err
	}
	if err := m.log.Run(ctx, "delete the cluster", k.Delete); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(m.dir), m.stopEngine(ctx))
}

// stopEngine ends an engine that was started for clusters, when it has none any more.
func (m *maker) stopEngine(ctx context.Context) error {
	if m.engine == nil || !m.engine.Started || m.keepEngine {
		return nil
	}
	left, err := m.engine.Output(ctx, "ps", "--quiet")
	if err != nil || left != "" {
		return err
	}
	return m.log.Run(ctx, "stop the Docker engine", m.engine.Stop)
}

// reload gives a running cluster our images as they are now.
func (m *maker) reload(ctx context.Context) error {
	err := m.findEngine(ctx, func(ctx context.Context, dir string, _ step.Log) (*docker.Engine, error) {
		return docker.Find(ctx, dir)
	})
	if err != nil {
		return err
	}
	k, err := m.kind()
	if err != nil {
		return err
	}
	for _, ref := range []string{image.ContourName, image.EchoName} {
		archive, err := m.source.Archive(ctx, ref, m.dir)
		if err != nil {
			return err
		}
		if err := m.log.Run(ctx, "load "+ref, func(ctx context.Context) error { return k.Load(ctx, archive) }); err != nil {
			return err
		}
	}
	return nil
}
