package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Nonroot is the user of images that need no privileges.
const Nonroot = "65532:65532"

// searchPath is $PATH of every image.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Settings are the OCI configuration of an image.
type Settings struct {
	// Arch is a GOARCH; the system is Linux.
	Arch string
	// Entrypoint is the program and its first arguments; nil for none.
	Entrypoint []string
	// User is as in the OCI configuration, "uid:gid"; empty is root.
	User string
	// Env is added to the environment, as k=v.
	Env    []string
	Labels map[string]string
}

// Pack makes an image of one compressed layer.
func Pack(s Settings, files []File) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(WriteTar(w, files)) }()
		return r, nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	return Assemble(s, layer)
}

// Assemble makes an image of layers, the lowest first.
func Assemble(s Settings, layers ...v1.Layer) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layers...)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", s.Arch
	config.Config = v1.Config{
		Entrypoint: s.Entrypoint, User: s.User, Labels: s.Labels, Env: append([]string{searchPath}, s.Env...),
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	return img, nil
}

// WriteArchive writes the image, with its name, as engines load it and nodes import it.
func WriteArchive(w io.Writer, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return fmt.Errorf("image name: %w", err)
	}
	if err := tarball.Write(tag, img, w); err != nil {
		return fmt.Errorf("image archive of %s: %w", ref, err)
	}
	return nil
}

// WriteLayout writes one image of several architectures to the directory dir, as an
// OCI layout. Its digest is returned: that of the index.
func WriteLayout(dir, ref string, images ...v1.Image) (v1.Hash, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		config, err := img.ConfigFile()
		if err != nil {
			return v1.Hash{}, fmt.Errorf("layout of %s: %w", ref, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture}},
		})
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("layout of %s: %w", ref, err)
	}
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref})
	if err := path.AppendIndex(index, named); err != nil {
		return v1.Hash{}, fmt.Errorf("layout of %s: %w", ref, err)
	}
	return index.Digest()
}

// tarFile is a layer that is an uncompressed file on disk: for images
// that never leave this machine.
type tarFile struct {
	path string
	hash v1.Hash
	size int64
}

// Stored writes the files to path, uncompressed, and returns the layer that the file is.
func Stored(ctx context.Context, path string, files []File) (layer v1.Layer, err error) {
	out, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := WriteTar(untilDone{ctx, out}, files); err != nil {
		return nil, err
	}
	return Opened(path)
}

// Opened returns the layer in an uncompressed tar file.
func Opened(path string) (v1.Layer, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	defer func() { _ = in.Close() }()
	sum := sha256.New()
	size, err := io.Copy(sum, in)
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	return tarFile{path, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}, size}, nil
}

// Digest is the same as DiffID, as nothing is compressed.
func (l tarFile) Digest() (v1.Hash, error) { return l.hash, nil }

// DiffID is the hash of the tar file.
func (l tarFile) DiffID() (v1.Hash, error) { return l.hash, nil }

// Compressed is the tar file.
func (l tarFile) Compressed() (io.ReadCloser, error) { return os.Open(l.path) }

// Uncompressed is the tar file.
func (l tarFile) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }

// Size is in bytes.
func (l tarFile) Size() (int64, error) { return l.size, nil }

// MediaType is that of an uncompressed layer.
func (l tarFile) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }

// untilDone is a writer that ends with its context.
type untilDone struct {
	ctx context.Context
	w   io.Writer
}

// Write fails once the context is done.
func (u untilDone) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}
