package debian

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// libraryDirs are where Debian has libraries, relative to the tree. The dynamic
// linker knows them without a configuration.
func libraryDirs() []string {
	return []string{
		"usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib",
		"lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib",
	}
}

// Libraries returns everything that the ELF files load, including the dynamic linker:
// keys are absolute paths in an image, values the files below tree to copy there.
// The files themselves are not in it, and need not be of the tree.
func Libraries(tree string, files ...string) (map[string]string, error) {
	found := map[string]string{}
	for todo := slices.Clone(files); len(todo) > 0; todo = todo[1:] {
		needed, linker, err := loads(todo[0])
		if err != nil {
			return nil, fmt.Errorf("libraries of %s: %w", filepath.Base(todo[0]), err)
		}
		if linker != "" {
			needed = append(needed, linker)
		}
		for _, name := range needed {
			path, file, err := library(tree, name)
			if err != nil {
				return nil, fmt.Errorf("libraries of %s: %w", filepath.Base(todo[0]), err)
			}
			if found[path] == "" {
				found[path] = file
				todo = append(todo, file)
			}
		}
	}
	return found, nil
}

// loads returns the names of the libraries in the file's dynamic section, and the path of its linker.
func loads(file string) (needed []string, linker string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = f.Close() }()
	if needed, err = f.ImportedLibraries(); err != nil {
		return nil, "", err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		text := make([]byte, p.Filesz)
		if _, err := p.ReadAt(text, 0); err != nil {
			return nil, "", err
		}
		linker = strings.TrimRight(string(text), "\x00")
	}
	return needed, linker, nil
}

// library finds a library by name, or the linker by its absolute path.
func library(tree, name string) (path, file string, err error) {
	if filepath.IsAbs(name) {
		file, err := Resolve(tree, name)
		return name, file, err
	}
	for _, dir := range libraryDirs() {
		path := "/" + dir + "/" + name
		file, err := Resolve(tree, path)
		if err == nil {
			return path, file, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", "", err
		}
	}
	return "", "", fmt.Errorf("%s: %w", name, os.ErrNotExist)
}

// maxLinks is as many symbolic links as Linux follows for one path.
const maxLinks = 40

// Resolve follows the symbolic links of an absolute path as if tree were the root
// directory, and returns the path of the file on this machine.
func Resolve(tree, path string) (string, error) {
	rest, at := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/"), "/"
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(filepath.Join(tree, next))
		if err != nil {
			return "", err
		}
		rest = rest[1:]
		if info.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many symbolic links", path)
		}
		target, err := os.Readlink(filepath.Join(tree, next))
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"), rest...)
	}
	return filepath.Join(tree, at), nil
}
