// Package table holds the xDS resources of one fleet: what translate wants Envoy to have, and
// what Envoy said about it. In go sets of resources, published all or nothing, and the verdicts
// of the sessions (Accept, Reject). Out come effective versions, each with a content hash and
// the names it needs, handed to sessions through a Watch.
//
// A refused piece is quarantined by its hash: what is effective has its last accepted content
// in its place, or lacks it, and everything else goes on. When Envoy does not say which piece
// it means, the table finds it by holding back halves.
//
// It must not do I/O, log, wait, or know anything about single Envoys.
package table

import (
	"slices"
	"strings"
	"sync"

	"contour.example/contour/internal/kobj"
)

// Table is safe for concurrent use.
type Table struct {
	mu       sync.Mutex
	seq      uint64
	orders   uint64
	entries  map[Ref]*entry                 // but for those that are at rest
	peak     int                            // the most entries since the map was made
	resting  [Route + 1]map[string]*Version // by name: see rest
	users    map[Ref]int                    // by needed resource: how many effective and accepted versions need it
	rejected map[Ref][]Rejection
	watches  map[*Watch]struct{}
	stats    Stats

	closed chan struct{}

	onRejections func()
	news         bool // rejections differ from what onRejections was told
}

// Stats counts what happened since New, and what is there.
type Stats struct {
	Published uint64 // calls of Publish
	Versions  uint64 // effective versions that differ from the ones before
	Accepted  uint64 // versions accepted for the first time
	Refused   uint64 // refusals by Envoys
	Resources map[Type]int
	Withheld  int // resources of which Envoy accepts no known content
	Rejected  int // length of Rejections
}

// New is an empty table.
func New() *Table {
	return &Table{
		entries:  map[Ref]*entry{},
		users:    map[Ref]int{},
		rejected: map[Ref][]Rejection{},
		watches:  map[*Watch]struct{}{},
		closed:   make(chan struct{}),
	}
}

// Close empties the table for good: watches see no change any more, and what is published is ignored. Call it once.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.entries)
	clear(t.resting[:])
	clear(t.users)
	clear(t.rejected)
	for w := range t.watches {
		w.all = false
		clear(w.dirty) // or a session would take what is gone with the table for removed
	}
	close(t.closed)
}

// Closed is a channel that is closed when the table is.
func (t *Table) Closed() <-chan struct{} { return t.closed }

func (t *Table) isClosed() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

// OnRejections sets a function that is called, outside of all locks, after Rejections changed.
// It is called by whoever caused the change and must not wait. Set it before the first Publish.
func (t *Table) OnRejections(f func()) { t.onRejections = f }

// Publish replaces the resources in set, removes those in removed (a resource in both is set),
// and shows sessions the result in one step. A removed resource stays while the effective or
// accepted version of another needs it.
func (t *Table) Publish(set []*Resource, removed []Ref) uint64 {
	defer t.step()()
	if t.isClosed() {
		return t.seq
	}
	t.seq++
	t.stats.Published++
	kept := make(map[Ref]bool, len(set))
	for _, r := range set {
		kept[r.Ref] = true
		e := t.entry(r.Ref)
		if e == nil {
			e = &entry{ref: r.Ref, orders: &t.orders}
			t.add(e)
			t.touch(r.Ref)
		}
		e.setWant(r)
		t.settle(e)
		t.rest(e)
	}
	for _, ref := range removed {
		if e := t.entry(ref); e != nil && !kept[ref] {
			e.setGone()
			t.settle(e)
			t.dropUnneeded(ref)
		}
	}
	return t.seq
}

// Accept takes note that an Envoy accepted these versions.
func (t *Table) Accept(versions []*Version) {
	if !slices.ContainsFunc(versions, func(v *Version) bool { return !v.Proven() }) {
		return
	}
	defer t.step()()
	for _, v := range versions {
		if v.Proven() && t.resting[v.Ref.Type][v.Ref.Name] == v {
			continue
		}
		e := t.entry(v.Ref)
		if e == nil || v.Proven() && e.accepted == v || v != e.effective && !t.complete(v) {
			continue
		}
		before := e.accepted
		e.accept(v)
		if e.accepted != before {
			t.stats.Accepted++
			t.exchange(before, e.accepted)
		}
		t.settle(e)
		t.rest(e)
	}
}

// complete reports whether all that v needs is still there. A version that was superseded
// before it was accepted does not keep what it needs, and then is nothing to fall back to.
func (t *Table) complete(v *Version) bool {
	return !slices.ContainsFunc(v.Needs, func(need Ref) bool { return need.Type.Kept() && !t.has(need) })
}

// Reject takes note that an Envoy refused v, and v alone, with these words.
func (t *Table) Reject(v *Version, words string) {
	defer t.step()()
	t.stats.Refused++
	if e := t.entry(v.Ref); e != nil {
		e.reject(v, words)
		t.settle(e)
	}
}

