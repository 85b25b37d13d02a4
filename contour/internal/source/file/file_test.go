package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// deadline limits the wait for a change, far above the usual time.
const deadline = 20 * time.Second

// seen is one report: a text, or an error.
type seen struct {
	text string
	err  error
}

// watch watches a file until the end of the test.
func watch(t *testing.T, path, last string) <-chan seen {
	t.Helper()
	out := make(chan seen, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- Watch(t.Context(), path, []byte(last), func(text []byte, err error) { out <- seen{string(text), err} })
	}()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return out
}

func expect(t *testing.T, from <-chan seen, text string) {
	t.Helper()
	select {
	case got := <-from:
		if got.err != nil || got.text != text {
			t.Fatalf("got %q, %v, want %q", got.text, got.err, text)
		}
	case <-time.After(deadline):
		t.Fatalf("timeout waiting for %q", text)
	}
}

func expectGone(t *testing.T, from <-chan seen) {
	t.Helper()
	select {
	case got := <-from:
		if !errors.Is(got.err, os.ErrNotExist) {
			t.Fatalf("got %q, %v", got.text, got.err)
		}
	case <-time.After(deadline):
		t.Fatal("timeout waiting for the removal")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestWatchFollowsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	write(t, path, "2")
	out := watch(t, path, "1") // changed since it was read
	expect(t, out, "2")
	write(t, path, "3")
	expect(t, out, "3")
	write(t, path+".draft", "4")
	rename(t, path+".draft", path)
	expect(t, out, "4")
	rename(t, path, path+".old")
	expectGone(t, out)
	rename(t, path+".old", path)
	expect(t, out, "4")
	write(t, path, "5")
	expect(t, out, "5")
}

func TestWatchFollowsAMountedConfigMap(t *testing.T) {
	root := t.TempDir()
	publish := func(generation, text string) {
		write(t, filepath.Join(root, generation, "a.yaml"), text)
		link := filepath.Join(root, "..data_tmp")
		if err := os.Symlink(generation, link); err != nil {
			t.Fatal(err)
		}
		rename(t, link, filepath.Join(root, "..data"))
	}
	publish("..2024_1", "1")
	path := filepath.Join(root, "a.yaml")
	if err := os.Symlink(filepath.Join("..data", "a.yaml"), path); err != nil {
		t.Fatal(err)
	}
	out := watch(t, path, "1")
	for i, generation := range []string{"..2024_2", "..2024_3"} {
		former, err := os.Readlink(filepath.Join(root, "..data"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(rune('2' + i))
		publish(generation, text)
		if err := os.RemoveAll(filepath.Join(root, former)); err != nil {
			t.Fatal(err)
		}
		expect(t, out, text)
	}
	write(t, filepath.Join(root, "..2024_3", "a.yaml"), "4")
	expect(t, out, "4")
}

func TestWatchFollowsALinkAndTheRemovalOfItsDirectory(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "elsewhere", "a.yaml"), "1")
	path := filepath.Join(root, "etc", "deep", "a.yaml")
	write(t, filepath.Join(root, "etc", "deep", "other"), "")
	if err := os.Symlink(filepath.Join("..", "..", "elsewhere", "a.yaml"), path); err != nil {
		t.Fatal(err)
	}
	out := watch(t, path, "1")
	write(t, filepath.Join(root, "elsewhere", "a.yaml"), "2")
	expect(t, out, "2")
	rename(t, filepath.Join(root, "etc", "deep"), filepath.Join(root, "former"))
	expectGone(t, out)
	write(t, path, "3")
	expect(t, out, "3")
	write(t, path, "4")
	expect(t, out, "4")
}
