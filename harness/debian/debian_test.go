package debian_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contour.example/harness/debian"
	"contour.example/harness/progress"
)

func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "usr", "lib", "real.so.1.2"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"lib": "usr/lib", "usr/lib/real.so": "/lib/real.so.1.2", "usr/lib/up.so": "../lib/real.so", "usr/lib/loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestResolveStaysInTheTree(t *testing.T) {
	t.Parallel()
	root := tree(t)
	for _, path := range []string{"/lib/real.so.1.2", "/lib/real.so", "/lib/up.so", "/usr/lib/up.so", "/../../lib/up.so"} {
		got, err := debian.Resolve(root, path)
		if want := filepath.Join(root, "usr", "lib", "real.so.1.2"); got != want || err != nil {
			t.Errorf("%s resolves to %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := debian.Resolve(root, "/lib/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path: %v", err)
	}
	if _, err := debian.Resolve(root, "/lib/loop"); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a loop: %v", err)
	}
}

func TestLibrariesOfAProgram(t *testing.T) {
	t.Parallel()
	file, err := debian.Resolve("/", "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := debian.Libraries("/", file)
	if err != nil {
		t.Fatal(err)
	}
	var libc, linker bool
	for path, file := range libraries {
		libc = libc || strings.HasPrefix(filepath.Base(path), "libc.")
		linker = linker || strings.HasPrefix(filepath.Base(path), "ld-")
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is copied from %s, which is not a file: %v", path, file, err)
		}
	}
	if !libc || !linker {
		t.Errorf("no C library or no linker in %v", libraries)
	}
	if _, err := debian.Libraries(t.TempDir(), file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in an empty tree: %v", err)
	}
}

func TestNeedNamesWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no apt-get either
	err := debian.Need(t.Context(), progress.Log{}, map[string]string{"no-such-program": "its-package"})
	if err == nil || !strings.Contains(err.Error(), "apt install its-package") {
		t.Errorf("got %v", err)
	}
	if err := debian.Need(t.Context(), progress.Log{}, nil); err != nil {
		t.Errorf("want no error for an empty list: %v", err)
	}
}
