package asset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Asset is one program in one version, and how to build it.
type Asset struct {
	// Name is the file name of the program.
	Name string
	// Version is the version number, without a leading v.
	Version string
	// Hint is how long building it may take; it is shown when that begins.
	Hint string
	// inputs is all inputs of the binary except name and version.
	inputs []string
	// override is the path of a binary of the user; empty if there is none.
	override string
	// produce writes the executable to the path dst. It reports its progress.
	produce func(ctx context.Context, dst string, p *progress) error
}

// key is equal for binaries with the same inputs.
func (a Asset) key() string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{a.Name, a.Version}, a.inputs...), "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Cache is a directory of programs:
//
//	<Dir>/<name>/<version>/<key>/<name>   the binary
//	<Dir>/<name>/<version>/<name>         a symbolic link to the latest of them
type Cache struct {
	// Dir is absolute.
	Dir string
	// Log is where progress is written; nothing is written when all programs exist.
	Log io.Writer
}

// DefaultDir is $CONTOUR_CACHE, or else contour-dev in the user's cache directory.
func DefaultDir() (string, error) {
	if dir := os.Getenv("CONTOUR_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache directory (set CONTOUR_CACHE): %w", err)
	}
	return filepath.Join(dir, "contour-dev"), nil
}

// Ensure returns the path of the program and builds it first if it does not exist.
// Any number of processes may call it at the same time: one builds, the others wait for it.
func (c Cache) Ensure(ctx context.Context, a Asset) (string, error) {
	if a.override != "" {
		return a.override, nil
	}
	dir := filepath.Join(c.Dir, a.Name, a.Version)
	path := filepath.Join(dir, a.key(), a.Name)
	if !executable(path) {
		if err := c.install(ctx, a, path); err != nil {
			return "", fmt.Errorf("%s %s: %w", a.Name, a.Version, err)
		}
	}
	if err := link(dir, a); err != nil {
		return "", fmt.Errorf("%s %s: %w", a.Name, a.Version, err)
	}
	return path, nil
}

// install builds the program beside its final path and renames it, so that
// no process sees an incomplete file.
func (c Cache) install(ctx context.Context, a Asset, path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	p := startProgress(c.Log, a)
	defer p.stop()
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if executable(path) {
		return nil
	}
	temp, err := os.MkdirTemp(dir, ".making-")
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	made := filepath.Join(temp, a.Name)
	p.report(a.Hint)
	if err := a.produce(ctx, made, p); err != nil {
		return err
	}
	if err := os.Rename(made, path); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	p.report("ready: " + path)
	return nil
}

// link points <name> in dir at the binary of this key. The link is replaced by a
// rename, so its target always exists.
func link(dir string, a Asset) error {
	target, name := filepath.Join(a.key(), a.Name), filepath.Join(dir, a.Name)
	if now, err := os.Readlink(name); err == nil && now == target {
		return nil
	}
	temp, err := os.MkdirTemp(dir, ".linking-")
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	made := filepath.Join(temp, a.Name)
	if err := os.Symlink(target, made); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	if err := os.Rename(made, name); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// lock waits until no other process works on the file's asset. The kernel
// releases the lock if the process dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	locked := make(chan error, 1)
	go func() { locked <- syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }()
	select {
	case err := <-locked:
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return func() { _ = file.Close() }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another process that makes it: %w", ctx.Err())
	}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
