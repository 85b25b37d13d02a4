package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"
)

// correction makes one property of a CRD optional.
type correction struct {
	file     string   // in the directory of CRDs
	parent   []string // keys from the schema's root to the object schema
	property string   // of the object, which must be required so far
}

// corrections lists the errors of controller-gen.
func corrections() []correction {
	return []correction{{
		// corev1.PortStatus.Error is optional, but also marked Required for its
		// declarative validation in Kubernetes.
		file: "projectcontour.io_httpproxies.yaml",
		parent: []string{
			"properties", "status", "properties", "loadBalancer",
			"properties", "ingress", "items", "properties", "ports", "items",
		},
		property: "error",
	}}
}

// apply rewrites the file of the correction in the directory.
func (c correction) apply(dir string) error {
	path := filepath.Join(dir, c.file)
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read CRD: %w", err)
	}
	content, err = c.correct(content)
	if err != nil {
		return fmt.Errorf("correct %s: %w", c.file, err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("write CRD: %w", err)
	}
	return nil
}

// correct returns the CRD with the correction applied to every version. It
// returns errNotNeeded if the property is not required.
func (c correction) correct(crd []byte) ([]byte, error) {
	var document map[string]any
	if err := yaml.Unmarshal(crd, &document); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	versions, _ := lookup(document, "spec")["versions"].([]any)
	if len(versions) == 0 {
		return nil, errNotNeeded
	}
	for _, version := range versions {
		schema := lookup(version, append([]string{"schema", "openAPIV3Schema"}, c.parent...)...)
		required, _ := schema["required"].([]any)
		i := slices.Index(required, any(c.property))
		if i < 0 {
			return nil, errNotNeeded
		}
		schema["required"] = slices.Delete(required, i, i+1)
	}
	out, err := yaml.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	return append([]byte("---\n"), bytes.TrimPrefix(out, []byte("---\n"))...), nil
}

// lookup follows keys through nested objects; nil if there is none.
func lookup(node any, keys ...string) map[string]any {
	object, _ := node.(map[string]any)
	for _, key := range keys {
		object, _ = object[key].(map[string]any)
	}
	return object
}
