package asset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writes makes an asset whose binary has the given content.
func writes(content string) Asset {
	return Asset{
		Name: "tool", Version: "1.2", inputs: []string{content}, Hint: "writing",
		produce: func(_ context.Context, dst string, _ *progress) error {
			return os.WriteFile(dst, []byte(content), 0o755)
		},
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestEnsureMakesOnce(t *testing.T) {
	t.Parallel()
	var made atomic.Int32
	a := writes("x")
	produce := a.produce
	a.produce = func(ctx context.Context, dst string, p *progress) error {
		made.Add(1)
		return produce(ctx, dst, p)
	}
	c := Cache{Dir: t.TempDir(), Log: io.Discard}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			path, err := c.Ensure(t.Context(), a)
			if err != nil {
				t.Error(err)
				return
			}
			if !executable(path) {
				t.Errorf("%s is not executable", path)
			}
		})
	}
	callers.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want once", made.Load())
	}
}

func TestOtherInputsAreAnotherBinary(t *testing.T) {
	t.Parallel()
	c := Cache{Dir: t.TempDir(), Log: io.Discard}
	stable := filepath.Join(c.Dir, "tool", "1.2", "tool")
	for _, content := range []string{"one", "two", "one"} {
		path, err := c.Ensure(t.Context(), writes(content))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != content {
			t.Errorf("binary has %q, want %q", got, content)
		}
		if got := read(t, stable); got != content {
			t.Errorf("stable link resolves to %q, want %q", got, content)
		}
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	a := writes("x")
	a.produce = func(_ context.Context, dst string, _ *progress) error {
		return errors.Join(os.WriteFile(dst, []byte("half"), 0o755), broken)
	}
	c := Cache{Dir: t.TempDir(), Log: io.Discard}
	if _, err := c.Ensure(t.Context(), a); !errors.Is(err, broken) {
		t.Fatalf("got error %v, want %v", err, broken)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, "tool", "1.2", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string(nil), left); diff != "" {
		t.Errorf("files left (-want +got):\n%s", diff)
	}
	if _, err := c.Ensure(t.Context(), writes("x")); err != nil {
		t.Errorf("after a failure: %v", err)
	}
}

func TestWaitForAnotherProcessEndsWithContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

func TestProgressIsSilentWhenAllIsThere(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := Cache{Dir: t.TempDir(), Log: &log}
	if _, err := c.Ensure(t.Context(), writes("x")); err != nil {
		t.Fatal(err)
	}
	if want := "tool 1.2: writing (0s)"; !strings.HasPrefix(log.String(), want) {
		t.Errorf("first run logs %q, want it to begin with %q", log.String(), want)
	}
	log.Reset()
	if _, err := c.Ensure(t.Context(), writes("x")); err != nil {
		t.Fatal(err)
	}
	if log.Len() != 0 {
		t.Errorf("second run logs %q, want nothing", log.String())
	}
}
