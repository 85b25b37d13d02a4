// Package file follows one file while somebody replaces it: an editor, or the kubelet, which swaps a link to a
// directory when a mounted ConfigMap changes.
//
// In goes a path; out comes the text of the file whenever it is another one. It must not know what is in the file.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxBytes is how much of a file is read.
const maxBytes = 1<<20 + 1

// Whoever writes a file does so in several steps. A burst of events is over when nothing happened for the quiet time,
// and is cut off after the longest time.
const (
	quiet   = 50 * time.Millisecond
	longest = time.Second
)

// Read is the text of a file, up to a megabyte and a byte.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(io.LimitReader(f, maxBytes))
}

// Watch calls f with the text of the file whenever it differs from the last text, the first of which is given; with an
// error, and no text, when the file cannot be read any more. It returns when the context ends, or with an error if files
// cannot be watched.
func Watch(ctx context.Context, path string, last []byte, f func(text []byte, err error)) error {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch file: %w", err)
	}
	defer events.Close() //nolint:errcheck // nothing was written
	w := &watcher{path: path, events: events, watched: map[string]os.FileInfo{}, last: last, report: f}
	for {
		grew, err := w.follow()
		if err == nil {
			err = w.wait(ctx, grew)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("watch file: %w", err)
		}
		w.read()
	}
}

// watcher follows one file.
type watcher struct {
	path    string
	events  *fsnotify.Watcher
	watched map[string]os.FileInfo // directories, by path
	last    []byte
	failure string // that was reported last
	report  func(text []byte, err error)
}

// directories is where one sees that the file is another one: where each link on the way to it stands.
func (w *watcher) directories() []string {
	const links = 10
	var out []string
	at := w.path
	for range links {
		directory := filepath.Dir(at)
		out = append(out, existing(directory)...)
		target, err := os.Readlink(at)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(directory, target)
		}
		at = target
	}
	return out
}

// existing is a directory and where it really is; the one above it while it does not exist.
func existing(directory string) []string {
	for {
		resolved, err := filepath.EvalSymlinks(directory)
		if above := filepath.Dir(directory); err != nil && above != directory {
			directory = above
			continue
		}
		return []string{directory, resolved}
	}
}

// follow watches the directories, and no others, and reports whether any of them is new.
func (w *watcher) follow() (grew bool, err error) {
	wanted := map[string]os.FileInfo{}
	for _, d := range w.directories() {
		if info, err := os.Stat(d); err == nil {
			wanted[d] = info
		}
	}
	for d, info := range w.watched {
		if wanted[d] == nil || !os.SameFile(wanted[d], info) {
			_ = w.events.Remove(d) // it has removed itself if the directory is gone
			delete(w.watched, d)
		}
	}
	for d, info := range wanted {
		if w.watched[d] != nil {
			continue
		}
		if err := w.events.Add(d); err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		w.watched[d], grew = info, true
	}
	return grew, nil
}

// read reports what is new.
func (w *watcher) read() {
	text, err := Read(w.path)
	switch {
	case err != nil && err.Error() != w.failure:
		w.failure = err.Error()
		w.report(nil, err)
	case err == nil && (w.failure != "" || !bytes.Equal(text, w.last)):
		w.failure, w.last = "", text
		w.report(text, nil)
	}
}

// wait returns when a burst of events is over. One may be under way already: what is watched only now may have changed
// before.
func (w *watcher) wait(ctx context.Context, begun bool) error {
	var over, end <-chan time.Time
	if begun {
		over, end = time.After(quiet), time.After(longest)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return nil
		case <-end:
			return nil
		case err, ok := <-w.events.Errors:
			if !ok || !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
		case _, ok := <-w.events.Events:
			if !ok {
				return fsnotify.ErrClosed
			}
		}
		over = time.After(quiet)
		if end == nil {
			end = time.After(longest)
		}
	}
}
