package envoybootstrap

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func withTLS() Config {
	c := Default()
	c.TLS = TLS{CAFile: "/certs/ca.crt", CertFile: "/certs/tls.crt", KeyFile: "/certs/tls.key"}
	return c
}

// tree lists the files under dir with their modes.
func tree(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		found[rel] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWritePutsSDSFilesBesideTheBootstrap(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "config", "envoy.json"), withTLS()); err != nil {
		t.Fatal(err)
	}
	got := tree(t, dir)
	want := []string{"config/envoy.json", "config/sds/xds-tls-certificate.json", "config/sds/xds-validation-context.json"}
	for _, path := range want {
		if got[path] != 0o644 {
			t.Errorf("%s: mode %v, want 0644", path, got[path])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want only %v", got, want)
	}
}

func TestWriteMakesRelativePathsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Write("envoy.json", withTLS()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("sds/xds-tls-certificate.json"); err != nil {
		t.Error(err)
	}
	content, err := os.ReadFile("envoy.json")
	if err != nil || !json.Valid(content) {
		t.Errorf("not JSON: %v", err)
	}
}

func TestWriteReplacesAtomically(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "envoy.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := Write(path, Default()); err != nil {
		t.Fatal(err)
	}
	// An open old file still has the old content: it was not written into.
	content := make([]byte, 8)
	if n, _ := old.Read(content); string(content[:n]) != "old" {
		t.Errorf("the old file now contains %q", content[:n])
	}
	if got := tree(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestInvalidConfigWritesNothing(t *testing.T) {
	dir := t.TempDir()
	c := withTLS()
	c.XDSPort = 0
	if err := Write(filepath.Join(dir, "envoy.json"), c); err == nil {
		t.Error("no error")
	}
	if got := tree(t, dir); len(got) != 0 {
		t.Errorf("written: %v", got)
	}
}

func TestWriteFailedLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "envoy.json")
	if err := os.MkdirAll(filepath.Join(path, "occupied"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, Default()); err == nil {
		t.Error("no error for a path that is a directory")
	}
	if got := tree(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	var contents [][]byte
	path := filepath.Join(t.TempDir(), "envoy.json")
	for range 2 {
		if err := Write(path, withTLS()); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, content)
	}
	if !slices.Equal(contents[0], contents[1]) {
		t.Error("equal Configs, different bytes")
	}
}
