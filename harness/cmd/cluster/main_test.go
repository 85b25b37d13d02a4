package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/image"
	"contour.example/harness/kube"
)

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse("up", []string{"-name", "x", "-workers", "2", "-f", "a", "-f", "b", "-port", "8080:80", "-images", "build"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.name != "x" || o.workers != 2 || o.images != image.Build || !o.sample {
		t.Errorf("got %+v", o)
	}
	if diff := cmp.Diff([]string{"a", "b"}, o.files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int]int{8080: 80}, o.ports); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"-port=x", "-port=99999:1", "-provider=cloud", "more"} {
		if _, err := parse("up", []string{bad}, io.Discard); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// TestMessages runs the command in situations that people get into.
func TestMessages(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("CONTOUR_CACHE", t.TempDir())
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	docker := func(script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		docker, args, want string
	}{
		"not in the group":     {`echo "permission denied" >&2; exit 1`, "up", "add yourself to the group docker"},
		"the name is taken":    {`case "$1" in ps) echo mine;; info) echo /; esac`, "up -name mine", "a cluster of that name exists"},
		"no such verb":         {"", "sideways", "want up, down or load"},
		"no kubeconfig":        {"", "up -provider existing -kubeconfig " + filepath.Join(bin, "none"), "no such file"},
		"not ours to delete":   {"", "down -provider existing", "not ours to delete"},
		"an unknown policy":    {`case "$1" in ps) ;; info) echo /;; *) exit 1; esac`, "up -images never", "want auto, pull or build"},
		"nothing to do":        {"", "", "usage"},
		"nothing to load into": {`echo "permission denied" >&2; exit 1`, "load", "group docker"},
	} {
		docker(c.docker)
		err := run(t.Context(), strings.Fields(c.args), new(bytes.Buffer), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", what, err, c.want)
		}
	}
}

func TestSampleIsComplete(t *testing.T) {
	t.Parallel()
	objects, err := kube.Parse(sample)
	if err != nil || len(objects) != 2 || !strings.Contains(sample, image.EchoName) {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}
