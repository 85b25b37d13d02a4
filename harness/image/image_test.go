package image_test

import (
	"archive/tar"
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"contour.example/harness/image"
)

// entries lists a tar stream as "mode name -> link = content".
func entries(t *testing.T, r io.Reader) []string {
	t.Helper()
	var all []string
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s has the time %s", h.Name, h.ModTime)
		}
		line := h.FileInfo().Mode().String() + " " + h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		if len(content) > 0 {
			line += " = " + string(content)
		}
		all = append(all, line)
	}
}

func sample() []image.File {
	return []image.File{
		image.Text("/etc/a/b.conf", []byte("b")),
		image.Symlink("/bin", "usr/bin"),
		image.Dir("/tmp", fs.ModeSticky|0o777),
		image.Text("/etc/a/a.conf", []byte("old")),
		image.Text("/etc/a/a.conf", []byte("new")),
	}
}

func TestTarIsSortedAndComplete(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := image.WriteTar(&got, sample()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Lrwxrwxrwx bin -> usr/bin", "drwxr-xr-x etc/", "drwxr-xr-x etc/a/",
		"-rw-r--r-- etc/a/a.conf = new", "-rw-r--r-- etc/a/b.conf = b", "dtrwxrwxrwx tmp/",
	}
	if diff := cmp.Diff(want, entries(t, &got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := image.WriteTar(io.Discard, []image.File{image.Text("relative", nil)}); err == nil {
		t.Error("a relative path is accepted")
	}
}

func TestWalkReturnsWhatIsKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"keep/x", "drop/y"} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := image.Walk(root, func(path string) bool { return path != "/drop" })
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := image.WriteTar(&got, files); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"drwxr-xr-x keep/", "-rw------- keep/x = keep/x"}, entries(t, &got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	hash, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return hash.String()
}

func TestDigestDependsOnContentOnly(t *testing.T) {
	t.Parallel()
	pack := func(s image.Settings, files []image.File) string {
		img, err := image.Pack(s, files)
		if err != nil {
			t.Fatal(err)
		}
		return digest(t, img)
	}
	s := image.Settings{Arch: "amd64", User: image.Nonroot, Entrypoint: []string{"/x"}}
	first := pack(s, []image.File{image.Text("/a", []byte("a")), image.Text("/b", []byte("b"))})
	repeated := pack(s, []image.File{image.Text("/b", []byte("b")), image.Text("/a", []byte("a"))})
	if first != repeated {
		t.Errorf("the order of files makes another image: %s, %s", first, repeated)
	}
	s.Arch = "arm64"
	if other := pack(s, []image.File{image.Text("/a", []byte("a")), image.Text("/b", []byte("b"))}); other == first {
		t.Error("another architecture is the same image")
	}
}

func TestStoredLayerIsTheTar(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "layer.tar")
	layer, err := image.Stored(t.Context(), path, sample())
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Assemble(image.Settings{Arch: "amd64"}, layer)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := image.Pack(image.Settings{Arch: "amd64"}, sample())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if compressed, err := packed.ConfigName(); err != nil || stored != compressed {
		t.Errorf("configuration %s stored, %s packed, %v", stored, compressed, err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	var out bytes.Buffer
	if err := errors.Join(image.WriteArchive(&out, "contour.example/x:v1", img), os.WriteFile(archive, out.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("contour.example/x:v1")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.ConfigName(); err != nil || got != stored {
		t.Errorf("loaded %s, %v; want %s", got, err, stored)
	}
}

func TestLayoutOfTwoArchitecturesTwice(t *testing.T) {
	t.Parallel()
	program := filepath.Join("..", "cmd", "pause") // small
	write := func() v1.Hash {
		dir := t.TempDir()
		var images []v1.Image
		for _, arch := range []string{"amd64", "arm64"} {
			binary := filepath.Join(dir, arch)
			if err := image.Compile(t.Context(), program, binary, arch); err != nil {
				t.Fatal(err)
			}
			img, err := image.Pack(image.Settings{Arch: arch, User: image.Nonroot, Entrypoint: []string{"/pause"}},
				[]image.File{image.Program("/pause", binary)})
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, img)
		}
		out := filepath.Join(dir, "layout")
		hash, err := image.WriteLayout(out, "contour.example/pause:dev", images...)
		if err != nil {
			t.Fatal(err)
		}
		checkLayout(t, out)
		return hash
	}
	if first, second := write(), write(); first != second {
		t.Errorf("digest %s, and again %s", first, second)
	}
}

func TestProgramsAreForTheirArchitectureAndKnowTheirCommit(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	_, err := exec.CommandContext(t.Context(), "git", "-C", root, "rev-parse", "HEAD").Output()
	static := image.Static{Name: "contour.example/pause:dev", Programs: []string{"harness/cmd/pause"}}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		build := func() (binary, digestOfImage string) {
			dir := t.TempDir()
			img, err := static.Image(t.Context(), root, dir, arch)
			if err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, arch, "pause"), digest(t, img)
		}
		binary, first := build()
		if _, second := build(); first != second {
			t.Errorf("%s: digest %s, and again %s", arch, first, second)
		}
		program, openErr := elf.Open(binary)
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer func() { _ = program.Close() }()
		if program.Machine != machine || program.Section(".interp") != nil {
			t.Errorf("%s: a program for %s, static: %t", arch, program.Machine, program.Section(".interp") == nil)
		}
		if known := revision(t, binary) != ""; known != (err == nil) {
			t.Errorf("%s: the commit is known: %t; git: %v", arch, known, err)
		}
	}
}

