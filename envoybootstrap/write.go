package envoybootstrap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	fileMode = 0o644 // no secrets: certificates and keys are referenced, not contained
	dirMode  = 0o755
)

// file is one file to write.
type file struct {
	path     string // absolute
	document object
}

// Write writes the bootstrap to path, and with TLS the SDS files that it references
// under c.ResourcesDir, which is the directory of path if empty. The bootstrap
// is written last and each file is replaced atomically, so an Envoy that finds it
// finds all files. Existing files are replaced.
//
// Errors: what Validate returns, before anything is written; else those of the file system.
func Write(path string, c Config) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("bootstrap path: %w", err)
	}
	files, err := files(absolute, c)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := writeFile(f); err != nil {
			return err
		}
	}
	return nil
}

// files is all files of a Config, in the order of writing; path is absolute and the last.
func files(path string, c Config) ([]file, error) {
	if c.ResourcesDir == "" {
		c.ResourcesDir = filepath.Dir(path)
	}
	document, err := bootstrap(c)
	if err != nil {
		return nil, err
	}
	var all []file
	if c.TLS.enabled() {
		all = append(all, file{certFile(c), certSDS(c.TLS)}, file{caFile(c), caSDS(c.TLS)})
	}
	return append(all, file{path, document}), nil
}

// writeFile replaces a file atomically: a reader, or a machine that loses power, sees the old one or the new one.
func writeFile(f file) (err error) {
	content, err := encode(f.document)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("directory of %s: %w", filepath.Base(f.path), err)
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(f.path)+".*")
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	if err := fill(temp, content); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.path, err), os.Remove(temp.Name()))
	}
	if err := os.Rename(temp.Name(), f.path); err != nil {
		return errors.Join(fmt.Errorf("replace: %w", err), os.Remove(temp.Name()))
	}
	return syncDir(dir)
}

// fill writes, syncs and closes; the file is closed in any case.
func fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Chmod(fileMode)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename in that directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
