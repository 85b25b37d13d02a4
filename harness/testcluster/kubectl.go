package testcluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"contour.example/harness/asset"
)

// Kubectl runs the command with the text as its input, and returns its output. The command is that of the first node in a kind
// cluster, otherwise the one in $PATH, or one that is built.
func (s *Cluster) Kubectl(ctx context.Context, input string, args ...string) (string, error) {
	command, err := s.kubectl(ctx)
	if err != nil {
		return "", err
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out.String(), nil
}

func (s *Cluster) kubectl(ctx context.Context) ([]string, error) {
	if s.Kind != nil {
		return []string{"docker", "exec", "--interactive", s.Kind.ControlPlane(), "kubectl"}, nil
	}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		if path, err = asset.Get(ctx, "kubectl"); err != nil {
			return nil, err
		}
	}
	return []string{path, "--kubeconfig=" + s.Kubeconfig}, nil
}
