package clusterimage_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"contour.example/harness/asset"
	"contour.example/harness/clusterimage"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/progress"
)

// engine is a docker command that has the image and saves "saved NAME"; it appends its arguments to the file log.
func engine(t *testing.T, has string) (e *docker.Engine, log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	script := `#!/bin/sh
echo "$*" >> ` + log + `
case "$1 $2" in
"image inspect") [ "$5" = "` + has + `" ] ;;
save*) echo "saved $2" ;;
pull* | tag*) exit 0 ;;
*) exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return &docker.Engine{}, log
}

func source(t *testing.T, e *docker.Engine, policy image.Policy, out *bytes.Buffer) clusterimage.Source {
	t.Helper()
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	return clusterimage.Source{
		Builder: clusterimage.Builder{Cache: t.TempDir(), Root: root, Log: progress.Log{W: out}},
		Engine:  e, Decider: image.Decider{Policy: policy},
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

func TestNodeIsKindsOwnDefault(t *testing.T) {
	t.Parallel()
	if got := clusterimage.Node + "@" + clusterimage.NodeDigest; "docker.io/"+defaults.Image != got {
		t.Errorf("kind's image is %s, ours %s", defaults.Image, got)
	}
}

func TestPublishedImageIsPulled(t *testing.T) {
	e, log := engine(t, "none")
	var out bytes.Buffer
	s := source(t, e, image.Pull, &out)
	name, built, err := s.Node(t.Context())
	if name != clusterimage.Node || built || err != nil {
		t.Errorf("node image %q, built %v, %v", name, built, err)
	}
	path, err := s.Archive(t.Context(), image.EnvoyName, t.TempDir())
	if err != nil || read(t, path) != "saved "+image.EnvoyName+"\n" {
		t.Errorf("archive %q, %v", path, err)
	}
	pinned := "docker.io/kindest/node@" + clusterimage.NodeDigest
	for _, want := range []string{"pull --quiet " + pinned, "tag " + pinned + " " + clusterimage.Node, "pull --quiet " + image.EnvoyName} {
		if !strings.Contains(read(t, log), want) {
			t.Errorf("docker was not called with %s:\n%s", want, read(t, log))
		}
	}
	if !strings.Contains(out.String(), "pull "+clusterimage.Node+": as requested") {
		t.Errorf("printed %s", out.String())
	}
}

func TestOnlyWhatIsMadeIsPrepared(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := clusterimage.Builder{Cache: t.TempDir(), Root: "none", Log: progress.Log{W: &out}}
	for _, ref := range []string{clusterimage.Node, image.EnvoyName} {
		if err := b.Prepare(t.Context(), image.Decider{Policy: image.Pull}, ref); err != nil {
			t.Error(err)
		}
	}
	if made, err := os.ReadDir(b.Cache); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v:\n%s", made, err, out.String())
	}
	if err := b.Prepare(t.Context(), image.Decider{Policy: image.Build}, "example.com/x:v1"); !errors.Is(err, clusterimage.ErrMissing) {
		t.Errorf("got %v", err)
	}
}

func TestImageOfTheEngineIsUsed(t *testing.T) {
	e, log := engine(t, clusterimage.Node)
	var out bytes.Buffer
	name, built, err := source(t, e, image.Auto, &out).Node(t.Context())
	if name != clusterimage.Node || built || err != nil || strings.Contains(read(t, log), "pull") {
		t.Errorf("node image %q, built %v, %v; docker was called with:\n%s", name, built, err, read(t, log))
	}
	if !strings.Contains(out.String(), "the engine has it") {
		t.Errorf("printed %s", out.String())
	}
}

func TestOwnImagesAreMade(t *testing.T) {
	e, log := engine(t, "none")
	s := source(t, e, image.Pull, new(bytes.Buffer)) // even so
	path, err := s.Archive(t.Context(), image.EchoName, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 1<<20 {
		t.Errorf("archive %v, %v", info, err)
	}
	if _, err := os.Stat(log); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("docker was called with:\n%s", read(t, log))
	}
}

func TestNoRegistryHasTheImage(t *testing.T) {
	t.Parallel()
	_, _, err := clusterimage.Builder{}.Build(t.Context(), "example.com/x:v1", runtime.GOARCH)
	if !errors.Is(err, clusterimage.ErrMissing) || !strings.Contains(err.Error(), "example.com/x:v1") {
		t.Errorf("got %v", err)
	}
}