// Obstruct takes note that an Envoy cannot use v for a reason that is not in v, such as a port that is taken.
// It is told by Rejections without anybody to blame, until a version is accepted; nothing is quarantined.
func (t *Table) Obstruct(v *Version, words string) {
	defer t.step()()
	if e := t.entry(v.Ref); e != nil {
		e.unusable = words
		t.settle(e)
	}
}

// Obstacle reports whether Envoy's words are about its surroundings rather than about the resource.
func Obstacle(words string) bool { return strings.Contains(words, "cannot bind") }

// Rejections lists what is wanted now and refused, sorted.
func (t *Table) Rejections() []Rejection {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Rejection
	for _, rs := range t.rejected {
		out = append(out, rs...)
	}
	slices.SortFunc(out, Rejection.Compare)
	return out
}

// Users lists the objects behind what needs a resource, directly or through clusters, sorted: those to tell when
// nobody looks at the object that the resource itself was made of.
func (t *Table) Users(ref Ref) []kobj.Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	var users []kobj.Key
	t.eachUser(ref, func(user Ref, p *piece) {
		users = append(users, p.origins...)
		if user.Type == Cluster {
			t.eachUser(user, func(_ Ref, p *piece) { users = append(users, p.origins...) })
		}
	})
	return kobj.Sort(users)
}

// eachUser calls f for every wanted piece that needs the resource.
func (t *Table) eachUser(ref Ref, f func(Ref, *piece)) {
	visit := func(user Ref, pieces []*piece) {
		for _, p := range pieces {
			if slices.Contains(p.needs, ref) {
				f(user, p)
			}
		}
	}
	for _, e := range t.entries {
		visit(e.ref, e.want)
	}
	for v := range t.atRest() {
		visit(v.Ref, v.pieces)
	}
}

// Get is the effective version of a resource, nil if there is none.
func (t *Table) Get(ref Ref) *Version {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.change(ref).Version
}

// All lists the effective versions, sorted.
func (t *Table) All() []*Version {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Collect(t.atRest())
	for _, e := range t.entries {
		if e.effective != nil {
			out = append(out, e.effective)
		}
	}
	slices.SortFunc(out, func(a, b *Version) int { return a.Ref.Compare(b.Ref) })
	return out
}

// Seq is the sequence number of the last Publish, 0 before the first.
func (t *Table) Seq() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seq
}

// Stats is a copy of the counters.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Resources = map[Type]int{}
	for typ, versions := range t.resting {
		if len(versions) > 0 {
			s.Resources[Type(typ)] = len(versions)
		}
	}
	for ref, e := range t.entries {
		s.Resources[ref.Type]++
		if e.effective == nil {
			s.Withheld++
		}
		s.Rejected += len(t.rejected[ref])
	}
	return s
}

// step locks the table for one step and returns what ends the step.
func (t *Table) step() func() {
	t.mu.Lock()
	return func() {
		t.signal()
		tell := t.onRejections
		if !t.news {
			tell = nil
		}
		t.news = false
		t.mu.Unlock()
		if tell != nil {
			tell()
		}
	}
}

// settle makes effective what ought to be.
func (t *Table) settle(e *entry) {
	before := e.effective
	if e.effective = e.compose(); e.effective != before {
		t.stats.Versions++
		t.touch(e.ref)
		t.exchange(before, e.effective)
	}
	rejections := e.rejections()
	if !slices.EqualFunc(rejections, t.rejected[e.ref], sameRejection) {
		t.news = true
		t.setRejected(e.ref, rejections)
	}
}

func sameRejection(a, b Rejection) bool {
	return a.Compare(b) == 0 && a.Message == b.Message && slices.Equal(a.Origins, b.Origins)
}

func (t *Table) setRejected(ref Ref, rejections []Rejection) {
	if len(rejections) == 0 {
		delete(t.rejected, ref)
		return
	}
	t.rejected[ref] = rejections
}

// exchange counts what the later version needs instead of what the former needed; nil needs nothing.
func (t *Table) exchange(former, later *Version) {
	var gone []Ref
	EachDifference(former.needs(), later.needs(), func(ref Ref, added bool) {
		switch {
		case !ref.Type.Kept():
		case added:
			t.users[ref]++
		default:
			gone = append(gone, ref)
		}
	})
	for _, ref := range gone {
		t.users[ref]--
		t.dropUnneeded(ref)
	}
}

// dropUnneeded forgets a removed resource that nothing needs.
func (t *Table) dropUnneeded(ref Ref) {
	if t.users[ref] > 0 {
		return
	}
	delete(t.users, ref)
	e := t.entries[ref]
	if e == nil || e.want != nil {
		return
	}
	t.forget(ref)
	t.touch(ref)
	t.exchange(e.effective, nil)
	t.exchange(e.accepted, nil)
}
