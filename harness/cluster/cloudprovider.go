package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"contour.example/harness/docker"
	"contour.example/harness/poll"
)

// cloudProviderGrace is for the removal of its containers: some seconds for two dozen.
const cloudProviderGrace = 30 * time.Second

func (k *Kind) cloudProviderPID() string { return filepath.Join(k.Dir, "cloud-provider-kind.pid") }

// startCloudProvider runs cloud-provider-kind in a session of its own: its lifetime is that of
// the cluster, not of this process. It looks for clusters twice a minute, and at its start.
func (k *Kind) startCloudProvider() error {
	log, err := os.Create(filepath.Join(k.Dir, "cloud-provider-kind.log"))
	if err != nil {
		return fmt.Errorf("load balancer: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(k.CloudProvider, "--gateway-channel", "disabled", "--enable-default-ingress=false")
	cmd.Stdout, cmd.Stderr = log, log
	if err := docker.Detach(cmd); err != nil {
		return fmt.Errorf("load balancer: %w", err)
	}
	go func() { _ = cmd.Wait() }() // if it ends before this process
	return os.WriteFile(k.cloudProviderPID(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644)
}

// stopCloudProvider stops it, if it was started for this cluster, and waits: it removes
// its containers. Those that it does not remove are removed too.
func (k *Kind) stopCloudProvider(ctx context.Context) error {
	pid, ok := cloudProviderRuns(k.cloudProviderPID())
	if ok {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("load balancer: %w", err)
		}
		err := poll.Until(ctx, cloudProviderGrace, "end of cloud-provider-kind", func(context.Context) (bool, string, error) {
			_, still := cloudProviderRuns(k.cloudProviderPID())
			return !still, "it still runs", nil
		})
		if err != nil {
			return err
		}
	}
	left, err := k.Engine.Output(ctx, "ps", "--all", "--quiet", "--filter", "label=io.x-k8s.cloud-provider-kind.cluster="+k.Name)
	if err != nil || left == "" {
		return err
	}
	_, err = k.Engine.Output(ctx, append([]string{"rm", "--force", "--volumes"}, strings.Fields(left)...)...)
	return err
}

// cloudProviderRuns reads the process id from the file, and reports whether that process
// is still the same program.
func cloudProviderRuns(file string) (pid int, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	if pid, err = strconv.Atoi(string(text)); err != nil {
		return 0, false
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	program, _, _ := bytes.Cut(line, []byte{0})
	return pid, err == nil && filepath.Base(string(program)) == "cloud-provider-kind"
}
