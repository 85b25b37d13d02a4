package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Names of the images that this repository makes, as manifests and tests write them.
const (
	ContourName   = "contour.example/contour:dev"
	EchoName      = "contour.example/echo:dev"
	AddressesName = "contour.example/addresses:dev"
)

// Static is an image of programs of this repository: static binaries and nothing else.
type Static struct {
	// Name is the image's name with its tag.
	Name string
	// Programs are main packages as module/package, the entrypoint first.
	Programs []string
}

// Contour is the image of the controller; it also has the bootstrap program.
func Contour() Static {
	return Static{ContourName, []string{"contour/cmd/contour", "envoybootstrap/cmd/envoybootstrap"}}
}

// Echo is the image of the sample application.
func Echo() Static { return Static{EchoName, []string{"harness/cmd/echo"}} }

// Addresses is the image of the program that assigns addresses to Services in kind clusters.
func Addresses() Static { return Static{AddressesName, []string{"harness/cmd/addresses"}} }

// Own returns one of the images that are always built from this repository, by its name.
func Own(name string) (s Static, ok bool) {
	for _, s := range []Static{Contour(), Echo(), Addresses()} {
		if s.Name == name {
			return s, true
		}
	}
	return Static{}, false
}

// Image builds the programs for an architecture (a GOARCH) and packs them. root is
// the repository's root, dir a directory for the binaries. If git reports the
// commit, it is part of the programs: their image depends on it too.
func (s Static) Image(ctx context.Context, root, dir, arch string) (v1.Image, error) {
	stamp := "-buildvcs=" + strconv.FormatBool(hasCommit(ctx, root))
	var files []File
	for _, program := range s.Programs {
		binary := filepath.Join(dir, arch, path.Base(program))
		if err := compile(ctx, filepath.Join(root, filepath.FromSlash(program)), binary, arch, stamp); err != nil {
			return nil, err
		}
		files = append(files, Program("/usr/local/bin/"+path.Base(program), binary))
	}
	return Pack(Settings{
		Arch: arch, User: Nonroot, Entrypoint: []string{"/usr/local/bin/" + path.Base(s.Programs[0])},
	}, files)
}

// hasCommit reports whether git reports the commit of the sources. It does not in an
// unpacked archive, nor in a checkout of another user; go build would fail.
func hasCommit(ctx context.Context, root string) bool {
	return exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "HEAD").Run() == nil
}

// Compile builds the main package in the directory pkg: static, without paths or
// settings of this machine, and with the versions of its own module, not of a workspace.
func Compile(ctx context.Context, pkg, binary, arch string) error {
	return compile(ctx, pkg, binary, arch, "-buildvcs=false")
}

func compile(ctx context.Context, pkg, binary, arch, stamp string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", stamp, "-ldflags=-s -w -buildid=", "-o", binary, ".")
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch,
		"GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0") // were they empty, those of "go env -w" would count
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s for %s: %w\n%s", filepath.Base(pkg), arch, err, bytes.TrimSpace(out))
	}
	return nil
}
