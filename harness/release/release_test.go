package release_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"contour.example/harness/image"
	"contour.example/harness/progress"
	"contour.example/harness/release"
)

// small is a release of programs that are built in seconds.
func small(t *testing.T, repository, version string) release.Release {
	t.Helper()
	return release.Release{
		Version: version, Repository: repository, Root: filepath.Join("..", ".."), Dir: filepath.Join(t.TempDir(), "release"),
		AllowChanges: true,
		Image:        image.Static{Name: "pause", Programs: []string{"harness/cmd/pause"}},
		Arches:       []string{"amd64", "arm64"}, Programs: []string{"envoybootstrap/cmd/envoybootstrap"},
		Log: progress.Log{W: io.Discard},
	}
}

// served is the address of an empty registry on loopback.
func served(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// A release is complete: what the manifests and the chart name is what the registry has, for both architectures, and checksums
// are those of all files. Made again it is the same.
func TestRelease(t *testing.T) {
	repository := served(t) + "/contour"
	r := small(t, repository, "v1.2.3-rc.1")
	ref, err := r.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(parsed)
	if err != nil {
		t.Fatalf("what the release names is not in the registry: %v", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	files := content(t, r.Dir)
	for _, file := range []string{"contour.yaml", "contour-envoy-deployment.yaml", "contour-another-class.yaml"} {
		if n := strings.Count(files[file], "image: "+ref+"\n"); n < 4 {
			t.Errorf("%s names the image %d times", file, n)
		}
		if strings.Contains(files[file], "contour.example/contour") || !strings.Contains(files[file], "name: contour-certgen-v1-2-3-rc-1\n") {
			t.Errorf("%s has an image or a Job of another version", file)
		}
	}
	chart := unpacked(t, filepath.Join(r.Dir, "contour-1.2.3-rc.1.tgz"))
	_, digest, _ := strings.Cut(ref, "@")
	for file, want := range map[string]string{
		"contour/Chart.yaml":  "annotations: {contour.example/image-digest: '" + digest + "'}\nversion: 1.2.3-rc.1\nappVersion: v1.2.3-rc.1\n",
		"contour/values.yaml": "  repository: " + repository + "\n  tag: \"\" ",
	} {
		if !strings.Contains(chart[file], want) {
			t.Errorf("the %s of the chart does not contain %q:\n%s", file, want, chart[file])
		}
	}
	program := unpacked(t, filepath.Join(r.Dir, "envoybootstrap-v1.2.3-rc.1-darwin-arm64.tar.gz"))
	if !strings.HasPrefix(program["envoybootstrap"], "\xcf\xfa\xed\xfe") || program["LICENSE"] == "" {
		t.Error("the archive for macOS has no Mach-O program, or no licence")
	}
	if list := files["envoybootstrap-v1.2.3-rc.1-linux-amd64.cdx.json"]; !strings.Contains(list, `"bomFormat": "CycloneDX"`) || !strings.Contains(list, "pkg:golang/contour.example/envoybootstrap@v1.2.3-rc.1") {
		t.Errorf("the list of modules is incomplete: %.300s", list)
	}
	for file := range files {
		listed := strings.Contains(files["checksums.txt"], "  "+file+"\n")
		if want := file != "checksums.txt" && !strings.HasPrefix(file, "image/"); listed != want {
			t.Errorf("%s is in checksums.txt: %t", file, listed)
		}
	}

	again := small(t, repository, "v1.2.3-rc.1")
	if _, err := again.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := again.Push(t.Context()); err != nil {
		t.Errorf("the same image is published once more: %v", err)
	}
	second := content(t, again.Dir)
	if len(second) != len(files) {
		t.Errorf("%d files, and again %d", len(files), len(second))
	}
	for file, text := range files {
		if second[file] != text {
			t.Errorf("%s is another one when made again", file)
		}
	}
}

// A tag of a release is never moved.
func TestPushKeepsTags(t *testing.T) {
	r := small(t, served(t)+"/contour", "v1.0.0")
	publish := func(content string) error {
		r.Dir = t.TempDir()
		img, err := image.Pack(image.Settings{Arch: "amd64"}, []image.File{image.Text("/content", []byte(content))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := image.WriteLayout(filepath.Join(r.Dir, "image"), r.Repository+":"+r.Version, img); err != nil {
			t.Fatal(err)
		}
		return r.Push(t.Context())
	}
	if err := publish("first"); err != nil {
		t.Fatal(err)
	}
	if err := publish("other"); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("error %v", err)
	}
	if err := publish("first"); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

// A registry that cannot say whether a tag exists is not asked to write it.
func TestPushNeedsToKnowTheTag(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	r := small(t, strings.TrimPrefix(server.URL, "http://")+"/contour", "v1.0.0")
	img, err := image.Pack(image.Settings{Arch: "amd64"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := image.WriteLayout(filepath.Join(r.Dir, "image"), r.Repository+":"+r.Version, img); err != nil {
		t.Fatal(err)
	}
	if err := r.Push(t.Context()); err == nil || !strings.Contains(err.Error(), "whether it exists") {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsNoRelease(t *testing.T) {
	for _, version := range []string{"", "1.2.3", "v1", "v1.2", "v1.2.3+build", "v1.2.3-RC.1", "v1.2.3-" + strings.Repeat("a", 60), "latest", "v1.2.3;id"} {
		r := small(t, "registry.example.com/contour", version)
		if _, err := r.Make(t.Context()); !errors.Is(err, release.ErrVersion) {
			t.Errorf("version %q: error %v", version, err)
		}
	}
	r := small(t, "Not A Repository", "v1.2.3")
	if _, err := r.Make(t.Context()); err == nil {
		t.Error("no error")
	}
	r = small(t, "registry.example.com/contour", "v1.2.3")
	r.Dir = t.TempDir()
	mine := filepath.Join(r.Dir, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Make(t.Context()); !errors.Is(err, release.ErrDirectory) {
		t.Errorf("a directory with other files: error %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

// What no commit has is in no release, be it an untracked file.
func TestReleaseOfACommit(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "--quiet")
	if err := os.WriteFile(filepath.Join(root, "untracked"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := small(t, "registry.example.com/contour", "v1.2.3")
	r.Root, r.AllowChanges = root, false
	if _, err := r.Make(t.Context()); !errors.Is(err, release.ErrChanges) {
		t.Errorf("error %v", err)
	}
}

func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		all[filepath.ToSlash(relative)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func unpacked(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, in := map[string]string{}, tar.NewReader(zip)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = string(text)
	}
}
