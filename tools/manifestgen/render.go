package main

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// render is the manifests that the kustomization in the directory makes, as kubectl would with its own kustomize.
func render(dir string) ([]byte, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("kustomization %s: %w", dir, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("kustomization %s: %w", dir, err)
	}
	return text, nil
}
