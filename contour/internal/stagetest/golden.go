package stagetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Goldens compares texts with files, or rewrites the files.
type Goldens struct {
	Update bool // rewrites the files
}

// Compare fails the test if the file does not exist or its text differs.
func (g Goldens) Compare(t testing.TB, file string, got []byte) {
	t.Helper()
	if g.Update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got, -update rewrites):\n%s", file, diff)
	}
}

// CompareIfExists compares the file if it exists: an optional golden is enabled by creating an empty file.
func (g Goldens) CompareIfExists(t testing.TB, file string, got []byte) {
	t.Helper()
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		g.Compare(t, file, got)
	}
}

// NoOtherFiles fails the test if the directory contains other files than those in the list.
func NoOtherFiles(t testing.TB, dir string, files []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && !slices.Contains(files, e.Name()) {
			t.Errorf("%s belongs to no case", filepath.Join(dir, e.Name()))
		}
	}
}
