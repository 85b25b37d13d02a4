// Package table contains the xDS resources of one fleet: the wanted ones, and which contents Envoy accepts.
//
// Its input is sets of resources, each published all or nothing, and the answers of Envoys to versions
// (Accept, Reject). Its output is effective versions, each with a content hash and its needs;
// sessions read them through a Watch.
//
// A rejected piece is quarantined by its hash: the effective version contains the last accepted content
// in its place, or lacks the piece, and all other pieces are served. If the error detail does not name
// the piece, the table bisects: it withholds halves of the suspect pieces.
//
// The package does no I/O, does not log or wait, and has no state of single Envoys.
package table

import (
	"slices"
	"strings"
	"sync"

	"contour.example/contour/internal/kobj"
)

// Table is safe for concurrent use.
type Table struct {
	mu         sync.Mutex
	seq        uint64
	lastOrder  uint64
	entries    map[Ref]*entry // without those at rest
	peak       int            // maximum number of entries since the map was made
	resting    Versions       // see rest
	needCounts map[Ref]int    // by needed resource: number of effective and accepted versions that need it
	rejected   map[Ref][]Rejection
	watches    map[*Watch]struct{}
	stats      Stats

	closed chan struct{}

	onRejections      func()
	rejectionsChanged bool // since the last call of onRejections
}

// Stats counts events since New, and resources.
type Stats struct {
	Published  uint64 // calls of Publish
	Versions   uint64 // changes of an effective version
	Accepted   uint64 // versions accepted for the first time
	Rejections uint64 // by Envoys, repeated ones included
	Resources  map[Type]int
	Withheld   int // resources without an effective version
	Rejected   int // length of Rejections
}

// New returns an empty table.
func New() *Table {
	return &Table{
		entries:    map[Ref]*entry{},
		needCounts: map[Ref]int{},
		rejected:   map[Ref][]Rejection{},
		watches:    map[*Watch]struct{}{},
		closed:     make(chan struct{}),
	}
}

// Close empties the table: watches report no further change, and Publish has no effect. It must be called at most once.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.entries)
	t.resting = Versions{}
	clear(t.needCounts)
	clear(t.rejected)
	for w := range t.watches {
		w.all = false
		clear(w.dirty) // otherwise sessions would remove all resources
	}
	close(t.closed)
}

// Closed returns a channel that Close closes.
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
// The goroutine that caused the change calls it; it must not wait. Set it before the first Publish.
func (t *Table) OnRejections(f func()) { t.onRejections = f }

// Publish replaces the resources in set and removes those in removed, except those that are also in set.
// Watches report the result as one change. A removed resource remains while the effective or
// accepted version of another one needs it. Publish returns the new sequence number.
func (t *Table) Publish(set []*Resource, removed []Ref) uint64 {
	defer t.step()()
	if t.isClosed() {
		return t.seq
	}
	t.seq++
	t.stats.Published++
	isSet := make(map[Ref]bool, len(set))
	for _, r := range set {
		isSet[r.Ref] = true
		e := t.entry(r.Ref)
		if e == nil {
			e = &entry{ref: r.Ref, lastOrder: &t.lastOrder}
			t.add(e)
			t.touch(r.Ref)
		}
		e.setWant(r)
		t.update(e)
		t.rest(e)
	}
	for _, ref := range removed {
		if isSet[ref] {
			continue
		}
		if e := t.entry(ref); e != nil {
			e.setRemoved()
			t.update(e)
			t.dropUnneeded(ref)
		}
	}
	return t.seq
}

// Accept records that an Envoy accepted these versions.
func (t *Table) Accept(versions []*Version) {
	if !slices.ContainsFunc(versions, func(v *Version) bool { return !v.Accepted() }) {
		return
	}
	defer t.step()()
	for _, v := range versions {
		if v.Accepted() && t.resting.Get(v.Ref) == v {
			continue
		}
		e := t.entry(v.Ref)
		if e == nil {
			continue
		}
		if v.Accepted() && e.accepted == v || v != e.effective && !t.complete(v) {
			t.rest(e)
			continue
		}
		before := e.accepted
		e.accept(v)
		if e.accepted != before {
			t.stats.Accepted++
			t.updateNeedCounts(before, e.accepted)
		}
		t.update(e)
		t.rest(e)
	}
}

// complete reports whether all needs of v are in the table. The needs of a version that was replaced
// before it was accepted may be removed; such a version must not become a fallback.
func (t *Table) complete(v *Version) bool {
	return !slices.ContainsFunc(v.Needs, func(need Ref) bool { return need.Type.Kept() && !t.has(need) })
}

