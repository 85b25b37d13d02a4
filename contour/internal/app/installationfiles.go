package app

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// maxManifests bounds the bytes of the manifests of an installation.
const maxManifests = 64 << 20

// fileInstallation is an installation in manifests.
type fileInstallation struct {
	found          []appsv1.Deployment
	maps           map[kobj.Name]*corev1.ConfigMap
	configurations map[kobj.Name]*v1alpha1.ContourConfiguration
	size           int64
}

// readInstallation reads the manifests below the paths. What it cannot read of a document is left out: it is reported with the objects.
func readInstallation(stdin io.Reader, paths []string) (*fileInstallation, error) {
	out := &fileInstallation{maps: map[kobj.Name]*corev1.ConfigMap{}, configurations: map[kobj.Name]*v1alpha1.ContourConfiguration{}}
	for _, path := range paths {
		if path == "-" {
			if err := out.read(stdin); err != nil {
				return nil, err
			}
			continue
		}
		err := filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || at != path && !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(at)) {
				return err
			}
			return out.file(at)
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *fileInstallation) file(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it is read
	return f.read(file)
}

func (f *fileInstallation) read(r io.Reader) error {
	limited := &io.LimitedReader{R: r, N: maxManifests - f.size + 1}
	before := limited.N
	documents := utilyaml.NewYAMLOrJSONDecoder(limited, 4096)
	for {
		var text rawDocument
		err := documents.Decode(&text)
		if f.size+before-limited.N > maxManifests {
			return fmt.Errorf("the manifests are larger than %d MiB", maxManifests>>20)
		}
		if err != nil {
			f.size += before - limited.N
			return nil //nolint:nilerr // the end, or an error that is reported with the objects
		}
		f.add(text, maxLists)
	}
}

// maxLists is the number of Lists in which a List may be nested.
const maxLists = 4

// rawDocument is a document as JSON.
type rawDocument []byte

// UnmarshalJSON keeps the text.
func (d *rawDocument) UnmarshalJSON(text []byte) error {
	*d = slices.Clone(text)
	return nil
}

// add keeps an object of an installation, and those of a List.
func (f *fileInstallation) add(text rawDocument, lists int) {
	var of struct {
		Kind  string        `json:"kind"`
		Items []rawDocument `json:"items"`
	}
	if yaml.Unmarshal(text, &of) != nil {
		return
	}
	switch of.Kind {
	case "List":
		for _, item := range of.Items {
			if lists > 0 {
				f.add(item, lists-1)
			}
		}
	case "Deployment":
		var d appsv1.Deployment
		if yaml.Unmarshal(text, &d) == nil {
			f.found = append(f.found, d)
		}
	case "ConfigMap":
		m := &corev1.ConfigMap{}
		if yaml.Unmarshal(text, m) == nil {
			f.maps[kobj.Name{Namespace: m.Namespace, Name: m.Name}] = m
		}
	case "ContourConfiguration":
		c := &v1alpha1.ContourConfiguration{}
		if yaml.Unmarshal(text, c) == nil {
			f.configurations[kobj.Name{Namespace: c.Namespace, Name: c.Name}] = c
		}
	}
}

func (f *fileInstallation) deployments(context.Context) ([]appsv1.Deployment, error) {
	return f.found, nil
}

func (f *fileInstallation) configMap(_ context.Context, of kobj.Name) (*corev1.ConfigMap, error) {
	if m := f.maps[of]; m != nil {
		return m, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, of.String())
}

func (f *fileInstallation) configuration(_ context.Context, of kobj.Name) (*v1alpha1.ContourConfiguration, error) {
	if c := f.configurations[of]; c != nil {
		return c, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Group: "projectcontour.io", Resource: "contourconfigurations"}, of.String())
}
