package certs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// list is the names and modes of what is in dir.
func list(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		modes[e.Name()] = info.Mode()
	}
	return modes
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWritePEM(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "certs")
	if err := sample().WritePEM(dir, Keep); err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{
		"cacert.pem": 0o644, "contourcert.pem": 0o644, "contourkey.pem": 0o600, "envoycert.pem": 0o644, "envoykey.pem": 0o600,
	}
	if diff := cmp.Diff(want, list(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := content(t, filepath.Join(dir, "envoykey.pem")); got != "envoy key" {
		t.Errorf("envoykey.pem contains %q", got)
	}
}

func TestWritePEMKeepsASetOfWhichAnyPartExists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	last := filepath.Join(dir, "envoykey.pem")
	if err := os.WriteFile(last, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sample().WritePEM(dir, Keep); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if got := list(t, dir); len(got) != 1 || content(t, last) != "mine" {
		t.Errorf("touched: %v", got)
	}
}

func TestWritePEMReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "contourkey.pem")
	if err := os.WriteFile(key, []byte("old and longer than the new one"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sample().WritePEM(dir, Replace); err != nil {
		t.Fatal(err)
	}
	got := list(t, dir)
	if len(got) != 5 || got["contourkey.pem"] != 0o600 || content(t, key) != "contour key" {
		t.Errorf("got %v, key %q", got, content(t, key))
	}
}

func TestWriteYAML(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := sample().Secrets(SecretOptions{Namespace: "ns", Format: Legacy, Version: "v2"})
	if err := WriteYAML(dir, Keep, want); err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{"cacert.yaml": 0o600, "contourcert.yaml": 0o600, "envoycert.yaml": 0o600}
	if diff := cmp.Diff(modes, list(t, dir)); diff != "" {
		t.Error(diff)
	}
	for _, s := range want {
		var got corev1.Secret
		if err := yaml.UnmarshalStrict([]byte(content(t, filepath.Join(dir, s.Name+".yaml"))), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, &got); diff != "" {
			t.Error(diff)
		}
	}
	if err := WriteYAML(dir, Keep, want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second time: got %v, want fs.ErrExist", err)
	}
	if err := WriteYAML(dir, Replace, want); err != nil {
		t.Errorf("replace: %v", err)
	}
}

func TestWritePEMOfFleets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := sample()
	b.Fleets = []FleetKeyPair{{"blue", KeyPair{Cert: []byte("blue cert"), Key: []byte("blue key")}}}
	if err := b.WritePEM(dir, Keep); err != nil {
		t.Fatal(err)
	}
	modes := list(t, dir)
	if modes["envoycert-blue.pem"] != 0o644 || modes["envoykey-blue.pem"] != 0o600 || len(modes) != 7 {
		t.Errorf("files: %v", modes)
	}
	if got := content(t, filepath.Join(dir, "envoykey-blue.pem")); got != "blue key" {
		t.Errorf("envoykey-blue.pem contains %q", got)
	}
}
