package asset

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// The Kubernetes control plane that tests run against. The wrapper modules pin
// the same versions; a test compares.
const (
	kubernetesVersion = "1.37.2"
	etcdVersion       = "3.7.3"
	helmVersion       = "4.3.2"
	openIDVersion     = "3.52.0"
	rateLimitVersion  = "1.4.1-0.20260122083618-3fb702589d36"
)

// Etcd is $KUBEBUILDER_ASSETS/etcd, or else built from tools/etcd. root is the repository's root.
func Etcd(root string) (Asset, error) {
	return program{
		name: "etcd", version: etcdVersion,
		hint:        "building, about a minute on 2 cores",
		module:      filepath.Join(root, "tools", "etcd"),
		target:      "go.etcd.io/etcd/server/v3",
		kubebuilder: true,
	}.asset()
}

// RateLimit is the rate limit service of the Envoy project, built from tools/ratelimit. root is the repository's root.
func RateLimit(root string) (Asset, error) {
	return program{
		name: "ratelimit", version: rateLimitVersion,
		hint:   "building, about a minute on 2 cores",
		module: filepath.Join(root, "tools", "ratelimit"),
		target: "github.com/envoyproxy/ratelimit/src/service_cmd",
	}.asset()
}

// OpenIDProvider is the provider of zitadel's library, with its users and clients, built from tools/oidc. root is the repository's
// root.
func OpenIDProvider(root string) (Asset, error) {
	return program{
		name: "openid-provider", version: openIDVersion,
		hint:   "building, about 20 seconds on 2 cores",
		module: filepath.Join(root, "tools", "oidc"),
		target: "github.com/zitadel/oidc/v3/example/server",
	}.asset()
}

// Helm is the command, built from tools/charts. root is the repository's root.
func Helm(root string) (Asset, error) {
	return program{
		name: "helm", version: helmVersion,
		hint:   "building, about 2 minutes on 2 cores",
		module: filepath.Join(root, "tools", "charts"),
		target: "helm.sh/helm/v4/cmd/helm",
	}.asset()
}

// KubeAPIServer is $KUBEBUILDER_ASSETS/kube-apiserver, or else built from
// tools/k8s. root is the repository's root.
func KubeAPIServer(root string) (Asset, error) {
	return program{
		name: "kube-apiserver", version: kubernetesVersion,
		hint:        "building, about 6 minutes on 2 cores",
		module:      filepath.Join(root, "tools", "k8s"),
		target:      "k8s.io/kubernetes/cmd/kube-apiserver",
		variables:   kubernetesVariables(),
		kubebuilder: true,
	}.asset()
}

// kubernetesVariables are the version that Kubernetes programs report;
// kubeadm derives image names from it.
func kubernetesVariables() []string {
	major, rest, _ := strings.Cut(kubernetesVersion, ".")
	minor, _, _ := strings.Cut(rest, ".")
	const version = "k8s.io/component-base/version."
	return []string{
		version + "gitVersion=v" + kubernetesVersion,
		version + "gitMajor=" + major,
		version + "gitMinor=" + minor,
	}
}

// program is a main package of the dependencies of a wrapper module.
type program struct {
	name, version, hint string
	module              string   // directory of the wrapper module
	target              string   // import path of the main package
	variables           []string // importpath.name=value, set by the linker
	tags                string   // build tags, separated by commas
	kubebuilder         bool     // is in $KUBEBUILDER_ASSETS if that is set
}

func (b program) asset() (Asset, error) {
	a := Asset{Name: b.name, Version: b.version, Hint: b.hint, produce: b.build}
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" && b.kubebuilder {
		var err error
		a.override, err = given("KUBEBUILDER_ASSETS", filepath.Join(dir, b.name))
		return a, err
	}
	inputs, err := b.inputs()
	if err != nil {
		return Asset{}, fmt.Errorf("%s %s: %w", b.name, b.version, err)
	}
	a.inputs = inputs
	return a, nil
}

// inputs are the sources (those of others by the hashes in go.sum), the platform, the compiler and its flags.
func (b program) inputs() ([]string, error) {
	env := exec.Command("go", "env", "GOVERSION", "GOOS", "GOARCH")
	env.Dir = b.module // its toolchain, not that of the workspace
	env.Env = append(os.Environ(), "GOWORK=off")
	compiler, err := env.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("the go command is needed to build it, or set KUBEBUILDER_ASSETS to a directory that has it")
	}
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	inputs := append([]string{string(compiler), b.target}, b.flags()...)
	own, err := filepath.Glob(filepath.Join(b.module, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("wrapper module: %w", err)
	}
	for _, name := range append([]string{filepath.Join(b.module, "go.mod"), filepath.Join(b.module, "go.sum")}, own...) {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("wrapper module: %w", err)
		}
		inputs = append(inputs, string(content))
	}
	return inputs, nil
}

func (b program) flags() []string {
	link := "-s -w"
	for _, v := range b.variables {
		link += " -X " + v
	}
	flags := []string{"-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=" + link}
	if b.tags != "" {
		flags = append(flags, "-tags="+b.tags)
	}
	return flags
}

// build compiles at the lowest priority and counts packages for the progress.
func (b program) build(ctx context.Context, dst string, p *progress) error {
	args := append([]string{"build", "-v", "-o", dst}, b.flags()...)
	cmd := exec.CommandContext(ctx, "go", append(args, b.target)...)
	cmd.Dir = b.module
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	output, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	var stderr string
	err = runNice(cmd, func() { stderr = countPackages(output, p) })
	if err != nil {
		return fmt.Errorf("go build %s: %w\n%s", b.target, err, stderr)
	}
	return nil
}

// runNice runs cmd with nice level 19 and calls read once it has started. The
// level belongs to a thread and is inherited, so the command is started from one of its own.
func runNice(cmd *exec.Cmd, read func()) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		// Without permission to lower the priority it builds at the default one.
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
		if err := cmd.Start(); err != nil {
			result <- err
			return
		}
		read()
		result <- cmd.Wait()
	}()
	return <-result
}

// countPackages reads what `go build -v` prints: a line for each package that it
// compiles. It returns the last lines, where errors are.
func countPackages(output io.Reader, p *progress) string {
	const keep = 30
	var last []string
	count := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		last = append(last, line)
		if len(last) > keep {
			last = last[1:]
		}
		if !strings.Contains(line, " ") {
			count++
			p.set("building, %d packages compiled", count)
		}
	}
	return strings.Join(last, "\n")
}
