// Package clusterimage provides the images that a cluster needs, pulled from a registry or built here.
//
// It takes an image's name and makes an archive that an engine loads and a node
// imports. A published image is pulled if its registry has it, and otherwise built by
// packages image and node; our own images are always built. The decision for each
// image, its reason, and the duration are printed.
package clusterimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"contour.example/harness/asset"
	"contour.example/harness/debian"
	"contour.example/harness/docker"
	"contour.example/harness/image"
	"contour.example/harness/node"
	"contour.example/harness/progress"
)

// Node is the published node image: the default of the module sigs.k8s.io/kind that is
// used here, without its digest, which no image made here could have.
const Node = "docker.io/kindest/node:v1.37.0"

// NodeDigest is the digest of Node that the same module names: what is pulled has it, wherever it comes from.
const NodeDigest = "sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"

// Errors that callers test for; their message contains the remedy.
var (
	// ErrMissing means that no registry has the image and it cannot be built here.
	ErrMissing = errors.New("image missing: no registry has it, and it is none of ours")
	// ErrPull means that an image was requested from its registry, which does not have it.
	ErrPull = errors.New("image missing: its registry does not have it; -images build builds it")
)

// Builder builds images.
type Builder struct {
	// Cache is the directory of the build cache; Root the repository's root.
	Cache, Root string
	// Binaries is a directory for binaries of this repository, which images are read from.
	Binaries string
	Log      progress.Log
}

// Build builds the image ref for an architecture. A node image gets another name, which contains the key of
// its inputs: name is what the image is called.
func (b Builder) Build(ctx context.Context, ref, arch string) (name string, img v1.Image, err error) {
	if own, ok := image.Own(ref); ok {
		img, err = b.static(ctx, own, arch)
		return ref, img, err
	}
	if published, ok := image.Published(ref); ok {
		img, err = b.static(ctx, published, arch)
		return ref, img, err
	}
	switch ref {
	case image.EnvoyName:
		img, err = b.envoy(ctx, arch, image.Envoy)
	case image.LoadBalancerName:
		img, err = b.envoy(ctx, arch, image.LoadBalancer)
	case Node:
		return b.node(ctx)
	default:
		err = fmt.Errorf("%s: %w", ref, ErrMissing)
	}
	return ref, img, err
}

func (b Builder) static(ctx context.Context, s image.Static, arch string) (v1.Image, error) {
	return s.Image(ctx, b.Root, b.Binaries, arch)
}

func (b Builder) envoy(ctx context.Context, arch string, pack func(arch, binary, tree string) (v1.Image, error)) (v1.Image, error) {
	binary, err := asset.Get(ctx, "envoy")
	if err != nil {
		return nil, err
	}
	tree, err := debian.Tree(ctx, b.Cache, b.Log)
	if err != nil {
		return nil, err
	}
	return pack(arch, binary, tree)
}

func (b Builder) node(ctx context.Context) (string, v1.Image, error) {
	parts, err := node.Builder{Cache: b.Cache, Root: b.Root, Log: b.Log}.Prepare(ctx)
	if err != nil {
		return "", nil, err
	}
	img, err := parts.Image(ctx)
	return parts.Name, img, err
}

// Prepare builds, into the cache, what takes long to build of an image that will not be pulled. It needs no engine.
func (b Builder) Prepare(ctx context.Context, d image.Decider, ref string) error {
	decision, err := d.Decide(ctx, ref)
	if err != nil {
		return err
	}
	if decision.Pull {
		b.Log.Printf("nothing to prepare for %s: %s", ref, decision.Reason)
		return nil
	}
	b.Log.Printf("prepare %s: %s", ref, decision.Reason)
	if ref == Node {
		_, err = node.Builder{Cache: b.Cache, Root: b.Root, Log: b.Log}.Prepare(ctx)
		return err
	}
	_, _, err = b.Build(ctx, ref, runtime.GOARCH)
	return err
}

// Source provides images to an engine and to nodes.
type Source struct {
	Builder
	Engine  *docker.Engine
	Decider image.Decider
}

