package asset_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/harness/asset"
)

func TestRootIsFoundFromBelow(t *testing.T) {
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "harness", "asset", "asset.go")); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if _, err := asset.Root(); err == nil {
		t.Error("a directory outside of the repository has a root")
	}
}

func TestContourFromTheEnvironment(t *testing.T) {
	t.Setenv("CONTOUR", "/some/contour")
	path, err := asset.Contour(t.Context(), t.TempDir())
	if path != "/some/contour" || err != nil {
		t.Errorf("got %q, %v", path, err)
	}
}

func TestUnknownProgram(t *testing.T) {
	t.Parallel()
	if _, err := asset.Get(t.Context(), "no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
}
