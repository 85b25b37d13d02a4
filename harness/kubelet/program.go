package kubelet

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// program is the program of an image.
type program struct {
	path string // of the copy
	// libraries are the copies of its shared libraries and of its loader, by their paths on this machine, which are those in roots.
	libraries map[string]string
}

// copyPrograms copies the programs to where roots can have links to them.
func (k *Kubelet) copyPrograms() error {
	k.programs = map[string]program{}
	for image, path := range k.options.Programs {
		p := program{path: filepath.Join(k.options.Dir, "programs", filepath.Base(path)), libraries: map[string]string{}}
		if err := copyFile(path, p.path); err != nil {
			return fmt.Errorf("program of %s: %w", image, err)
		}
		libraries, err := librariesOf(path)
		if err != nil {
			return fmt.Errorf("program of %s: %w", image, err)
		}
		for _, l := range libraries {
			p.libraries[l] = filepath.Join(k.options.Dir, "libraries", l)
			if err := copyFile(l, p.libraries[l]); err != nil {
				return fmt.Errorf("library of %s: %w", image, err)
			}
		}
		k.programs[image] = p
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

// librariesOf returns the paths of the shared libraries of a program and of its loader; none if it is static.
func librariesOf(path string) ([]string, error) {
	out, err := exec.Command("ldd", path).CombinedOutput()
	if exited := (*exec.ExitError)(nil); errors.As(err, &exited) && strings.Contains(string(out), "not a dynamic executable") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ldd: %w\n%s", err, out)
	}
	var paths []string
	for _, line := range regexp.MustCompile(`(?m)(/\S+) \(0x[0-9a-f]+\)$`).FindAllStringSubmatch(string(out), -1) {
		paths = append(paths, line[1])
	}
	return paths, nil
}

// programPath is the path of the program of a container in its root.
func programPath(of corev1.Container) string { return "/bin/" + of.Name }

// install links the program of a container into its root, and makes the files that stand for its standard output.
func (k *Kubelet) install(of corev1.Container, root string) error {
	image, _, _ := strings.Cut(of.Image, ":")
	p, ok := k.programs[image]
	if !ok {
		return fmt.Errorf("there is no program for image %s", of.Image)
	}
	links := maps.Clone(p.libraries)
	links[programPath(of)] = p.path
	for to, from := range links {
		path := filepath.Join(root, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("root: %w", err)
		}
		if err := os.Link(from, path); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("program: %w", err)
		}
	}
	for _, name := range []string{"stdout", "stderr"} {
		path := filepath.Join(root, "dev", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("root: %w", err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return fmt.Errorf("root: %w", err)
		}
	}
	return nil
}
