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

	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/types"
)

// environment runs the features; shared is where. Set once, before they run.
var (
	environment types.Environment
	shared      *world
)

func TestMain(m *testing.M) {
	keep := flag.Bool("keep", false, "leave the cluster running, and use it again")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, m, *keep)
	stop()
	os.Exit(code)
}

// run is the whole suite. The framework does not tell what its last functions return, so they are called here.
func run(ctx context.Context, m *testing.M, keep bool) int {
	shared = &world{keep: keep}
	var err error
	if environment, err = env.NewWithContext(ctx, envconf.New()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	environment.Setup(func(ctx context.Context, _ *envconf.Config) (context.Context, error) { return ctx, shared.up(ctx) })
	code := environment.Run(m)
	if err := shared.down(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	return code
}
