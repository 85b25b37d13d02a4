//go:build kind

package kind

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/scenario"
)

// statusOfLocal is the status of an Ingress where the local tests start the controller; here it is the load balancer's.
const statusOfLocal = "{ip: 192.0.2.10}, {hostname: lb.example}"

// routing runs, through the load balancer, a scenario whose backends are pods, and those of the local tests, whose
// backends are servers in this process that the nodes reach.
func routing() types.Feature {
	return features.New("routing").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			shared.describeFailure(ctx, t)
			return ctx
		}).
		Assess("requests reach pods", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			runScenario(ctx, t, filepath.Join("testdata", "routing.yaml"))
			return ctx
		}).
		Assess("the local scenarios pass in a cluster", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			files, err := filepath.Glob(filepath.Join("..", "testdata", "*.yaml"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no scenarios: %v", err)
			}
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
					t.Parallel()
					runScenario(ctx, t, file)
				})
			}
			return ctx
		}).Feature()
}

func runScenario(ctx context.Context, t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	text = bytes.ReplaceAll(text, []byte(statusOfLocal), fmt.Appendf(nil, "{ip: %s}", shared.balanced))
	s, err := scenario.Parse(text)
	must(t, err)
	must(t, shared.scenarios(t.Logf).Run(ctx, s))
}
