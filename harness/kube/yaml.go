package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Parse reads the documents of a YAML text; empty ones are left out.
func Parse(text string) ([]*Object, error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	var objects []*Object
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		o := &Object{}
		if err := yaml.Unmarshal(document, &o.Object); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if o.GetKind() == "" || o.GetAPIVersion() == "" || o.GetName() == "" {
			return nil, fmt.Errorf("document %d: needs apiVersion, kind and metadata.name", n)
		}
		objects = append(objects, o)
	}
}

// FromTyped converts a typed object (with its apiVersion and kind set) into an Object.
func FromTyped(typed any) (*Object, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, fmt.Errorf("convert %T: %w", typed, err)
	}
	delete(content, "status")
	return &Object{Object: content}, nil
}

// InstallCRDs applies every *.yaml file of a directory, except a kustomization, and waits until the kinds
// that the CustomResourceDefinitions among them define are served.
func (c *Client) InstallCRDs(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return fmt.Errorf("CRDs: %w", err)
	}
	if len(files) == 0 {
		return fmt.Errorf("CRDs: no *.yaml in %s", dir)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("CRDs: %w", err)
		}
		applied, err := c.ApplyYAML(ctx, "", string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := c.waitForCRDs(ctx, applied); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (c *Client) waitForCRDs(ctx context.Context, applied []*Object) error {
	for _, o := range applied {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &crd); err != nil {
			return fmt.Errorf("%s: %w", o.GetName(), err)
		}
		for _, v := range crd.Spec.Versions {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: crd.Spec.Names.Kind}
			if !v.Served {
				continue
			}
			if err := c.WaitForKind(ctx, kind); err != nil {
				return err
			}
		}
	}
	return nil
}
