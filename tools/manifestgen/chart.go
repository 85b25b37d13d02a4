package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	chartDir     = "charts/contour"
	chartObjects = chartDir + "/objects"
	chartCRDs    = "charts/contour-crds/templates"

	dashboards      = "examples/grafana"
	chartDashboards = chartDir + "/dashboards"
	alerts          = "examples/prometheus"
	chartAlerts     = chartDir + "/alerts"
)

// chartSources are the kustomizations whose objects the chart contains. Of an object that several have, it contains that of the first.
func chartSources() []string {
	return []string{"base", "overlays/envoy-deployment", "overlays/watched-namespaces/watched", "gateway-api", "gateway-provisioner"}
}

// generateCharts writes the objects that the charts install, each to a file <kind>-<name>.yaml: CustomResourceDefinitions as
// templates of a chart of their own, all others as files that the templates of the chart contour read, change and print.
// Namespaces are left out: helm creates them.
func generateCharts(root string) error {
	objects := map[string][]byte{}
	for _, source := range chartSources() {
		text, err := render(filepath.Join(root, "manifests", filepath.FromSlash(source)))
		if err != nil {
			return err
		}
		if err := addObjects(objects, text); err != nil {
			return fmt.Errorf("kustomization %s: %w", source, err)
		}
	}
	for _, dir := range []string{chartObjects, chartCRDs, chartDashboards, chartAlerts} {
		dir = filepath.Join(root, filepath.FromSlash(dir))
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("chart: %w", err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("chart: %w", err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(objects)) {
		path := filepath.Join(root, filepath.FromSlash(file))
		if err := os.WriteFile(path, append([]byte(generatedForChart), objects[file]...), 0o644); err != nil {
			return fmt.Errorf("chart: %w", err)
		}
	}
	return errors.Join(copyFiles(root, dashboards+"/*.json", chartDashboards), copyFiles(root, alerts+"/*.yaml", chartAlerts))
}

// copyFiles copies files into the chart, which can contain only what is below its directory.
func copyFiles(root, from, to string) error {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(from)))
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(to), filepath.Base(file)), text, 0o644); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	return nil
}

const generatedForChart = `# Generated from manifests by make fix-generate.
`

// addObjects adds the objects of a YAML text, by the path of their file, that are not there yet.
func addObjects(objects map[string][]byte, text []byte) error {
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := utilyaml.Unmarshal(document, &object); err != nil {
			return err
		}
		name := strings.ToLower(object.Kind) + "-" + object.Metadata.Name + ".yaml"
		file := chartObjects + "/" + name
		switch object.Kind {
		case "Namespace":
			continue
		case "CustomResourceDefinition":
			file = chartCRDs + "/" + object.Metadata.Name + ".yaml"
			var err error
			if document, err = keptCRD(document); err != nil {
				return err
			}
		}
		if _, ok := objects[file]; !ok {
			objects[file] = append(bytes.TrimSpace(document), '\n')
		}
	}
	return nil
}

// keptCRD returns the template of a CustomResourceDefinition, which helm does not delete: the objects of its users would be deleted with it.
func keptCRD(text []byte) ([]byte, error) {
	var crd map[string]any
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, err
	}
	metadata := crd["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations["helm.sh/resource-policy"] = "keep"
	metadata["annotations"] = annotations
	text, err := yaml.Marshal(crd)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(text, []byte("{{")) { // in a description, for example
		return nil, fmt.Errorf("CustomResourceDefinition %v: it contains the start of a template", metadata["name"])
	}
	return text, nil
}
