//go:build local

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/harness/scenario"
	"contour.example/harness/stack"
)

// shared is the stack of all tests that do not break it. Set once, before they run.
var shared *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(stack.Main(m, stack.Options{}, func(s *stack.Stack) { shared = s }))
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			s, err := scenario.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := shared.Scenarios(t.Logf).Run(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
}
