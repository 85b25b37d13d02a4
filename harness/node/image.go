package node

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"contour.example/harness/asset"
	"contour.example/harness/buildcache"
	"contour.example/harness/debian"
	"contour.example/harness/image"
	"contour.example/harness/progress"
)

// Kubernetes is the version of the nodes. It is at least that of kind's default image.
const Kubernetes = "1.37.2"

// layout is increased by changes of this package that change the image.
const layout = "2"

//go:embed files
var files embed.FS

// Builder makes node images.
type Builder struct {
	// Cache is a directory for what can be used again.
	Cache string
	// Root is the repository's root.
	Root string
	Log  progress.Log
}

// Parts are the parts of a node image, built.
type Parts struct {
	// Name is the image's name; its tag has the key of all inputs.
	Name string

	tree     string            // Debian
	programs map[string]string // by name: the file
	builder  Builder
}

// programs are built by tools/cmd/assets, except pause.
func programs() []string {
	return []string{
		"containerd", "ctr", "containerd-shim-runc-v2", "ptp", "loopback", "host-local", "portmap",
		"kubelet", "kubeadm", "kubectl",
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "coredns",
	}
}

// Prepare builds what is missing: up to 15 minutes on 2 cores the first time, nothing later.
func (b Builder) Prepare(ctx context.Context) (*Parts, error) {
	p := &Parts{programs: map[string]string{}, builder: b}
	err := b.Log.Run(ctx, "programs of a node (Go modules)", func(ctx context.Context) error {
		paths, err := asset.All(ctx, programs()...)
		if err != nil {
			return err
		}
		for i, name := range programs() {
			p.programs[name] = paths[i]
		}
		return p.pause(ctx)
	})
	if err != nil {
		return nil, err
	}
	err = b.Log.Run(ctx, "system of a node (Debian packages)", func(ctx context.Context) error {
		p.tree, err = debian.Tree(ctx, b.Cache, b.Log)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.Name = "contour.example/node:v" + Kubernetes + "-" + p.item().Key()
	return p, nil
}

func (p *Parts) pause(ctx context.Context) error {
	source, err := os.ReadFile(filepath.Join(p.builder.Root, "harness", "cmd", "pause", "main.go"))
	if err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	p.programs["pause"], err = buildcache.Ensure(ctx, p.builder.Cache, buildcache.Item{
		Name: "pause", Inputs: []string{string(source), runtime.Version()},
		Make: func(ctx context.Context, dst string) error {
			return image.Compile(ctx, filepath.Join(p.builder.Root, "harness", "cmd", "pause"), dst, runtime.GOARCH)
		},
	})
	return err
}

// item is a directory with the image's layers as tar files. The paths of the
// programs and of the tree contain their own keys; the location of the cache is no input.
func (p *Parts) item() buildcache.Item {
	kept := func(path string) string { return strings.TrimPrefix(path, p.builder.Cache+"/") }
	inputs := []string{layout, Kubernetes, runtime.GOARCH, kept(p.tree)}
	for _, name := range append(programs(), "pause") {
		inputs = append(inputs, name, kept(p.programs[name]))
	}
	entries, _ := files.ReadDir("files") // it is embedded
	for _, e := range entries {
		content, _ := files.ReadFile("files/" + e.Name())
		inputs = append(inputs, e.Name(), string(content))
	}
	return buildcache.Item{Name: "node", Inputs: inputs, Make: p.layers}
}

// Image assembles the parts: about 20 seconds the first time.
func (p *Parts) Image(ctx context.Context) (v1.Image, error) {
	dir, err := buildcache.Ensure(ctx, p.builder.Cache, p.item())
	if err != nil {
		return nil, err
	}
	var layers []v1.Layer
	for _, name := range []string{systemLayer, nodeLayer, imagesLayer} {
		layer, err := image.Opened(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return image.Assemble(image.Settings{
		Arch: runtime.GOARCH, Env: []string{"container=docker"},
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
	}, layers...)
}

// The layers, the lowest first.
const (
	systemLayer = "system.tar"
	nodeLayer   = "node.tar"
	imagesLayer = "images.tar"
)

func (p *Parts) layers(ctx context.Context, dir string) error {
	log := p.builder.Log
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("layers: %w", err)
	}
	names, err := p.images(ctx)
	if err != nil {
		return err
	}
	err = log.Run(ctx, "node image: system", func(ctx context.Context) error {
		system, err := image.Walk(p.tree, keepOfDebian)
		if err != nil {
			return err
		}
		_, err = image.Stored(ctx, filepath.Join(dir, systemLayer), system)
		return err
	})
	if err != nil {
		return err
	}
	err = log.Run(ctx, "node image: programs and settings", func(ctx context.Context) error {
		_, err := image.Stored(ctx, filepath.Join(dir, nodeLayer), p.nodeFiles(names))
		return err
	})
	if err != nil {
		return err
	}
	return log.Run(ctx, "node image: images of the control plane", func(ctx context.Context) error {
		return p.storeLayer(ctx, names, filepath.Join(dir, imagesLayer))
	})
}

// keepOfDebian leaves out what a node does not use. Of the units that Debian starts
// by itself only the journal and D-Bus stay: the others change settings of the whole kernel,
// or have no use in a container.
func keepOfDebian(path string) bool {
	for _, dropped := range []string{
		"/dev", "/proc", "/sys", "/var/cache/apt", "/var/lib/apt/lists", "/usr/share/doc", "/usr/share/man", "/usr/share/locale",
		"/etc/machine-id", "/var/lib/dbus/machine-id", "/debootstrap",
	} {
		if path == dropped {
			return false
		}
	}
	unit, name := filepath.Split(path)
	if !strings.Contains(unit, "/systemd/system/") || !strings.HasSuffix(unit, ".wants/") {
		return true
	}
	return name == "dbus.socket" || strings.HasPrefix(name, "systemd-journald")
}

// nodeFiles are the files of a node in addition to Debian's.
func (p *Parts) nodeFiles(names []string) []image.File {
	var all []image.File
	for dir, programs := range map[string][]string{
		"/usr/bin/":       {"kubeadm", "kubelet", "kubectl"},
		"/usr/local/bin/": {"containerd", "ctr", "containerd-shim-runc-v2"},
		"/opt/cni/bin/":   {"ptp", "loopback", "host-local", "portmap"},
	} {
		for _, name := range programs {
			all = append(all, image.Program(dir+name, p.programs[name]))
		}
	}
	entrypoint := embedded("entrypoint", "/usr/local/bin/entrypoint")
	entrypoint.Mode = 0o755
	settings := embedded("containerd.toml", "/etc/containerd/config.toml")
	settings.Content = []byte(strings.ReplaceAll(string(settings.Content), "PAUSE_IMAGE", named(names, "pause")))
	const units = "/etc/systemd/system/"
	return append(all,
		entrypoint, settings,
		embedded("containerd.service", units+"containerd.service"),
		embedded("kubelet.service", units+"kubelet.service"),
		embedded("cni.conflist.tmpl", "/etc/containerd/cni.conflist.tmpl"),
		image.Symlink(units+"multi-user.target.wants/containerd.service", "../containerd.service"),
		image.Symlink(units+"multi-user.target.wants/kubelet.service", "../kubelet.service"),
		image.Text("/etc/systemd/journald.conf.d/node.conf", []byte("[Journal]\nReadKMsg=no\n")), // the kernel's log is the host's
		image.Text("/etc/machine-id", nil),                                                       // empty: systemd writes a new one at boot
		image.Text("/kind/version", []byte("v"+Kubernetes+"\n")),
		image.Dir("/etc/kubernetes/manifests", 0o755), image.Dir("/etc/cni/net.d", 0o755),
	)
}

func embedded(name, path string) image.File {
	content, _ := files.ReadFile("files/" + name) // it is embedded
	return image.Text(path, content)
}

// named is the image whose last part is that name.
func named(images []string, name string) string {
	for _, i := range images {
		if base(i) == name {
			return i
		}
	}
	return ""
}

// base is the last part of an image's name, without its tag.
func base(ref string) string {
	name, _, _ := strings.Cut(filepath.Base(ref), ":")
	return name
}
