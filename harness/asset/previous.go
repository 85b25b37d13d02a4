package asset

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// PreviousCommit is the version that upgrades start from: the last release, and until there is one, a former state of the main branch.
// A release sets it (docs/releasing.md).
const PreviousCommit = "1e5601fb"

// Version is a version of the project.
type Version struct {
	Contour string // path of the command
	CRDs    string // directory of the CustomResourceDefinitions
}

// Previous returns PreviousCommit, which it checks out and builds in dir. It is an error if the history of the repository does not have it,
// as in a shallow clone.
func Previous(ctx context.Context, dir string) (Version, error) {
	root, err := Root()
	if err != nil {
		return Version{}, err
	}
	archive := filepath.Join(dir, "previous.tar")
	for _, command := range [][]string{
		{"git", "-C", root, "archive", "--output", archive, PreviousCommit},
		{"tar", "-C", dir, "-xf", archive},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return Version{}, fmt.Errorf("sources of %s: %s: %w\n%s", PreviousCommit, command[0], err, bytes.TrimSpace(out))
		}
	}
	if err := os.Remove(archive); err != nil {
		return Version{}, fmt.Errorf("sources of %s: %w", PreviousCommit, err)
	}
	v := Version{Contour: filepath.Join(dir, "contour-previous"), CRDs: filepath.Join(dir, "manifests", "crds")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", v.Contour, "./cmd/contour")
	build.Dir = filepath.Join(dir, "contour")
	if out, err := build.CombinedOutput(); err != nil {
		return Version{}, fmt.Errorf("build %s: %w\n%s", PreviousCommit, err, bytes.TrimSpace(out))
	}
	return v, nil
}
