// Package debian gets programs from Debian packages.
//
// It takes a cache directory and the packages wanted, and returns either a directory
// tree of Debian from which a node image is made, or installs the named programs on
// this machine. Both need root; installing also needs that this machine is Debian, is
// logged, and starts no service. Programs and libraries of a tree are found by
// reading ELF headers: nothing of the tree is run.
package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"contour.example/harness/buildcache"
	"contour.example/harness/progress"
)

// suite is the newest Debian whose systemd (252) still runs on hosts with cgroup v1.
const suite = "bookworm"

// treePackages are what a node needs besides the minimal system: nftables is for
// kube-proxy's image only.
const treePackages = "systemd,systemd-sysv,dbus,runc,iptables,nftables,iproute2,procps"

// ErrNotRoot is the error of everything that only root can do.
var ErrNotRoot = errors.New("only root can do that")

// Tree returns the directory of a minimal Debian system with what a node needs.
// $DEBIAN_MIRROR names another mirror than debootstrap's own choice.
func Tree(ctx context.Context, cache string, log progress.Log) (string, error) {
	return buildcache.Ensure(ctx, cache, buildcache.Item{
		Name: "debian", Inputs: []string{suite, treePackages},
		Make: func(ctx context.Context, dst string) error {
			if err := Need(ctx, log, map[string]string{"debootstrap": "debootstrap"}); err != nil {
				return err
			}
			if os.Geteuid() != 0 {
				return fmt.Errorf("debootstrap: %w", ErrNotRoot)
			}
			args := []string{"-n", "19", "debootstrap", "--variant=minbase", "--include=" + treePackages, suite, dst}
			if mirror := os.Getenv("DEBIAN_MIRROR"); mirror != "" {
				args = append(args, mirror)
			}
			return run(exec.CommandContext(ctx, "nice", args...))
		},
	})
}

// Need ensures that programs (the keys) exist, and installs the packages (the
// values) of those that are not.
func Need(ctx context.Context, log progress.Log, programs map[string]string) error {
	var missing, packages []string
	for program, pkg := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing, packages = append(missing, program), append(packages, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	what := fmt.Sprintf("%s is not installed (Debian: apt install %s)", strings.Join(missing, ", "), strings.Join(packages, " "))
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s: %w", what, ErrNotRoot)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New(what)
	}
	log.Printf("installing Debian packages on this machine: %s", strings.Join(packages, " "))
	return install(ctx, packages)
}

// install runs apt as in single-user mode, where packages start no services.
func install(ctx context.Context, packages []string) error {
	env := append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	update := exec.CommandContext(ctx, "apt-get", "update", "-q")
	get := exec.CommandContext(ctx, "apt-get", append([]string{"install", "-y", "-q", "--no-install-recommends"}, packages...)...)
	update.Env, get.Env = env, env
	if err := run(update); err != nil {
		return err
	}
	return run(get)
}

func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}
