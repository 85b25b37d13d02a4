package release

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"contour.example/harness/image"
	"contour.example/harness/manifest"
)

// manifests writes each kustomization as one file to apply.
func (r Release) manifests(ctx context.Context, digest v1.Hash) error {
	for file, kustomization := range map[string]string{
		"contour.yaml":                  manifest.Base,
		"contour-envoy-deployment.yaml": manifest.EnvoyDeployment,
		"contour-another-class.yaml":    manifest.AnotherClass,
		"contour-gateway-api.yaml":      "gateway-api",
		"contour-crds.yaml":             "crds",
	} {
		text, err := manifest.Text(ctx, kustomization)
		if err != nil {
			return err
		}
		if text, err = r.released(text, digest, strings.Contains(text, "kind: Deployment")); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := r.write(file, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// released puts the image of the release into manifests, and its version into the name of the Job, which cannot be changed
// and is therefore another one for each version.
func (r Release) released(text string, digest v1.Hash, runs bool) (string, error) {
	const job = "contour-certgen-dev"
	if runs && (!strings.Contains(text, image.ContourName) || !strings.Contains(text, job)) {
		return "", fmt.Errorf("there is no image %s, or no Job %s", image.ContourName, job)
	}
	return strings.NewReplacer(image.ContourName, r.ref(digest), job, r.jobName()).Replace(text), nil
}

func (r Release) jobName() string {
	return "contour-certgen-" + strings.ReplaceAll(r.Version, ".", "-")
}

// charts writes <chart>-<version>.tgz as helm package does.
func (r Release) charts(digest v1.Hash) error {
	version := strings.TrimPrefix(r.Version, "v")
	repository, _, _ := strings.Cut(image.ContourName, ":")
	versions := []edit{{"\nversion: 0.0.0-dev\n", "\nversion: " + version + "\n"}, {"\nappVersion: dev\n", "\nappVersion: " + r.Version + "\n"}}
	named := []edit{{"\ntype: application\n", "\ntype: application\nannotations: {contour.example/image-digest: '" + digest.String() + "'}\n"}}
	for chart, edits := range map[string]map[string][]edit{
		"contour-crds": {"Chart.yaml": versions},
		"contour": {
			"Chart.yaml":  append(named, versions...),
			"values.yaml": {{"  repository: " + repository + "\n", "  repository: " + r.Repository + "\n"}},
		},
	} {
		files, err := chartFiles(filepath.Join(r.Root, "charts", chart), chart, edits)
		if err != nil {
			return err
		}
		if err := r.archive(chart+"-"+version+".tgz", files); err != nil {
			return err
		}
	}
	return nil
}

// edit replaces a text, which must be there once.
type edit struct{ from, to string }

func chartFiles(dir, chart string, edits map[string][]edit) (files []image.File, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(content)
		for _, e := range edits[filepath.ToSlash(relative)] {
			if n := strings.Count(text, e.from); n != 1 {
				return fmt.Errorf("%s has %q %d times, want once", path, e.from, n)
			}
			text = strings.Replace(text, e.from, e.to, 1)
		}
		files = append(files, image.Text("/"+chart+"/"+filepath.ToSlash(relative), []byte(text)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", chart, err)
	}
	return files, nil
}
