package image

import (
	"bytes"
	"cmp"
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
	// Programs are main packages as module/package, the entrypoint first. If there is a Module, they are import paths of
	// packages that this module, as its directory in this repository, requires.
	Programs []string
	Module   string
	// Version is what the programs call their version, and Toolchain the version of Go; empty is that which Go finds.
	Version, Toolchain string
}

// Contour is the image of the controller; it also has the bootstrap program.
func Contour() Static {
	return Static{Name: ContourName, Programs: []string{"contour/cmd/contour", "envoybootstrap/cmd/envoybootstrap"}}
}

// Echo is the image of the sample application.
func Echo() Static { return Static{Name: EchoName, Programs: []string{"harness/cmd/echo"}} }

// Addresses is the image of the program that assigns addresses to Services in kind clusters.
func Addresses() Static {
	return Static{Name: AddressesName, Programs: []string{"harness/cmd/addresses"}}
}

// GatewaySuite is the images of the pods that the conformance suite of the Gateway API creates, by their names in its manifests. One program of the
// suite serves all three versions of its backend; the DNS server is one of this repository, since the suite needs no more than answers.
func GatewaySuite() []Static {
	images := []Static{{Name: "registry.k8s.io/coredns/coredns:v1.12.2", Programs: []string{gatewayModule + "/cmd/dns"}}}
	for _, version := range []string{"v1.5.1", "v1.6.0-dev.2", "v1.6.0-dev.3"} {
		images = append(images, Static{
			Name:   "registry.k8s.io/gateway-api/echo-basic:" + version,
			Module: gatewayModule, Programs: []string{"sigs.k8s.io/gateway-api/conformance/echo-basic"},
		})
	}
	return images
}

// gatewayModule is the module that requires the conformance suite of the Gateway API.
const gatewayModule = "conformance/gatewayapi"

// Published returns one of the images that a registry has and that can be built too, by its name.
func Published(name string) (s Static, ok bool) {
	for _, s := range GatewaySuite() {
		if s.Name == name {
			return s, true
		}
	}
	return Static{}, false
}

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
	build := GoBuild{System: "linux", Arch: arch, Version: s.Version, Toolchain: s.Toolchain, Commit: s.Module == "" && HasCommit(ctx, root)}
	var files []File
	for _, program := range s.Programs {
		binary := filepath.Join(dir, arch, path.Base(program))
		build.Dir = filepath.Join(root, filepath.FromSlash(program))
		if s.Module != "" {
			build.Dir, build.Package = filepath.Join(root, filepath.FromSlash(s.Module)), program
		}
		if err := build.To(ctx, binary); err != nil {
			return nil, err
		}
		files = append(files, Program("/usr/local/bin/"+path.Base(program), binary))
	}
	return Pack(Settings{
		Arch: arch, User: Nonroot, Entrypoint: []string{"/usr/local/bin/" + path.Base(s.Programs[0])},
	}, files)
}

// HasCommit reports whether git reports the commit of the sources. It does not in an
// unpacked archive, nor in a checkout of another user; go build would fail.
func HasCommit(ctx context.Context, root string) bool {
	return exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "HEAD").Run() == nil
}

// Compile builds the main package in the directory pkg for Linux, as GoBuild does.
func Compile(ctx context.Context, pkg, binary, arch string) error {
	return GoBuild{Dir: pkg, System: "linux", Arch: arch}.To(ctx, binary)
}

// GoBuild is how a program is built: static, without paths or settings of this machine, and with the versions of its own module, not of a
// workspace.
type GoBuild struct {
	// Dir is the directory of the main package. If there is a Package, an import path, it is a directory of the module that requires it.
	Dir, Package string
	// System is a GOOS, Arch a GOARCH.
	System, Arch string
	// Version is what contour calls its version, and Toolchain the version of Go; empty is that which Go finds.
	Version, Toolchain string
	// Commit makes the commit of the sources part of the program.
	Commit bool
}

// To writes the program to the file binary.
func (b GoBuild) To(ctx context.Context, binary string) error {
	link := "-s -w -buildid="
	if b.Version != "" {
		link += " -X contour.example/contour/internal/app.stampedVersion=" + b.Version
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs="+strconv.FormatBool(b.Commit), "-ldflags="+link, "-o", binary, cmp.Or(b.Package, "."))
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS="+b.System, "GOARCH="+b.Arch,
		"GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0") // were they empty, those of "go env -w" would count
	if b.Toolchain != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+b.Toolchain)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s for %s/%s: %w\n%s", path.Base(cmp.Or(b.Package, b.Dir)), b.System, b.Arch, err, bytes.TrimSpace(out))
	}
	return nil
}
