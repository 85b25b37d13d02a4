package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"contour.example/harness/image"
	"contour.example/harness/kube"
	"contour.example/harness/testcluster"
)

func (o options) up(ctx context.Context, stdout io.Writer) error {
	s, err := o.cluster.Up(ctx)
	if err != nil {
		return err
	}
	if err := o.fill(ctx, s, stdout); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return errors.Join(err, s.Down(context.WithoutCancel(ctx)))
	}
	return nil
}

// fill applies the manifests, waits until they are ready, and prints how to use the cluster.
func (o options) fill(ctx context.Context, s *testcluster.Cluster, stdout io.Writer) error {
	objects, err := o.apply(ctx, s)
	if err != nil {
		return err
	}
	err = o.cluster.Log.Run(ctx, "pods ready", func(ctx context.Context) error { return s.Ready(ctx, objects) })
	if err != nil {
		return err
	}
	var requests []request
	if o.sampled() {
		err := o.cluster.Log.Run(ctx, "first answers", func(ctx context.Context) (err error) {
			requests, err = answers(ctx, s, objects)
			return err
		})
		if err != nil {
			return err
		}
	}
	printUsage(s, requests, stdout)
	return nil
}

// sampled reports whether there is a sample application: it needs what manifests install.
func (o options) sampled() bool { return o.sample && len(o.files) > 0 }

func (o options) apply(ctx context.Context, s *testcluster.Cluster) (all []*kube.Object, err error) {
	for _, file := range o.files {
		applied, err := s.Apply(ctx, file)
		if err != nil {
			return nil, err
		}
		all = append(all, applied...)
	}
	if !o.sampled() {
		return all, nil
	}
	objects, err := applySample(ctx, s)
	return append(all, objects...), err
}

func printUsage(s *testcluster.Cluster, requests []request, stdout io.Writer) {
	if s.Kind != nil {
		fmt.Fprintf(stdout, "export KUBECONFIG=%s\n", s.Kubeconfig)
		if host := s.Kind.Engine.Host; host != "" {
			fmt.Fprintf(stdout, "export DOCKER_HOST=%s\n", host)
		}
	}
	for _, r := range requests {
		fmt.Fprintf(stdout, "%-64s # %s\n", r.curl(), r.what)
	}
}

func (o options) down(ctx context.Context) error {
	if o.cluster.Existing {
		return o.remove(ctx)
	}
	return o.cluster.Down(ctx)
}

// load loads the images of the current sources into a running cluster.
func (o options) load(ctx context.Context) error {
	s, err := o.cluster.Find(ctx)
	if err != nil {
		return err
	}
	return s.Reload(ctx, image.ContourName, image.EchoName)
}
