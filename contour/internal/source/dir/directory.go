package dir

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// directory is what is known of a directory.
type directory struct {
	root     string
	files    map[string]*file // by path
	problems []Problem        // of the directory itself
	watch    []string         // real paths of the directories whose changes matter

	standing  map[kobj.Key][]store.Change // by key as written: what it last stood for
	published map[kobj.Key]store.Change
}

func newDirectory(root string) *directory {
	return &directory{root: root, files: map[string]*file{}}
}

// refresh reads what changed: files with another stamp, and those that dirty says. It reports whether anything
// is different now. If the directory cannot be read everything stays as it was.
func (d *directory) refresh(dirty func(found) bool) (changed bool, err error) {
	l, err := scan(d.root)
	if err != nil {
		return false, err
	}
	next := make(map[string]*file, len(l.files))
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

// batch is what changed since the last one.
func (d *directory) batch() Batch {
	r := resolver{standing: d.standing, kept: map[kobj.Key][]store.Change{}, objects: map[kobj.Key]owned{}, first: map[kobj.Key]*entry{}}
	r.problems = slices.Clone(d.problems)
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[path]
		r.problems = append(r.problems, f.problems...)
		for _, e := range f.entries {
			r.add(e)
		}
	}
	d.standing = r.kept
	return Batch{Changes: d.publish(r.objects), Problems: bounded(r.problems), Where: r.where()}
}

// resolver decides between entries with the same key.
type resolver struct {
	standing, kept map[kobj.Key][]store.Change
	first          map[kobj.Key]*entry // by key as written
	objects        map[kobj.Key]owned
	problems       []Problem
}

// owned is an object and the entry that it comes from.
type owned struct {
	store.Change
	entry *entry
}

func (r *resolver) add(e *entry) {
	if winner := r.first[e.key]; winner != nil {
		r.lost(e, e.key, winner)
		return
	}
	r.first[e.key] = e
	objects := e.objects
	if e.refused {
		if objects = r.standing[e.key]; len(objects) > 0 {
			r.problem(e, "The object stays as it last was.")
		}
	}
	r.kept[e.key] = objects
	for _, o := range objects {
		if winner, ok := r.objects[o.Key]; ok {
			r.lost(e, o.Key, winner.entry)
			continue
		}
		r.objects[o.Key] = owned{o, e}
	}
}

func (r *resolver) problem(e *entry, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: e.path, Line: e.line(""), Object: e.key, Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) lost(e *entry, key kobj.Key, winner *entry) {
	r.problem(e, "%s is also in %s:%d, and that one counts.", key, winner.path, winner.line(""))
}

func (r *resolver) where() Where {
	places := make(map[kobj.Key]*entry, len(r.objects))
	for k, o := range r.objects {
		places[k] = o.entry
	}
	maps.Copy(places, r.first)
	return Where{entries: places}
}

// publish makes the objects the present ones and tells how they differ from the former ones.
func (d *directory) publish(objects map[kobj.Key]owned) []store.Change {
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

// bounded sorts problems and cuts the list where nobody reads on.
func bounded(problems []Problem) []Problem {
	slices.SortFunc(problems, Problem.Compare)
	problems = slices.Compact(problems)
	if more := len(problems) - maxProblems; more > 0 {
		last := problems[maxProblems-1]
		problems = append(problems[:maxProblems:maxProblems], Problem{File: last.File, Message: fmt.Sprintf("There are %d more problems.", more)})
	}
	return problems
}
