//go:build kind

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/asset"
	"contour.example/harness/buildcache"
	"contour.example/harness/docker"
	"contour.example/harness/poll"
	"contour.example/harness/progress"
	"contour.example/harness/testcluster"
)

// output writes to the test's log.
type output struct{ t *testing.T }

func (o output) Write(b []byte) (int, error) {
	o.t.Logf("%s", bytes.TrimSpace(b))
	return len(b), nil
}

func TestExistingClusterIsLeftAsItWas(t *testing.T) {
	s, err := testcluster.Options{Name: "contour-existing", Workers: 1, Log: progress.Log{W: output{t}}}.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	flags := []string{"-provider", "existing", "-kubeconfig", s.Kubeconfig, "-f", filepath.Join(s.Root, "manifests", "contour.yaml")}
	before := inventory(t, s)
	var stdout bytes.Buffer
	if err := run(t.Context(), append([]string{"up"}, flags...), &stdout, output{t}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(stdout.String(), "curl -H") != 2 {
		t.Errorf("output: %s", &stdout)
	}
	if cmp.Equal(before, inventory(t, s)) {
		t.Error("nothing was installed")
	}
	if err := run(t.Context(), append([]string{"down"}, flags...), &stdout, output{t}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, inventory(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// inventory is the names of all objects of all kinds, except those that the cluster itself creates and deletes.
func inventory(t *testing.T, s *testcluster.Cluster) []string {
	t.Helper()
	kubectl := func(args ...string) []string {
		t.Helper()
		out, err := s.Kubectl(t.Context(), "", args...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(out), "\n")
	}
	kinds := slices.DeleteFunc(kubectl("api-resources", "--verbs=list,delete", "--output=name"), func(kind string) bool {
		name, _, _ := strings.Cut(kind, ".")
		return slices.Contains([]string{"events", "leases", "endpoints", "certificatesigningrequests", "ipaddresses"}, name)
	})
	names := kubectl("get", strings.Join(kinds, ","), "--all-namespaces", "--ignore-not-found",
		`--output=jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, " kube-system/") })
	slices.Sort(names)
	return names
}

func TestInterruptedUpLeavesNothing(t *testing.T) {
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "cluster")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, at := range []string{"system of a node", "make contour.example/echo:dev", "apply "} {
		t.Run(at, func(t *testing.T) {
			engine := runningEngine(t)
			file := filepath.Join(t.TempDir(), "output")
			log, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			cmd := exec.Command(program, "up", "-name", "contour-interrupted", "-f", filepath.Join(root, "manifests", "contour.yaml"))
			cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, root
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			reached := poll.Until(t.Context(), 3*time.Minute, at, func(context.Context) (bool, string, error) {
				text, err := os.ReadFile(file)
				return bytes.Contains(text, []byte(at)), string(text), err
			})
			start := time.Now()
			if err := errors.Join(reached, cmd.Process.Signal(os.Interrupt)); err != nil {
				t.Error(err)
			}
			err = cmd.Wait()
			t.Logf("ended %s after its interruption", time.Since(start).Round(time.Millisecond))
			var failed *exec.ExitError
			if !errors.As(err, &failed) || failed.ExitCode() != 1 {
				text, _ := os.ReadFile(file)
				t.Errorf("%v, want 1\n%s", err, text)
			}
			left(t, engine)
		})
	}
}

// runningEngine is nil if there is none.
func runningEngine(t *testing.T) *docker.Engine {
	t.Helper()
	cache, err := buildcache.Dir()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := docker.Find(t.Context(), filepath.Join(cache, "docker"))
	if err != nil && !errors.Is(err, docker.ErrNoEngine) {
		t.Fatal(err)
	}
	return engine
}

// left returns what the cluster may have left, where before was the engine before.
func left(t *testing.T, before *docker.Engine) {
	t.Helper()
	cache, _ := buildcache.Dir() // it was there before
	if files, _ := filepath.Glob(filepath.Join(cache, "clusters", "contour-interrupted", "*")); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
	engine := runningEngine(t)
	if before == nil {
		if engine != nil {
			t.Error("the engine that was started still runs")
		}
		return
	}
	for _, args := range [][]string{
		{"ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.cluster=contour-interrupted"},
		{"network", "ls", "--quiet", "--filter", "name=^kind$"},
	} {
		if out, err := engine.Output(t.Context(), args...); out != "" || err != nil {
			t.Errorf("docker %s: %q, %v", args[0], out, err)
		}
	}
}
