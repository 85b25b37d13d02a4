package dir

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// directory is the state of directories and files.
type directory struct {
	roots    []string
	stdin    *file            // nil: it is not read
	files    map[string]*file // by path
	problems []Problem        // of the directories themselves
	watch    []string         // real paths of the directories to watch

	lastValid map[kobj.Key][]store.Change // by key as written: the objects of the last valid version
	published map[kobj.Key]store.Change
}

// stdinPath is the path that stands for standard input.
const stdinPath = "-"

// newDirectory returns the state of the paths, with standard input if one of them stands for it, and nothing of the others yet.
func newDirectory(stdin io.Reader, paths ...string) (*directory, error) {
	d := &directory{files: map[string]*file{}}
	for _, path := range paths {
		if path != stdinPath {
			d.roots = append(d.roots, path)
			continue
		}
		text, failure := readAll(stdin)
		if failure != "" {
			return nil, fmt.Errorf("standard input: %s", failure)
		}
		d.stdin = parse("stdin", text)
		d.files[stdinPath] = d.stdin
	}
	return d, nil
}

// refresh reads the files with another stamp, and those for which dirty returns true. It reports whether the state
// changed; it does not change if one of the paths cannot be read.
func (d *directory) refresh(dirty func(stamped) bool) (changed bool, err error) {
	l, err := scan(d.roots...)
	if err != nil {
		return false, err
	}
	next := make(map[string]*file, len(l.files))
	if d.stdin != nil {
		next[stdinPath] = d.stdin
	}
	for _, f := range l.files {
		old := d.files[f.path]
		if old != nil && old.stamp == f.stamp && (dirty == nil || !dirty(f)) {
			next[f.path] = old
			continue
		}
		next[f.path] = reload(f, old)
	}
	changed = !maps.Equal(d.files, next) || !slices.Equal(d.problems, l.problems)
	d.files, d.problems, d.watch = next, l.problems, l.watch
	return changed, nil
}

// batch returns the changes since the previous call.
func (d *directory) batch() Batch {
	r := resolver{lastValid: d.lastValid, valid: map[kobj.Key][]store.Change{}, objects: map[kobj.Key]located{}, first: map[kobj.Key]*entry{}}
	r.problems = slices.Clone(d.problems)
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[path]
		r.problems = append(r.problems, f.problems...)
		for _, e := range f.entries {
			r.add(e)
		}
	}
	d.lastValid = r.valid
	return Batch{Changes: d.publish(r.objects), Problems: limit(r.problems), Positions: r.positions()}
}

// resolver selects one of several entries with the same key.
type resolver struct {
	lastValid, valid map[kobj.Key][]store.Change
	first            map[kobj.Key]*entry // by key as written
	objects          map[kobj.Key]located
	problems         []Problem
}

// located is an object and its entry.
type located struct {
	store.Change
	entry *entry
}

func (r *resolver) add(e *entry) {
	if winner := r.first[e.key]; winner != nil {
		r.duplicate(e, e.key, winner)
		return
	}
	r.first[e.key] = e
	objects := e.objects
	if e.invalid {
		if objects = r.lastValid[e.key]; len(objects) > 0 {
			r.problem(e, "The last valid version of the object remains in use.")
		}
	}
	r.valid[e.key] = objects
	for _, o := range objects {
		if winner, ok := r.objects[o.Key]; ok {
			r.duplicate(e, o.Key, winner.entry)
			continue
		}
		r.objects[o.Key] = located{o, e}
	}
}

func (r *resolver) problem(e *entry, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: e.path, Line: e.line(""), Object: e.key, Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) duplicate(e *entry, key kobj.Key, winner *entry) {
	r.problem(e, "%s is also in %s:%d, which takes precedence.", key, winner.path, winner.line(""))
}

func (r *resolver) positions() Positions {
	entries := make(map[kobj.Key]*entry, len(r.objects))
	for k, o := range r.objects {
		entries[k] = o.entry
	}
	maps.Copy(entries, r.first)
	return Positions{entries: entries}
}

// publish replaces the published objects and returns the differences.
func (d *directory) publish(objects map[kobj.Key]located) []store.Change {
	var changes []store.Change
	next := make(map[kobj.Key]store.Change, len(objects))
	for k, o := range objects {
		former, ok := d.published[k]
		if ok && (former.Object == o.Object || reflect.DeepEqual(former.Object, o.Object)) {
			next[k] = former
			continue
		}
		next[k] = o.Change
		changes = append(changes, o.Change)
	}
	for k := range d.published {
		if _, ok := next[k]; !ok {
			changes = append(changes, store.Change{Key: k})
		}
	}
	d.published = next
	slices.SortFunc(changes, func(a, b store.Change) int { return a.Key.Compare(b.Key) })
	return changes
}

// limit sorts problems, removes duplicates and limits their number.
func limit(problems []Problem) []Problem {
	slices.SortFunc(problems, Problem.Compare)
	problems = slices.Compact(problems)
	if more := len(problems) - maxProblems; more > 0 {
		last := problems[maxProblems-1]
		problems = append(problems[:maxProblems:maxProblems], Problem{File: last.File, Message: fmt.Sprintf("There are %d more problems.", more)})
	}
	return problems
}
