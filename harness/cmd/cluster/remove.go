package main

import (
	"context"
	"os"

	"contour.example/harness/kube"
	"contour.example/harness/testcluster"
)

// remove deletes from an existing cluster everything that the manifests name, and waits until it is deleted.
func (o options) remove(ctx context.Context) error {
	if len(o.files) == 0 {
		return testcluster.ErrNotOurs
	}
	s, err := o.cluster.Up(ctx)
	if err != nil {
		return err
	}
	var all []*kube.Object
	for _, file := range o.files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		objects, err := kube.Parse(string(text))
		if err != nil {
			return err
		}
		all = append(all, objects...)
	}
	if o.sample {
		objects, err := kube.Parse(sample)
		if err != nil {
			return err
		}
		all = append(all, objects...)
	}
	return o.cluster.Log.Run(ctx, "delete what was applied", func(ctx context.Context) error { return s.Remove(ctx, all) })
}
