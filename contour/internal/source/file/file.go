// Package file watches one file, which an editor may replace, or the kubelet, which replaces a link to a directory when a
// mounted ConfigMap changes.
//
// Its input is a path; its output is the text of the file after each change. The package does not interpret the text.
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

// maxBytes is the maximum number of bytes that Read returns.
const maxBytes = 1<<20 + 1

// A file is written in several steps. A burst of events ends when no event occurs for the quiet time, or after the longest
// time.
const (
	quiet   = 50 * time.Millisecond
	longest = time.Second
)

// Read returns the text of a file, at most one mebibyte and one byte.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(io.LimitReader(f, maxBytes))
}

// Watch calls f with the text of the file when it differs from the last text, initially last; with an error when the file
// can no longer be read. It returns when the context ends, or with an error if files cannot be watched.
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

// watcher watches one file.
type watcher struct {
	path    string
	events  *fsnotify.Watcher
	watched map[string]os.FileInfo // directories, by path
	last    []byte
	failure string // the one reported last
	report  func(text []byte, err error)
}

// directories returns the directories whose events may concern the file: those of each link to it, and of the file itself.
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

// existing returns a directory and its path without links; the nearest existing parent if it does not exist.
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

// follow watches exactly these directories, and reports whether any of them is new.
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

// read reads the file and reports a change.
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

// wait returns when a burst of events ends. started is true if a burst may have started: a directory that is newly watched
// may have changed before.
func (w *watcher) wait(ctx context.Context, started bool) error {
	var over, end <-chan time.Time
	if started {
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
