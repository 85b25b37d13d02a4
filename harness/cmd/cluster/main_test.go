package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
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
	if o.cluster.Name != "x" || o.cluster.Workers != 2 || o.cluster.Policy != image.Build || !o.sample || o.cluster.Existing {
		t.Errorf("got %+v", o)
	}
	if diff := cmp.Diff([]string{"a", "b"}, o.files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int]int{8080: 80}, o.cluster.Ports); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"-port=x", "-port=99999:1", "-provider=cloud", "-image=x", "more"} {
		if _, err := parse("up", []string{bad}, io.Discard); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// TestMessages runs the command in common error situations. Each message contains the remedy.
func TestMessages(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("CONTOUR_CACHE", t.TempDir())
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	unreachable := filepath.Join(bin, "unreachable.yaml")
	const config = "{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x}}], clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]}"
	if err := os.WriteFile(unreachable, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	const (
		denied = `echo "permission denied" >&2; exit 1`
		mine   = `case "$1" in ps) echo mine;; info) echo /; esac`                                                   // a cluster runs
		full   = `case "$1" in info) echo /proc; esac`                                                               // whose file system has no space
		empty  = `case "$1" in ps|rm) ;; info) echo /;; pull) echo "manifest unknown" >&2; exit 1;; *) exit 1; esac` // no images
	)
	for what, c := range map[string]struct {
		docker, args, want string
	}{
		"not in the group":          {denied, "up", "add yourself to the group docker"},
		"the name is in use":        {mine, "up -name mine", "a cluster of that name exists: delete it, or choose another name"},
		"a port is in use":          {empty, fmt.Sprintf("up -port %d:80", taken.Addr().(*net.TCPAddr).Port), "port in use: stop the process that listens there, or choose another"},
		"the disk is full":          {full, "up", "/proc has 0.0 GiB free, 4.0 GiB are needed: too little disk space: free some"},
		"an image is missing":       {empty, "up -images pull", "manifest unknown: image missing: its registry does not have it; -images build builds it"},
		"no API server":             {"", "up -provider existing -kubeconfig " + unreachable, "http://127.0.0.1:1: the API server does not answer: is the cluster up, and is this its kubeconfig?"},
		"no kubeconfig":             {"", "up -provider existing -kubeconfig " + filepath.Join(bin, "none"), "no such file"},
		"a kubeconfig for kind":     {"", "up -kubeconfig " + unreachable, "-kubeconfig is for -provider existing"},
		"an unknown balancer":       {"", "up -balancer none", "want addresses or cloud-provider-kind"},
		"an image without its name": {"", "up -image x", "want NAME=THERE"},
		"no such verb":              {"", "sideways", "want up, down, load or prepare"},
		"not ours to delete":        {"", "down -provider existing", "not ours to delete"},
		"an unknown policy":         {empty, "up -images never", "want auto, pull or build"},
		"nothing to do":             {"", "", "usage"},
		"nothing to load into":      {denied, "load", "group docker"},
	} {
		if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+c.docker), 0o755); err != nil {
			t.Fatal(err)
		}
		err := run(t.Context(), strings.Fields(c.args), new(bytes.Buffer), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", what, err, c.want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.Getenv("CONTOUR_CACHE"), "clusters", "*")); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestSampleIsComplete(t *testing.T) {
	t.Parallel()
	objects, err := kube.Parse(sample)
	if err != nil || len(objects) != 5 || !strings.Contains(sample, image.EchoName) {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}