// A program of another module is built with what a module of this repository requires, and knows no commit.
func TestProgramsOfOtherModules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	static := image.Static{Name: "example.com/license:dev", Module: "tools", Programs: []string{"golang.org/x/mod/gosumcheck"}}
	if _, err := static.Image(t.Context(), filepath.Join("..", ".."), dir, "amd64"); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(filepath.Join(dir, "amd64", "gosumcheck"))
	if err != nil || info.Main.Path != "golang.org/x/mod" || revision(t, filepath.Join(dir, "amd64", "gosumcheck")) != "" {
		t.Errorf("built %+v, %v", info, err)
	}
}

func revision(t *testing.T, binary string) string {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func checkLayout(t *testing.T, dir string) {
	t.Helper()
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	platforms, err := inner.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range platforms.Manifests {
		got = append(got, m.Platform.String())
		img, err := inner.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil || config.Config.User != image.Nonroot || config.Architecture != m.Platform.Architecture {
			t.Errorf("configuration %+v, %v", config, err)
		}
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, got); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}

// fake is a registry on loopback that has one image, x:v1.
func fake(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	server := httptest.NewServer(wrap(registry.New()))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	img, err := image.Pack(image.Settings{Arch: "amd64"}, sample())
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/x:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	return host
}

func TestDecision(t *testing.T) {
	t.Parallel()
	good := fake(t, func(h http.Handler) http.Handler { return h })
	rejecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(rejecting.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	host := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	for what, c := range map[string]struct {
		ref    string
		policy image.Policy
		pull   bool
		reason string
	}{
		"the registry has it":           {good + "/x:v1", "", true, " has it"},
		"the registry does not have it": {good + "/x:v2", image.Auto, false, " does not have it"},
		"the registry rejects":          {host(rejecting) + "/x:v1", image.Auto, false, " answers 429"},
		"the registry is silent":        {host(silent) + "/x:v1", image.Auto, false, " does not answer"},
		"nothing listens":               {host(closed) + "/x:v1", image.Auto, false, " does not answer"},
		"requested to build":            {good + "/x:v1", image.Build, false, "as requested"},
		"requested to pull, none there": {host(closed) + "/x:v1", image.Pull, true, "as requested"},
	} {
		d := image.Decider{Timeout: 500 * time.Millisecond, Policy: c.policy}
		got, err := d.Decide(t.Context(), c.ref)
		if err != nil || got.Pull != c.pull || !strings.HasSuffix(got.Reason, c.reason) {
			t.Errorf("%s: %+v, %v; want pull %v, reason ...%s", what, got, err, c.pull, c.reason)
		}
	}
	if _, err := (image.Decider{Policy: "often"}).Decide(t.Context(), "x"); !errors.Is(err, image.ErrPolicy) {
		t.Errorf("an unknown policy: %v", err)
	}
	if _, err := (image.Decider{}).Decide(t.Context(), "UPPER CASE"); err == nil {
		t.Error("a bad name is accepted")
	}
}

func TestEnvoyImageHasTheLibraries(t *testing.T) {
	t.Parallel()
	shell, err := filepath.EvalSymlinks("/bin/sh") // any program that is linked dynamically
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Envoy("amd64", shell, "/")
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for in := tar.NewReader(content); ; {
		h, err := in.Next()
		if err != nil {
			break
		}
		names = append(names, h.Name)
	}
	if !slices.Contains(names, "usr/local/bin/envoy") || !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "/libc.so.") }) {
		t.Errorf("the image has %v", names)
	}
}
