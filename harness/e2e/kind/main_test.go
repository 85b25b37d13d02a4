//go:build kind

package kind

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/progress"
	"contour.example/harness/testcluster"
)

// framework runs the features; shared is the cluster. Set once, before they run.
var (
	framework types.Environment
	shared    *environment
)

// timeout is for the whole run: unlike the timeout of go test, it still removes the cluster.
const timeout = 50 * time.Minute

func TestMain(m *testing.M) {
	o := testcluster.Options{
		Name: name, Workers: workers, Balancer: testcluster.CloudProvider, Replace: map[string]string{}, Log: progress.Log{W: os.Stderr},
	}
	flag.BoolVar(&o.Reuse, "keep", false, "keep the cluster running, and reuse it in the next run")
	flag.StringVar(&o.Kubeconfig, "kubeconfig", "", "the `file` of an existing cluster to test in, with two nodes for pods; features that stop parts of a node are left out")
	flag.Func("image", "`NAME=THERE`: the nodes of an existing cluster get the image NAME of the manifests from THERE; may be repeated", o.ReplaceImage)
	flag.Parse()
	o.Existing = o.Kubeconfig != ""
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	code := run(ctx, m, o)
	stop()
	cancel()
	os.Exit(code)
}

// run is the whole suite. The framework does not return the errors of its last functions, so they are called here.
func run(ctx context.Context, m *testing.M, o testcluster.Options) int {
	shared = &environment{options: o}
	var err error
	if framework, err = env.NewWithContext(ctx, envconf.New()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	framework.Setup(func(ctx context.Context, _ *envconf.Config) (context.Context, error) { return ctx, shared.up(ctx) })
	code := framework.Run(m)
	if err := shared.down(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	if os.Getenv("CONTOUR_ARTIFACTS") == "" && (code == 0 || ctx.Err() != nil) { // nothing failed
		_ = os.RemoveAll(shared.artifacts)
	}
	return code
}
