package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Files are written in several steps. A burst of events ends when no event occurs for the quiet time, or after the
// longest time.
const (
	quiet   = 50 * time.Millisecond
	longest = time.Second
)

// Watched are the paths to watch.
type Watched struct {
	Paths []string // files and directories; "-" is Stdin, which is read once
	Stdin io.Reader
	Log   *slog.Logger
}

// Watch reads files and directories and calls f with their contents, and again after every change, until the context ends. It
// returns an error if one of them cannot be read at first, or can no longer be watched. Calls of f do not overlap. If
// one is removed, all objects remain in use until it exists again.
func Watch(ctx context.Context, o Watched, f func(Batch)) error {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch directory: %w", err)
	}
	defer func() { _ = events.Close() }()
	w, err := newWatcher(o, events)
	if err != nil {
		return err
	}
	if _, err := w.read(nil); err != nil {
		return err
	}
	f(w.dir.batch())
	for {
		d, err := w.wait(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("watch directory: %w", err)
		}
		changed, err := w.read(d)
		if err != nil {
			changed = w.setUnreadable(err)
		}
		if changed {
			f(w.dir.batch())
		}
	}
}

// watcher keeps a directory up to date.
type watcher struct {
	dir     *directory
	roots   []string // as in the events of their parents
	events  *fsnotify.Watcher
	watched map[string]fs.FileInfo // by real path
	log     *slog.Logger
}

func newWatcher(o Watched, events *fsnotify.Watcher) (*watcher, error) {
	d, err := newDirectory(o.Stdin, o.Paths...)
	if err != nil {
		return nil, err
	}
	w := &watcher{dir: d, events: events, watched: map[string]fs.FileInfo{}, log: o.Log}
	for _, root := range d.roots {
		absolute, err := filepath.Abs(root)
		if err != nil {
			return nil, fmt.Errorf("read directory: %w", err)
		}
		parent, err := resolve(filepath.Dir(absolute))
		if err != nil {
			return nil, fmt.Errorf("read directory: %w", err)
		}
		w.roots = append(w.roots, filepath.Join(parent, filepath.Base(absolute)))
	}
	return w, nil
}

// dirty contains the paths of events.
type dirty struct {
	all   bool // events were lost
	paths map[string]bool
}

func (d *dirty) file(f stamped) bool { return d.all || d.paths[f.path] || d.paths[f.real] }

// read updates the directory and watches it. A directory that is newly watched may have changed while it was read, so
// that it is read again.
func (w *watcher) read(d *dirty) (changed bool, err error) {
	var isDirty func(stamped) bool
	if d != nil {
		isDirty = d.file
	}
	for {
		more, err := w.dir.refresh(isDirty)
		changed = changed || more
		if err != nil || !w.follow() {
			return changed, err
		}
	}
}

// follow watches exactly the directories of the listing, and the parents of the roots, which have the events of a replaced
// root. It reports whether any of them is new.
func (w *watcher) follow() bool {
	wanted := slices.Clone(w.dir.watch)
	for _, root := range w.roots {
		wanted = append(wanted, filepath.Dir(root))
	}
	for path := range w.watched {
		if !slices.Contains(wanted, path) {
			_ = w.events.Remove(path) // it has removed itself if the directory is gone
			delete(w.watched, path)
		}
	}
	grew := false
	for _, path := range wanted {
		grew = w.watch(path) || grew
	}
	return grew
}

// watch watches a directory, or the one that replaced it, and reports whether it is new.
func (w *watcher) watch(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false // its parent has an event when it is created again
	}
	if former := w.watched[path]; former != nil {
		if os.SameFile(former, info) && slices.Contains(w.events.WatchList(), path) {
			return false
		}
		_ = w.events.Remove(path)
	}
	if err := w.events.Add(path); err != nil {
		w.log.Warn("cannot watch directory", "path", path, "error", err)
		return false
	}
	w.watched[path] = info
	return true
}

// wait returns the paths of a burst of events when it ends.
func (w *watcher) wait(ctx context.Context) (*dirty, error) {
	d := &dirty{paths: map[string]bool{}}
	var over, end <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-over:
			return d, nil
		case <-end:
			return d, nil
		case err, ok := <-w.events.Errors:
			if !ok || !errors.Is(err, fsnotify.ErrEventOverflow) {
				return nil, err
			}
			d.all = true
		case e, ok := <-w.events.Events:
			switch {
			case !ok:
				return nil, fsnotify.ErrClosed
			case w.foreign(e.Name):
				continue
			}
			d.paths[e.Name] = true
		}
		over = time.After(quiet)
		if end == nil {
			end = time.After(longest)
		}
	}
}

// foreign reports whether a path is a sibling of a root, and nothing else.
func (w *watcher) foreign(path string) bool {
	home := filepath.Dir(path)
	sibling := slices.ContainsFunc(w.roots, func(root string) bool { return filepath.Dir(root) == home })
	return sibling && !slices.Contains(w.roots, path) && !slices.Contains(w.dir.watch, home)
}

// setUnreadable records that the directory cannot be read, and reports whether that is new.
func (w *watcher) setUnreadable(err error) bool {
	p := []Problem{{File: w.unreadable(), Message: fmt.Sprintf("The directory cannot be read: %s. Its objects remain in use.", cause(err))}}
	changed := !slices.Equal(w.dir.problems, p)
	w.dir.problems = p
	return changed
}

// unreadable returns the first root that cannot be read.
func (w *watcher) unreadable() string {
	for _, root := range w.dir.roots {
		if _, err := os.Stat(root); err != nil {
			return root
		}
	}
	return w.dir.roots[0]
}