// Node ensures that the engine has a node image, and returns its name and whether
// it was built here, so that it has no CNI daemon.
func (s Source) Node(ctx context.Context) (name string, built bool, err error) {
	d, err := s.decide(ctx, Node)
	if err != nil {
		return "", false, err
	}
	if d.Pull {
		return Node, false, s.pull(ctx, Node)
	}
	parts, err := node.Builder{Cache: s.Cache, Root: s.Root, Log: s.Log}.Prepare(ctx)
	if err != nil {
		return "", true, err
	}
	if s.Engine.Has(ctx, parts.Name) {
		return parts.Name, true, nil
	}
	return parts.Name, true, s.Log.Run(ctx, "load the node image", func(ctx context.Context) error {
		img, err := parts.Image(ctx)
		if err != nil {
			return err
		}
		if err := s.Engine.Load(ctx, func(w io.Writer) error { return image.WriteArchive(w, parts.Name, img) }); err != nil {
			return err
		}
		return s.forgetOthers(ctx, parts.Name)
	})
}

// forgetOthers removes node images of other inputs, unless a cluster uses them.
func (s Source) forgetOthers(ctx context.Context, name string) error {
	repository, _, _ := strings.Cut(name, ":")
	all, err := s.Engine.Output(ctx, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository)
	if err != nil {
		return err
	}
	for _, other := range strings.Fields(all) {
		if other != name {
			_, _ = s.Engine.Output(ctx, "image", "rm", other) // an image in use stays
		}
	}
	return nil
}

// Ready ensures that the engine has the image, under its name.
func (s Source) Ready(ctx context.Context, ref string) error {
	d, err := s.decide(ctx, ref)
	if err != nil {
		return err
	}
	if d.Pull {
		return s.pull(ctx, ref)
	}
	return s.Log.Run(ctx, "make "+ref, func(ctx context.Context) error {
		_, img, err := s.Build(ctx, ref, runtime.GOARCH)
		if err != nil {
			return err
		}
		return s.Engine.Load(ctx, func(w io.Writer) error { return image.WriteArchive(w, ref, img) })
	})
}

// Archive writes the image to a file in dir, and returns its path.
func (s Source) Archive(ctx context.Context, ref, dir string) (path string, err error) {
	file := strings.NewReplacer("/", "_", ":", "_").Replace(ref)
	s.Binaries = filepath.Join(dir, "binaries", file) // several images have one program
	d, err := s.decide(ctx, ref)
	if err != nil {
		return "", err
	}
	if d.Pull {
		if err := s.pull(ctx, ref); err != nil {
			return "", err
		}
	}
	path = filepath.Join(dir, file+".tar")
	archive, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("archive: %w", err)
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	if d.Pull {
		return path, s.Engine.Save(ctx, archive, ref)
	}
	return path, s.Log.Run(ctx, "make "+ref, func(ctx context.Context) error {
		_, img, err := s.Build(ctx, ref, runtime.GOARCH)
		if err != nil {
			return err
		}
		return image.WriteArchive(archive, ref, img)
	})
}

func (s Source) pull(ctx context.Context, ref string) error {
	if s.Engine.Has(ctx, ref) {
		return nil
	}
	return s.Log.Run(ctx, "pull "+ref, func(ctx context.Context) error {
		if err := s.pullPinned(ctx, ref); err != nil {
			return fmt.Errorf("%w: %w", err, ErrPull)
		}
		return nil
	})
}

// pullPinned pulls an image by its digest, if that is known, and names it.
func (s Source) pullPinned(ctx context.Context, ref string) error {
	if ref != Node {
		return s.Engine.Pull(ctx, ref)
	}
	name, _, _ := strings.Cut(ref, ":")
	pinned := name + "@" + NodeDigest
	if err := s.Engine.Pull(ctx, pinned); err != nil {
		return err
	}
	return s.Engine.Tag(ctx, pinned, ref)
}

// decide decides for published images; ours are always built, as the sources may have changed.
func (s Source) decide(ctx context.Context, ref string) (image.Decision, error) {
	if _, own := image.Own(ref); own {
		return image.Decision{}, nil
	}
	if s.Decider.Policy != image.Build && s.Engine.Has(ctx, ref) {
		s.Log.Printf("use %s: the engine has it", ref)
		return image.Decision{Pull: true}, nil
	}
	d, err := s.Decider.Decide(ctx, ref)
	if err != nil {
		return d, err
	}
	verb := "make"
	if d.Pull {
		verb = "pull"
	}
	s.Log.Printf("%s %s: %s", verb, ref, d.Reason)
	return d, nil
}
