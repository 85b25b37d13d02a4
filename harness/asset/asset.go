// Package asset finds the programs that the harness starts: Envoy, etcd,
// kube-apiserver, and the contour command of this checkout; and the CRDs of the Gateway API.
//
// It takes a name and returns the path of an executable. The command tools/cmd/assets
// provides what is not ours (and honours $ENVOY and $KUBEBUILDER_ASSETS); contour is built
// unless $CONTOUR names a binary. The first call may take minutes, and shows progress on standard error.
package asset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Get returns the path of a program that tools/cmd/assets knows, for example envoy.
func Get(ctx context.Context, name string) (string, error) {
	paths, err := All(ctx, name)
	if err != nil {
		return "", err
	}
	return paths[0], nil
}

// All returns the paths of programs, in the order of their names.
func All(ctx context.Context, names ...string) ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	what := strings.Join(names, ", ")
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "./cmd/assets", "-root", root}, names...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(root, "tools"), &out, os.Stderr
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("provide %s: %w", what, err)
	}
	paths := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(paths) != len(names) {
		return nil, fmt.Errorf("provide %s: got %d paths", what, len(paths))
	}
	return paths, nil
}

// Contour returns the path of the contour command: $CONTOUR, or else dir/contour, which it builds.
func Contour(ctx context.Context, dir string) (string, error) {
	if path := os.Getenv("CONTOUR"); path != "" {
		return filepath.Abs(path)
	}
	return build(ctx, dir, "contour", "./cmd/contour")
}

// build compiles a main package of one of our modules into dir.
func build(ctx context.Context, dir, module, pkg string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, pkg)
	cmd.Dir = filepath.Join(root, module)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, bytes.TrimSpace(out))
	}
	return path, nil
}

// GatewayCRDs is a directory with the CustomResourceDefinitions of the Gateway API, of the release that the controller is built with and of a
// channel: standard or experimental.
func GatewayCRDs(ctx context.Context, channel string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api")
	list.Dir = filepath.Join(root, "contour")
	dir, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("module of the Gateway API: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", channel), nil
}

// Root is the root of the repository: the nearest directory, from the working
// directory up, that has the asset command.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "tools", "cmd", "assets")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("repository: the harness must be run from within it")
		}
		dir = parent
	}
}
