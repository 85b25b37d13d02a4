package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"contour.example/harness/image"
	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// images are the names of the control plane's images, as kubeadm requires them.
func (p *Parts) images(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, p.programs["kubeadm"], "config", "images", "list", "--kubernetes-version", "v"+Kubernetes).Output()
	if err != nil {
		return nil, fmt.Errorf("images of the control plane: %w", err)
	}
	names := strings.Fields(string(out))
	for _, name := range names {
		if p.programs[base(name)] == "" {
			return nil, fmt.Errorf("images of the control plane: no program for %s", name)
		}
	}
	return names, nil
}

// controlPlane is one image of the control plane, built from its program.
func (p *Parts) controlPlane(name string) (v1.Image, error) {
	program := base(name)
	files := []image.File{image.Program("/usr/local/bin/"+program, p.programs[program]), image.Dir("/tmp", os.ModeSticky|0o777)}
	s := image.Settings{Arch: runtime.GOARCH}
	switch program {
	case "coredns", "pause": // the others are named by their manifests
		s.Entrypoint = []string{"/usr/local/bin/" + program}
	case "kube-proxy":
		filter, err := p.packetFilter()
		if err != nil {
			return nil, err
		}
		files = append(files, filter...)
	}
	return image.Pack(s, files)
}

// packetFilter is iptables and nft with all libraries that they load: for iptables each plugin too, as
// a missing one would stop kube-proxy altogether.
func (p *Parts) packetFilter() ([]image.File, error) {
	programs := map[string]string{}
	for _, path := range []string{"/usr/sbin/xtables-nft-multi", "/usr/sbin/nft"} {
		programs[path] = filepath.Join(p.tree, path)
	}
	plugins, err := filepath.Glob(filepath.Join(p.tree, "usr/lib/*-linux-gnu/xtables/*.so"))
	if err != nil || len(plugins) == 0 {
		return nil, errors.New("kube-proxy: the system has no plugins of iptables")
	}
	for _, plugin := range plugins {
		programs[strings.TrimPrefix(plugin, p.tree)] = plugin
	}
	files, err := image.WithLibraries(p.tree, programs)
	if err != nil {
		return nil, err
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			files = append(files, image.Symlink("/usr/sbin/"+tool+suffix, "xtables-nft-multi"))
		}
	}
	return append(files, image.Dir("/run", 0o755)), nil
}

// storeConfig is for a containerd that only stores images.
const storeConfig = `version = 2
root = "%[1]s/root"
state = "%[1]s/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "%[1]s/s"
[ttrpc]
  address = "%[1]s/t"
`

// storeLayer writes a layer with containerd's store, which contains the images. A
// containerd of its own runs on this machine for that, and unpacks nothing.
func (p *Parts) storeLayer(ctx context.Context, names []string, path string) (err error) {
	dir, err := os.MkdirTemp("", "node-images-") // a short path, as sockets need
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := p.fillStore(ctx, names, dir); err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	files, err := image.Walk(root, func(path string) bool { return path != "/tmpmounts" })
	if err != nil {
		return err
	}
	for i := range files {
		files[i].Path = "/var/lib/containerd" + files[i].Path
	}
	_, err = image.Stored(ctx, path, files)
	return err
}

// fillStore returns when containerd has ended, so that its database is complete.
func (p *Parts) fillStore(ctx context.Context, names []string, dir string) (err error) {
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, storeConfig, dir), 0o644); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	server, err := process.Start(process.Spec{
		Name: "containerd", Path: p.programs["containerd"], Args: []string{"-c", config}, Log: filepath.Join(dir, "log"),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(20*time.Second)) }()
	err = poll.Until(ctx, time.Minute, "start of containerd", func(ctx context.Context) (bool, string, error) {
		if !server.Running() {
			return false, "", fmt.Errorf("ended: %w", server.Err())
		}
		err := p.ctr(ctx, dir, nil, "version")
		return err == nil, fmt.Sprint(err), nil
	})
	for _, name := range names {
		if err == nil {
			err = p.importImage(ctx, dir, name)
		}
	}
	return err
}

func (p *Parts) importImage(ctx context.Context, dir, name string) error {
	img, err := p.controlPlane(name)
	if err != nil {
		return err
	}
	var archive bytes.Buffer // at most 40 MB
	if err := image.WriteArchive(&archive, name, img); err != nil {
		return err
	}
	return p.ctr(ctx, dir, &archive, "images", "import", "--label=io.cri-containerd.pinned=pinned", "--no-unpack", "--digests", "-")
}

func (p *Parts) ctr(ctx context.Context, dir string, in *bytes.Buffer, args ...string) error {
	cmd := exec.CommandContext(ctx, p.programs["ctr"], append([]string{"-a", filepath.Join(dir, "s"), "-n", "k8s.io"}, args...)...)
	if in != nil {
		cmd.Stdin = in
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ctr %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}
