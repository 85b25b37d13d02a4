//go:build kind

package conformance_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"contour.example/conformance/suite"
	"contour.example/harness/image"
	"contour.example/harness/progress"
	"contour.example/harness/testcluster"
)

var (
	// kind is the cluster that the tests use. Set once, before they run.
	kind     *testcluster.Cluster
	balancer = flag.String("balancer", string(usualBalancer()), "what assigns addresses to Services: addresses or cloud-provider-kind")
)

// usualBalancer is the one that needs few resources; but only root can add the route that gives each of many Services an address of its own.
func usualBalancer() testcluster.Balancer {
	if os.Geteuid() == 0 {
		return testcluster.Addresses
	}
	return testcluster.CloudProvider
}

// run tests the controller of this checkout in a kind cluster of its own, as manifests/contour.yaml installs it, through
// the load balancer, with pods as backends, improvements included. If anything fails, the objects and logs of the
// controller are written to a file.
func run(ctx context.Context, m *testing.M, o suite.Options, suites []suite.Suite) (code int, err error) {
	images := []string{image.ContourName, image.EchoName, image.EnvoyName}
	for _, i := range image.GatewaySuite() {
		images = append(images, i.Name)
	}
	s, err := testcluster.Options{
		Name: "contour-conformance", Workers: 1, Balancer: testcluster.Balancer(*balancer), Images: images, Log: progress.Log{W: os.Stderr},
	}.Up(ctx)
	if err != nil {
		return 0, err
	}
	kind = s
	defer func() {
		if (code != 0 || err != nil) && ctx.Err() == nil {
			err = errors.Join(err, saveArtifacts(ctx, s))
		}
		err = errors.Join(err, s.Down(context.WithoutCancel(ctx)))
	}()
	if err := install(ctx, s); err != nil {
		return 0, err
	}
	o.Kubeconfig, o.Service, o.BackendImage = s.Kubeconfig, namespace+"/envoy", image.EchoName
	o.Implementation, o.Provider = suite.Implementation{Name: "contour", Version: version()}, "kind"
	o.Improvements = true
	if plan, err = o.Plan(ctx, suites); err != nil {
		return 0, err
	}
	return m.Run(), ctx.Err()
}

// namespace is where manifests/contour.yaml installs contour.
const namespace = "projectcontour"

func install(ctx context.Context, s *testcluster.Cluster) error {
	applied, err := s.Apply(ctx, filepath.Join(s.Root, "manifests", "contour.yaml"))
	if err != nil {
		return err
	}
	return s.Ready(ctx, applied)
}

// saveArtifacts writes objects, events and logs to $CONTOUR_ARTIFACTS or, without that, a new directory, and prints the path.
func saveArtifacts(ctx context.Context, s *testcluster.Cluster) error {
	dump, err := s.Kubectl(ctx, "", "cluster-info", "dump", "--namespaces", namespace)
	if err != nil {
		return err
	}
	dir := os.Getenv("CONTOUR_ARTIFACTS")
	if dir == "" {
		if dir, err = os.MkdirTemp("", "conformance-"); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "conformance-cluster.txt")
	fmt.Fprintln(os.Stderr, "artifacts are in", file)
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte(dump), 0o644))
}

// version is that of this checkout, as contour version prints it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
