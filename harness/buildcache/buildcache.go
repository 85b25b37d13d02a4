// Package buildcache is a build cache in the user's cache directory for files that take long to make.
//
// It takes an Item: its name, all its inputs, and how to make it. It
// returns the path of the file or directory. An item of the same inputs is made once,
// by one process at a time; a failure leaves nothing. Of each name only the newest is
// kept, because these are large. The programs of tools/cmd/assets are in the same directory.
package buildcache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Item is a file or directory that can be made from its inputs.
type Item struct {
	// Name is a file name.
	Name string
	// Inputs are everything that the content depends on.
	Inputs []string
	// Make writes the file or directory dst, which does not exist yet.
	Make func(ctx context.Context, dst string) error
}

// Key is equal for items that are made of the same things: 16 hexadecimal digits.
func (i Item) Key() string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{i.Name}, i.Inputs...), "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Dir is $CONTOUR_CACHE, or else contour-dev in the user's cache directory.
func Dir() (string, error) {
	if dir := os.Getenv("CONTOUR_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache directory (set CONTOUR_CACHE): %w", err)
	}
	return filepath.Join(dir, "contour-dev"), nil
}

// Ensure returns the path of the item below dir, and makes it first if it does not exist.
func Ensure(ctx context.Context, dir string, i Item) (string, error) {
	home := filepath.Join(dir, i.Name)
	path := filepath.Join(home, i.Key(), i.Name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("cache: %w", err)
	}
	unlock, err := lock(ctx, home+".lock")
	if err != nil {
		return "", fmt.Errorf("cache of %s: %w", i.Name, err)
	}
	defer unlock()
	if _, err := os.Lstat(path); err == nil {
		return path, nil
	}
	if err := i.install(ctx, home, path); err != nil {
		return "", fmt.Errorf("make %s: %w", i.Name, err)
	}
	return path, prune(home, i.Key())
}

func (i Item) install(ctx context.Context, home, path string) (err error) {
	temp, err := os.MkdirTemp(home, ".making-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	made := filepath.Join(temp, i.Name)
	if err := i.Make(ctx, made); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(made, path)
}

// prune removes what was made of other inputs.
func prune(home, key string) error {
	entries, err := os.ReadDir(home)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.Name() != key {
			errs = append(errs, os.RemoveAll(filepath.Join(home, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// lock waits until no other process works on the item. The kernel releases the lock if the process dies.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another process that makes it: %w", ctx.Err()), file.Close())
		}
	}
}
