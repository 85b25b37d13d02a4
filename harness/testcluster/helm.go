package testcluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"contour.example/harness/asset"
)

// Helm runs the command that tools/charts pins, which is built if need be, with the values, and returns its output.
func (s *Cluster) Helm(ctx context.Context, values string, args ...string) (string, error) {
	path, err := asset.Get(ctx, "helm")
	if err != nil {
		return "", err
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, append(args, "--kubeconfig="+s.Kubeconfig)...)
	if values != "" {
		cmd.Args = append(cmd.Args, "--values=-")
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(values), &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out.String(), nil
}

// Chart is the directory of a chart of the repository.
func Chart(name string) (string, error) {
	root, err := asset.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "charts", name), nil
}
