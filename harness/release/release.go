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
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/semver"

	"contour.example/harness/image"
	"contour.example/harness/progress"
)

// Release is a release to make.
type Release struct {
	// Version is a semantic version with a leading v, for example v1.2.3 or v1.2.3-rc.1.
	Version string
	// Repository is that of the image, for example registry.example.com/contour, without a tag.
	Repository string
	// Root is the directory of the repository, Dir the one that the files are written to; what is there is replaced.
	Root, Dir string
	// Image has the programs of the image; it is image.Contour except in tests.
	Image image.Static
	// Arches are the architectures of the image and of the programs, as GOARCH.
	Arches []string
	// Programs are archived for Linux and for macOS: main packages as module/package.
	Programs []string
	Log      progress.Log
}

// ErrVersion is the error of a version that is not semantic.
var ErrVersion = errors.New("want a semantic version, like v1.2.3 or v1.2.3-rc.1")

// imageDir has the image as an OCI layout, below Release.Dir.
const imageDir = "image"

// Make writes the files and returns the reference of the image, by tag and digest. Nothing is published.
func (r Release) Make(ctx context.Context) (ref string, err error) {
	if !semver.IsValid(r.Version) || semver.Canonical(r.Version) != r.Version {
		return "", fmt.Errorf("version %q: %w", r.Version, ErrVersion)
	}
	if _, err := name.NewTag(r.Repository + ":" + r.Version); err != nil {
		return "", fmt.Errorf("repository: %w", err)
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
	static.Version = r.Version
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
	if there, err := remote.Head(tag, options...); err == nil && there.Digest != digest {
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
	return r.write("checksums.txt", []byte(lines.String()))
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
