package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contour.example/harness/asset"
	"contour.example/harness/image"
)

func TestVersionIsThatOfThePrograms(t *testing.T) {
	t.Parallel()
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"k8s", "kubernetes"} {
		content, err := os.ReadFile(filepath.Join(root, "tools", module, "go.mod"))
		if err != nil || !strings.Contains(string(content), "k8s.io/kubernetes v"+Kubernetes+" ") {
			t.Errorf("tools/%s does not pin Kubernetes %s: %v", module, Kubernetes, err)
		}
	}
}

func TestWhatStaysOfDebian(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/usr/bin/systemd": true,
		"/usr/share/doc":   false,
		"/dev":             false,
		"/etc/machine-id":  false,
		"/usr/lib/systemd/system/sysinit.target.wants":                          true,
		"/usr/lib/systemd/system/sysinit.target.wants/systemd-sysctl.service":   false,
		"/usr/lib/systemd/system/sysinit.target.wants/systemd-journald.service": true,
		"/usr/lib/systemd/system/sockets.target.wants/dbus.socket":              true,
		"/etc/systemd/system/timers.target.wants/apt-daily.timer":               false,
	} {
		if keepOfDebian(path) != want {
			t.Errorf("%s stays: %v, want %v", path, !want, want)
		}
	}
}

// parts have a file for every program.
func parts() *Parts {
	p := &Parts{tree: "/tree", programs: map[string]string{}}
	for _, name := range append(programs(), "pause") {
		p.programs[name] = "/cache/" + name
	}
	return p
}

func TestNodeFiles(t *testing.T) {
	t.Parallel()
	all := parts().nodeFiles([]string{"registry.k8s.io/etcd:3.7.0-0", "registry.k8s.io/pause:3.10.2"})
	find := func(path string) image.File {
		i := slices.IndexFunc(all, func(f image.File) bool { return f.Path == path })
		if i < 0 {
			t.Fatalf("no %s", path)
		}
		return all[i]
	}
	if f := find("/usr/bin/kubelet"); f.Source != "/cache/kubelet" || f.Mode != 0o755 {
		t.Errorf("kubelet: %+v", f)
	}
	if f := find("/usr/local/bin/entrypoint"); f.Mode != 0o755 || !strings.HasPrefix(string(f.Content), "#!") {
		t.Errorf("entrypoint has mode %s", f.Mode)
	}
	if text := string(find("/etc/containerd/config.toml").Content); !strings.Contains(text, `"registry.k8s.io/pause:3.10.2"`) {
		t.Errorf("containerd has another sandbox image:\n%s", text)
	}
	if text := string(find("/kind/version").Content); text != "v"+Kubernetes+"\n" {
		t.Errorf("version %q", text)
	}
}

func TestKeyCoversThePrograms(t *testing.T) {
	t.Parallel()
	one, two := parts(), parts()
	if one.item().Key() != two.item().Key() {
		t.Error("the same parts have different keys")
	}
	two.programs["kubelet"] = "/cache/other/kubelet"
	if one.item().Key() == two.item().Key() {
		t.Error("another kubelet has the same key")
	}
	two = parts()
	two.builder.Cache, two.tree = "/elsewhere", "/elsewhere/tree"
	one.builder.Cache, one.tree = "/cache", "/cache/tree"
	for name, path := range two.programs {
		two.programs[name] = strings.Replace(path, "/cache/", "/elsewhere/", 1)
	}
	if one.item().Key() != two.item().Key() {
		t.Error("another place of the cache has another key")
	}
	two = parts()
	two.tree = "/other"
	if one.item().Key() == two.item().Key() {
		t.Error("another Debian has the same key")
	}
}