// Reject records that an Envoy rejected v, and v alone, with this error detail.
func (t *Table) Reject(v *Version, errorDetail string) {
	defer t.step()()
	t.stats.Rejections++
	if e := t.entry(v.Ref); e != nil {
		e.reject(v, errorDetail)
		t.update(e)
	}
}

// SetUnusable records that an Envoy cannot use v for a reason that is not in its content, such as a port in use.
// Rejections contains it, without origins, until a version is accepted; nothing is quarantined.
func (t *Table) SetUnusable(v *Version, errorDetail string) {
	defer t.step()()
	if e := t.entry(v.Ref); e != nil {
		e.unusable = errorDetail
		t.update(e)
	}
}

// BindFailed reports whether the error detail is that Envoy could not bind a listener to its address.
func BindFailed(errorDetail string) bool { return strings.Contains(errorDetail, "cannot bind") }

// Rejections lists the wanted pieces that are rejected, sorted.
func (t *Table) Rejections() []Rejection {
	t.mu.Lock()
	var out []Rejection
	for _, rs := range t.rejected {
		out = append(out, rs...)
	}
	t.mu.Unlock() // before the order: others publish meanwhile
	slices.SortFunc(out, Rejection.Compare)
	return out
}

// DependentObjects lists the origins of the pieces that need a resource, directly or through clusters, sorted. Their
// statuses report a rejection if the origins of the resource itself have no status.
func (t *Table) DependentObjects(ref Ref) []kobj.Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	var objects []kobj.Key
	t.eachDependant(ref, func(dependant Ref, p *piece) {
		objects = append(objects, p.origins...)
		if dependant.Type == Cluster {
			t.eachDependant(dependant, func(_ Ref, p *piece) { objects = append(objects, p.origins...) })
		}
	})
	return kobj.Sort(objects)
}

// eachDependant calls f for every wanted piece that needs the resource.
func (t *Table) eachDependant(ref Ref, f func(Ref, *piece)) {
	visit := func(dependant Ref, pieces []*piece) {
		for _, p := range pieces {
			if slices.Contains(p.needs, ref) {
				f(dependant, p)
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

// Get returns the effective version of a resource, nil if there is none.
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

// Seq returns the sequence number of the last Publish, 0 before the first.
func (t *Table) Seq() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seq
}

// Stats returns a copy of the counters.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Resources = map[Type]int{}
	for _, typ := range Types() {
		if n := t.resting.Len(typ); n > 0 {
			s.Resources[typ] = n
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

// step locks the table, and returns a function that unlocks it, wakes watches and calls onRejections.
func (t *Table) step() func() {
	t.mu.Lock()
	return func() {
		t.signal()
		notify := t.onRejections
		if !t.rejectionsChanged {
			notify = nil
		}
		t.rejectionsChanged = false
		t.mu.Unlock()
		if notify != nil {
			notify()
		}
	}
}

// update composes the effective version and the rejections of a resource anew.
func (t *Table) update(e *entry) {
	before := e.effective
	if e.effective = e.compose(); e.effective != before {
		t.stats.Versions++
		t.touch(e.ref)
		t.updateNeedCounts(before, e.effective)
	}
	rejections := e.rejections()
	if !slices.EqualFunc(rejections, t.rejected[e.ref], sameRejection) {
		t.rejectionsChanged = true
		t.setRejected(e.ref, rejections)
	}
}

func sameRejection(a, b Rejection) bool {
	return a.Compare(b) == 0 && a.ErrorDetail == b.ErrorDetail && slices.Equal(a.Origins, b.Origins)
}

func (t *Table) setRejected(ref Ref, rejections []Rejection) {
	if len(rejections) == 0 {
		delete(t.rejected, ref)
		return
	}
	t.rejected[ref] = rejections
}

// updateNeedCounts replaces the needs of the former version by those of the later one in needCounts; nil has no needs.
func (t *Table) updateNeedCounts(former, later *Version) {
	var removed []Ref
	DiffRefs(former.needs(), later.needs(), func(ref Ref, added bool) {
		switch {
		case !ref.Type.Kept():
		case added:
			t.needCounts[ref]++
		default:
			removed = append(removed, ref)
		}
	})
	for _, ref := range removed {
		t.needCounts[ref]--
		t.dropUnneeded(ref)
	}
}

// dropUnneeded drops a removed resource that nothing needs.
func (t *Table) dropUnneeded(ref Ref) {
	if t.needCounts[ref] > 0 {
		return
	}
	delete(t.needCounts, ref)
	e := t.entries[ref]
	if e == nil || e.want != nil {
		return
	}
	t.drop(ref)
	t.touch(ref)
	t.updateNeedCounts(e.effective, nil)
	t.updateNeedCounts(e.accepted, nil)
}
