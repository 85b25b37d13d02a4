package certs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Existing specifies what to do about a file or Secret that already exists. The
// parts of two Bundles do not work together, so it is always all or nothing.
type Existing int

const (
	// Keep changes nothing if any part exists.
	Keep Existing = iota
	// Replace overwrites all parts.
	Replace
)

const caFile = "cacert.pem"

// file is one file to write, by its name in the directory.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

// WritePEM writes the Bundle as cacert.pem, contourcert.pem, contourkey.pem,
// envoycert.pem and envoykey.pem, envoycert-FLEET.pem and envoykey-FLEET.pem for each
// fleet, and fleetca.pem and fleetcakey.pem for the Authority, into dir, which is created if necessary. Keys are readable by their owner
// only. Errors: with Keep, fs.ErrExist before anything is
// written; else those of the file system.
func (b *Bundle) WritePEM(dir string, existing Existing) error {
	files := []file{
		{caFile, 0o644, b.CA},
		{"contourcert.pem", 0o644, b.Contour.Cert},
		{"contourkey.pem", 0o600, b.Contour.Key},
		{"envoycert.pem", 0o644, b.Envoy.Cert},
		{"envoykey.pem", 0o600, b.Envoy.Key},
	}
	if b.Authority != nil {
		files = append(files, file{"fleetca.pem", 0o644, b.Authority.Cert}, file{"fleetcakey.pem", 0o600, b.Authority.Key})
	}
	for _, f := range b.Fleets {
		files = append(files, file{"envoycert-" + f.Fleet + ".pem", 0o644, f.Cert}, file{"envoykey-" + f.Fleet + ".pem", 0o600, f.Key})
	}
	return writeAll(dir, existing, files)
}

// WriteYAML writes each Secret as <name>.yaml into dir, for kubectl apply. Errors as with WritePEM.
func WriteYAML(dir string, existing Existing, secrets []*corev1.Secret) error {
	files := make([]file, 0, len(secrets))
	for _, s := range secrets {
		content, err := yaml.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode Secret %s: %w", s.Name, err)
		}
		files = append(files, file{s.Name + ".yaml", 0o600, content})
	}
	return writeAll(dir, existing, files)
}

func writeAll(dir string, existing Existing, files []file) error {
	if existing == Keep {
		if err := noneExists(dir, files); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("output directory: %w", err)
	}
	for _, f := range files {
		if err := write(dir, f); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return nil
}

func noneExists(dir string, files []file) error {
	var errs []error
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		switch _, err := os.Lstat(path); {
		case err == nil:
			errs = append(errs, fmt.Errorf("%s: %w", path, fs.ErrExist))
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// write replaces the file in one step; a key is at no time readable by others.
func write(dir string, f file) error {
	temp, err := os.CreateTemp(dir, "."+f.name+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(f.content)
	if err == nil {
		err = temp.Chmod(f.mode)
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), filepath.Join(dir, f.name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
