package buildcache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/buildcache"
)

func item(content string, made *atomic.Int32) buildcache.Item {
	return buildcache.Item{Name: "thing", Inputs: []string{content}, Make: func(_ context.Context, dst string) error {
		made.Add(1)
		return os.WriteFile(dst, []byte(content), 0o644)
	}}
}

func TestMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var made atomic.Int32
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			path, err := buildcache.Ensure(t.Context(), dir, item("x", &made))
			content, readErr := os.ReadFile(path)
			if err != nil || readErr != nil || string(content) != "x" {
				t.Errorf("%q has %q, errors %v, %v", path, content, err, readErr)
			}
		})
	}
	callers.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want once", made.Load())
	}
}

func TestOnlyTheNewestIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var made atomic.Int32
	for _, content := range []string{"one", "two"} {
		if _, err := buildcache.Ensure(t.Context(), dir, item(content, &made)); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "thing", "*"))
	want := []string{filepath.Join(dir, "thing", item("two", &made).Key())}
	if diff := cmp.Diff(want, left); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, broken := t.TempDir(), errors.New("broken")
	bad := buildcache.Item{Name: "thing", Make: func(_ context.Context, dst string) error {
		return errors.Join(os.WriteFile(dst, nil, 0o644), broken)
	}}
	if _, err := buildcache.Ensure(t.Context(), dir, bad); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	left, err := os.ReadDir(filepath.Join(dir, "thing"))
	if len(left) != 0 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	slow := buildcache.Item{Name: "thing", Make: func(_ context.Context, dst string) error {
		cancel() // of the second caller, which waits for this one
		_, err := buildcache.Ensure(ctx, dir, buildcache.Item{Name: "thing"})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		return os.WriteFile(dst, nil, 0o644)
	}}
	if _, err := buildcache.Ensure(t.Context(), dir, slow); err != nil {
		t.Error(err)
	}
}
