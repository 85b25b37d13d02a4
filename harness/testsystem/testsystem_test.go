//go:build local

package testsystem_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"contour.example/harness/testsystem"
)

// The error of a controller that cannot start contains its own message, and no process remains.
func TestStartFailsCleanly(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "contour")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho 'no such flag: --x'\nexit 2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := testsystem.Start(t.Context(), testsystem.Options{Contour: script})
	if err == nil {
		t.Cleanup(func() { _ = s.Stop() })
		t.Fatal("no error")
	}
	for _, part := range []string{"readiness of contour-0", "exit status 2", "no such flag: --x"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	_, dir, _ := strings.Cut(err.Error(), "system in ")
	dir, _, _ = strings.Cut(dir, ":")
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, p := range running(t, dir) {
		t.Errorf("left running: %s", p)
	}
}

// running is the command lines of processes that mention the directory.
func running(t *testing.T, dir string) []string {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, []byte(dir)) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}
