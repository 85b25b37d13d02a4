package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// File is one entry of an image.
type File struct {
	// Path is where it is in the image, absolute, with slashes.
	Path string
	// Mode has the type (regular, directory or symbolic link) and the permissions.
	Mode fs.FileMode
	// Source is the file on this machine that has the content; empty for Content.
	Source  string
	Content []byte
	// Link is the target of a symbolic link.
	Link string
	// UID and GID own it.
	UID, GID int
}

// Program is an executable file of this machine.
func Program(path, source string) File { return File{Path: path, Mode: 0o755, Source: source} }

// Text is a file with the given content, readable for everybody.
func Text(path string, content []byte) File { return File{Path: path, Mode: 0o644, Content: content} }

// Dir is a directory. Directories above files need not be named.
func Dir(path string, mode fs.FileMode) File { return File{Path: path, Mode: fs.ModeDir | mode} }

// Symlink is a symbolic link to target.
func Symlink(path, target string) File {
	return File{Path: path, Mode: fs.ModeSymlink | 0o777, Link: target}
}

// Walk returns the files below the directory root for which keep returns true; keep gets
// paths in the image and is not called for files below a directory that it rejected.
// Devices, sockets and pipes are left out.
func Walk(root string, keep func(path string) bool) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(source string, d fs.DirEntry, err error) error {
		if err != nil || source == root {
			return err
		}
		name := "/" + filepath.ToSlash(strings.TrimPrefix(source, strings.TrimSuffix(root, "/")+"/"))
		if !keep(name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		f, ok, err := fromDisk(name, source, d)
		if ok {
			files = append(files, f)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("files of an image: %w", err)
	}
	return files, nil
}

func fromDisk(name, source string, d fs.DirEntry) (f File, ok bool, err error) {
	info, err := d.Info()
	if err != nil {
		return File{}, false, err
	}
	f = File{Path: name, Mode: info.Mode()}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = int(owner.Uid), int(owner.Gid)
	}
	switch info.Mode().Type() {
	case 0:
		f.Source = source
	case fs.ModeDir:
	case fs.ModeSymlink:
		f.Link, err = os.Readlink(source)
	default:
		return File{}, false, nil
	}
	return f, err == nil, err
}

// WriteTar writes the files, and the directories above them, as a tar archive that
// is the same for the same files in any order. All times are 1970.
func WriteTar(w io.Writer, files []File) error {
	all, err := complete(files)
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, f := range all {
		if err := f.write(out); err != nil {
			return fmt.Errorf("layer: %s: %w", f.Path, err)
		}
	}
	return out.Close()
}

// complete adds the parents and sorts. Of two files of one path the latter counts.
func complete(files []File) ([]File, error) {
	byPath := make(map[string]File, len(files))
	for _, f := range files {
		f.Path = path.Clean(f.Path)
		if !path.IsAbs(f.Path) || f.Path == "/" {
			return nil, fmt.Errorf("layer: %q is no absolute path of a file", f.Path)
		}
		byPath[f.Path] = f
	}
	for _, f := range files {
		for dir := path.Dir(path.Clean(f.Path)); dir != "/"; dir = path.Dir(dir) {
			if _, ok := byPath[dir]; !ok {
				byPath[dir] = Dir(dir, 0o755)
			}
		}
	}
	sorted := make([]File, 0, len(byPath))
	for _, name := range slices.Sorted(maps.Keys(byPath)) {
		sorted = append(sorted, byPath[name])
	}
	return sorted, nil
}

func (f File) write(out *tar.Writer) (err error) {
	header, err := f.header()
	if err != nil {
		return err
	}
	if f.Source == "" {
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		_, err := io.Copy(out, bytes.NewReader(f.Content))
		return err
	}
	in, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	header.Size = info.Size()
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}

func (f File) header() (*tar.Header, error) {
	h := &tar.Header{
		Name: strings.TrimPrefix(f.Path, "/"), Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID,
		ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
	}
	for bit, value := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if f.Mode&bit != 0 {
			h.Mode |= value
		}
	}
	switch f.Mode.Type() {
	case 0:
		h.Typeflag, h.Size = tar.TypeReg, int64(len(f.Content))
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case fs.ModeSymlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
	default:
		return nil, fmt.Errorf("neither file, directory nor symbolic link: %s", f.Mode)
	}
	return h, nil
}
