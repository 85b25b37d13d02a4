package image

import (
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"contour.example/harness/debian"
)

// EnvoyName is the published image of the Envoy that the project is tested with.
const EnvoyName = "docker.io/envoyproxy/envoy:v1.40.0"

// LoadBalancerName is the image that cloud-provider-kind runs as a load balancer.
const LoadBalancerName = "docker.io/envoyproxy/envoy:v1.33.2"

// Envoy packs an Envoy binary with the libraries that it loads, which come from the
// Debian tree. It is at the place where the published image has it.
func Envoy(arch, binary, tree string) (v1.Image, error) {
	files, err := WithLibraries(tree, map[string]string{"/usr/local/bin/envoy": binary})
	if err != nil {
		return nil, err
	}
	files = append(files, Dir("/tmp", 0o777), Dir("/etc/envoy", 0o755))
	return Pack(Settings{Arch: arch, Entrypoint: []string{"/usr/local/bin/envoy"}}, files)
}

// LoadBalancer is Envoy as cloud-provider-kind uses it: with a shell, the tools that
// its commands call, and a home directory. There is no entrypoint.
func LoadBalancer(arch, binary, tree string) (v1.Image, error) {
	programs := map[string]string{"/usr/local/bin/envoy": binary}
	for _, tool := range []string{"bash", "cp", "mv", "chmod", "mkdir", "touch", "sleep", "cat"} {
		source, err := debian.Resolve(tree, "/bin/"+tool)
		if err != nil {
			return nil, fmt.Errorf("load balancer image: %w", err)
		}
		programs["/bin/"+tool] = source
	}
	files, err := WithLibraries(tree, programs)
	if err != nil {
		return nil, err
	}
	files = append(files, Symlink("/bin/sh", "bash"), Dir("/tmp", 0o777), Dir("/home/envoy", 0o777))
	return Pack(Settings{Arch: arch}, files)
}

// WithLibraries are programs (image path: file on this machine) and all that they load.
func WithLibraries(tree string, programs map[string]string) ([]File, error) {
	var files []File
	for path, source := range programs {
		libraries, err := debian.Libraries(tree, source)
		if err != nil {
			return nil, fmt.Errorf("image of %s: %w", filepath.Base(source), err)
		}
		files = append(files, Program(path, source))
		for path, source := range libraries {
			files = append(files, Program(path, source))
		}
	}
	return files, nil
}
