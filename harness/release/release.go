// Package release makes the files of a release: the image for several architectures, archives of the programs, manifests
// and charts that name the image by its digest, lists of the modules in the programs, and checksums. The same commit and
// version make the same files.
package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
	"k8s.io/apimachinery/pkg/util/validation"

	"contour.example/harness/image"
	"contour.example/harness/progress"
)

// Release is a release to make.
type Release struct {
	// Version is a semantic version with a leading v, for example v1.2.3 or v1.2.3-rc.1.
	Version string
	// Repository is that of the image, for example registry.example.com/contour, without a tag.
	Repository string
	// Root is the directory of the repository, Dir the one that the files are written to; a former release there is replaced.
	Root, Dir string
	// AllowChanges makes a release of sources that are not committed, for tests.
	AllowChanges bool
	// Image has the programs of the image; it is image.Contour except in tests.
	Image image.Static
	// Arches are the architectures of the image and of the programs, as GOARCH.
	Arches []string
	// Programs are archived for Linux and for macOS: main packages as module/package.
	Programs []string
	Log      progress.Log

	toolchain string // that of go.work, whatever this machine has
}

// Errors of a release that cannot be made.
var (
	ErrVersion   = errors.New("want a semantic version in lower case, like v1.2.3 or v1.2.3-rc.1")
	ErrChanges   = errors.New("the sources have changes, or files, that are not committed")
	ErrDirectory = errors.New("the directory has other files than those of a release")
)

// Below Release.Dir: the image as an OCI layout, and the checksums of the other files.
const (
	imageDir     = "image"
	checksumFile = "checksums.txt"
)

// Make writes the files and returns the reference of the image, by tag and digest. Nothing is published.
func (r Release) Make(ctx context.Context) (ref string, err error) {
	if err := r.check(ctx); err != nil {
		return "", err
	}
	if r.toolchain, err = toolchain(r.Root); err != nil {
		return "", err
	}
	if err := os.RemoveAll(r.Dir); err != nil {
		return "", fmt.Errorf("release: %w", err)
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return "", fmt.Errorf("release: %w", err)
	}
	digest, err := r.image(ctx)
	if err != nil {
		return "", err
	}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"programs", r.programs},
		{"manifests", func(ctx context.Context) error { return r.manifests(ctx, digest) }},
		{"charts", func(context.Context) error { return r.charts(digest) }},
		{"checksums", func(context.Context) error { return r.checksums() }},
	}
	for _, step := range steps {
		if err := r.Log.Run(ctx, step.name, step.do); err != nil {
			return "", err
		}
	}
	return r.ref(digest), nil
}

// check returns an error if there is no such release, or it would contain what no commit has, or replace what is no release.
func (r Release) check(ctx context.Context) error {
	if !semver.IsValid(r.Version) || semver.Canonical(r.Version) != r.Version || len(validation.IsDNS1123Label(r.jobName())) > 0 {
		return fmt.Errorf("version %q: %w", r.Version, ErrVersion)
	}
	if _, err := name.NewTag(r.Repository + ":" + r.Version); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	if entries, err := os.ReadDir(r.Dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(r.Dir, checksumFile)); err != nil {
			return fmt.Errorf("%s: %w", r.Dir, ErrDirectory)
		}
	}
	if r.AllowChanges {
		return nil
	}
	out, err := exec.CommandContext(ctx, "git", "-C", r.Root, "status", "--porcelain").Output()
	if err != nil {
		return fmt.Errorf("git: %w", err)
	}
	if len(out) > 0 {
		return fmt.Errorf("%w:\n%.1000s", ErrChanges, out)
	}
	return nil
}

// toolchain returns the version of Go that the workspace names.
func toolchain(root string) (string, error) {
	file := filepath.Join(root, "go.work")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("toolchain: %w", err)
	}
	work, err := modfile.ParseWork(file, text, nil)
	if err != nil {
		return "", fmt.Errorf("toolchain: %w", err)
	}
	if work.Toolchain == nil {
		return "", fmt.Errorf("toolchain: %s names none", file)
	}
	return work.Toolchain.Name, nil
}

// ref names the image by tag, which tells readers the version, and by digest, which decides.
func (r Release) ref(digest v1.Hash) string {
	return r.Repository + ":" + r.Version + "@" + digest.String()
}

func (r Release) image(ctx context.Context) (digest v1.Hash, err error) {
	binaries, err := os.MkdirTemp("", "release-")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("image: %w", err)
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	static := r.Image
	static.Version, static.Toolchain = r.Version, r.toolchain
	var images []v1.Image
	for _, arch := range r.Arches {
		err := r.Log.Run(ctx, "image for "+arch, func(ctx context.Context) error {
			img, err := static.Image(ctx, r.Root, binaries, arch)
			images = append(images, img)
			return err
		})
		if err != nil {
			return v1.Hash{}, err
		}
	}
	return image.WriteLayout(filepath.Join(r.Dir, imageDir), r.Repository+":"+r.Version, images...)
}

// Push publishes the image that Make made, at its tag. A tag that exists with another content is an error: a release does
// not change.
func (r Release) Push(ctx context.Context, options ...remote.Option) error {
	options = append(options, remote.WithContext(ctx))
	index, err := layout.ImageIndexFromPath(filepath.Join(r.Dir, imageDir))
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if len(manifest.Manifests) != 1 {
		return fmt.Errorf("image: the layout has %d, want 1", len(manifest.Manifests))
	}
	digest := manifest.Manifests[0].Digest
	all, err := index.ImageIndex(digest)
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	tag, err := name.NewTag(r.Repository + ":" + r.Version)
	if err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	// A registry that cannot say whether the tag exists is not asked to write it.
	there, err := remote.Head(tag, options...)
	var answer *transport.Error
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
	case err != nil:
		return fmt.Errorf("%s: whether it exists: %w", tag, err)
	case there.Digest != digest:
		return fmt.Errorf("%s exists, with digest %s instead of %s", tag, there.Digest, digest)
	}
	if err := remote.WriteIndex(tag, all, options...); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// checksums writes checksums.txt, in the form of sha256sum: all files but those of the image, which has a digest.
func (r Release) checksums() error {
	var lines strings.Builder
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == imageDir {
				return filepath.SkipDir
			}
			return nil
		}
		sum, err := sha256Of(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(r.Dir, path)
		fmt.Fprintf(&lines, "%s  %s\n", sum, filepath.ToSlash(relative))
		return err
	})
	if err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	return r.write(checksumFile, []byte(lines.String()))
}

func sha256Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (r Release) write(file string, content []byte) error {
	if err := os.WriteFile(filepath.Join(r.Dir, file), content, 0o644); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}
