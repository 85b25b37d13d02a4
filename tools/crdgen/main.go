// Command crdgen generates the files that follow from the Go types of contour/api: their
// deepcopy functions and the CustomResourceDefinitions in manifests/crds. It
// runs the controller-gen that tools/go.mod pins, then corrects the few places
// where the types of k8s.io/api have a wrong marker.
//
// It takes no flags; its argument is the root of the repository. It writes only
// generated files and reads nothing from the network or a cluster.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: crdgen REPOSITORY")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "crdgen:", err)
		os.Exit(1)
	}
}

// generate writes all generated files of the repository at root.
func generate(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	crds := filepath.Join(root, "manifests", "crds")
	if err := controllerGen(root, crds); err != nil {
		return err
	}
	for _, c := range corrections() {
		if err := c.apply(crds); err != nil {
			return err
		}
	}
	return nil
}

// controllerGen runs the pinned controller-gen on the API packages.
func controllerGen(root, crds string) error {
	cmd := exec.Command("go", "tool", "-modfile="+filepath.Join(root, "tools", "go.mod"), "controller-gen",
		"object", "crd:crdVersions=v1", "paths=./api/...", "output:crd:dir="+crds)
	cmd.Dir = filepath.Join(root, "contour")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("controller-gen: %w", err)
	}
	return nil
}

// errNotNeeded means that a correction changes nothing, so that it is removed
// once the types are right.
var errNotNeeded = errors.New("correction not needed any more")
