package release

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"contour.example/harness/image"
)

// programs writes <program>-<version>-<system>-<architecture>.tar.gz, and beside it a CycloneDX list of the modules in the program.
func (r Release) programs(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return fmt.Errorf("programs: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, program := range r.Programs {
		for _, system := range []string{"linux", "darwin"} { // as GOOS
			for _, arch := range r.Arches {
				if err := r.program(ctx, dir, program, system, arch); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r Release) program(ctx context.Context, dir, program, system, arch string) error {
	command := path.Base(program)
	binary := filepath.Join(dir, system, arch, command)
	build := image.GoBuild{Dir: filepath.Join(r.Root, filepath.FromSlash(program)), System: system, Arch: arch, Version: r.Version, Toolchain: r.toolchain, Commit: image.HasCommit(ctx, r.Root)}
	if err := build.To(ctx, binary); err != nil {
		return err
	}
	files := []image.File{image.Program("/"+command, binary)}
	for _, name := range []string{"LICENSE", "CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join(r.Root, name))
		if err != nil {
			return fmt.Errorf("programs: %w", err)
		}
		files = append(files, image.Text("/"+name, text))
	}
	base := fmt.Sprintf("%s-%s-%s-%s", command, r.Version, system, arch)
	if err := r.archive(base+".tar.gz", files); err != nil {
		return err
	}
	return r.modules(ctx, base+".cdx.json", binary)
}

// archive writes a compressed tar file without times and users.
func (r Release) archive(file string, files []image.File) (err error) {
	f, err := os.Create(filepath.Join(r.Dir, file))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	zip := gzip.NewWriter(f)
	defer func() { err = errors.Join(err, zip.Close(), f.Close()) }()
	return image.WriteTar(zip, files)
}

// modules writes the software bill of materials of a program, by the command that tools/sbom pins.
func (r Release) modules(ctx context.Context, file, binary string) error {
	var list, diagnosis bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "tool", "cyclonedx-gomod", "bin", "-json", "-noserial", "-notimestamp", "-version", r.Version, binary)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Join(r.Root, "tools", "sbom"), &list, &diagnosis
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("modules of %s: %w\n%s", filepath.Base(binary), err, &diagnosis)
	}
	if list.Len() == 0 {
		return fmt.Errorf("modules of %s: %w", filepath.Base(binary), io.ErrUnexpectedEOF)
	}
	return r.write(file, list.Bytes())
}
