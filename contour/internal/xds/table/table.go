// Package table contains the xDS resources of one fleet: the wanted ones, and which contents Envoy accepts.
//
// Its input is sets of resources, each published all or nothing, and the answers of Envoys to versions, each through the
// Watch of the Envoy. Its output is effective versions, each with a content hash and its needs;
// sessions read them through their Watch.
//
// A rejected piece is quarantined by its hash: the effective version contains the last accepted content in its place, or
// else its fallback, and all other pieces are served. If the error detail does not name the piece, the table bisects: it
// withholds halves of the suspect pieces.
//
// An Envoy that rejects something has a view of its own of that resource. A piece is rejected for the fleet when more
// than half of the connected Envoys reject it and none accepted it; what an Envoy rejects and another one accepted is a
// Disagreement, which concerns nobody else.
//
// The package does no I/O, does not log or wait.
package table

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/shrinkmap"
)

// Fallback returns what is sent instead of a part that Envoy rejects and of which no content was accepted: it answers for
// what the part answers for, with an error. field is that of the resource, part the encoded part; nil: there is none.
type Fallback func(t Type, field protowire.Number, part []byte) []byte

// Table is safe for concurrent use.
type Table struct {
	mu             sync.Mutex
	seq            uint64
	lastOrder      uint64
	revision       uint64                  // see Revision
	entries        map[Ref]*entry          // without those at rest
	peak           int                     // maximum number of entries since the map was made
	resting        Versions                // see rest
	needCounts     shrinkmap.Map[Ref, int] // by needed resource: number of effective and accepted versions that need it
	rejected       map[Ref][]Rejection
	disagreed      map[Ref][]Disagreement
	split          map[Ref]struct{} // resources that an Envoy has a view of
	withRejections map[Ref]struct{} // resources with wanted pieces that Envoys reject
	changed        map[Ref]struct{} // to be updated before the end of the step
	dependants     map[Ref]map[Ref]struct{}
	watches        map[*Watch]struct{}
	connected      map[identity]int // number of watches of an Envoy; no zeros
	stats          Stats

	verdicts       map[content]*verdict
	wantedVerdicts int         // about wanted contents, when they were counted last
	unsupported    atomic.Bool // there may be verdicts that are neither supported nor retried

	closed chan struct{}

	fallback          Fallback
	onRejections      func()
	rejectionsChanged bool             // since the last call of onRejections
	followed          map[Ref]struct{} // see Follow
	news              map[Ref]struct{} // see TakeNews; of what is followed
	rejectionSeq      uint64
	onVotes           func()
	votesChanged      bool // since the last call of onVotes
}

// Stats counts events since New, and resources.
type Stats struct {
	Published  uint64 // calls of Publish
	Versions   uint64 // changes of an effective version
	Accepted   uint64 // versions accepted for the first time
	Rejections uint64 // by Envoys, repeated ones included
	Searched   uint64 // resources that were searched for the dependants of another one
	Resources  map[Type]int
	Withheld   int // resources without an effective version
	Rejected   int // length of Rejections
	Verdicts   int // contents that are known to be rejected, wanted or not
}

// New returns an empty table.
func New() *Table {
	return &Table{
		entries:        map[Ref]*entry{},
		rejected:       map[Ref][]Rejection{},
		disagreed:      map[Ref][]Disagreement{},
		split:          map[Ref]struct{}{},
		withRejections: map[Ref]struct{}{},
		changed:        map[Ref]struct{}{},
		dependants:     map[Ref]map[Ref]struct{}{},
		watches:        map[*Watch]struct{}{},
		connected:      map[identity]int{},
		verdicts:       map[content]*verdict{},
		followed:       map[Ref]struct{}{},
		news:           map[Ref]struct{}{},
		closed:         make(chan struct{}),
	}
}

// Close empties the table: watches report no further change, and Publish has no effect. It must be called at most once.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.entries)
	t.resting = Versions{}
	t.needCounts.Clear()
	clear(t.rejected)
	clear(t.disagreed)
	clear(t.split)
	clear(t.withRejections)
	clear(t.changed)
	clear(t.dependants)
	clear(t.verdicts)
	t.rejectionSeq++
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

// SetFallback sets how fallbacks are made; it must be called before the first Publish. Without, a part without
// accepted content is left out.
func (t *Table) SetFallback(f Fallback) { t.fallback = f }

// OnRejections sets a function that is called, outside of all locks, after Rejections or Disagreements changed.
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
			e = &entry{table: t, ref: r.Ref}
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

// RejectionSeq changes with each change of Rejections, Disagreements or DependentObjects; it never decreases.
func (t *Table) RejectionSeq() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rejectionSeq
}

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

// Disagreements lists what single Envoys reject and others accepted, sorted.
func (t *Table) Disagreements() []Disagreement {
	t.mu.Lock()
	var out []Disagreement
	for _, of := range t.disagreed {
		out = append(out, of...)
	}
	t.mu.Unlock() // before the order: others publish meanwhile
	slices.SortFunc(out, Disagreement.Compare)
	return out
}

// Follow makes TakeNews return the resource from now on, until Unfollow.
func (t *Table) Follow(ref Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.followed[ref] = struct{}{}
}

// Unfollow ends Follow.
func (t *Table) Unfollow(ref Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.followed, ref)
	delete(t.news, ref)
}

// TakeNews returns, of the resources that are followed, those whose rejections have changed since the last call, the listeners of
// which an Envoy has accepted another version, and the other resources of which one has accepted a version for the first time; all, if
// the result of Watched has changed. OnRejections is called after there are some.
func (t *Table) TakeNews() []Ref {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Collect(maps.Keys(t.news))
	clear(t.news)
	return out
}

// note makes the resource part of TakeNews, if it is followed.
func (t *Table) note(ref Ref) {
	if _, ok := t.followed[ref]; ok {
		t.news[ref] = struct{}{}
		t.rejectionsChanged = true
	}
}

// noteAll makes all resources that are followed part of TakeNews.
func (t *Table) noteAll() {
	for ref := range t.followed {
		t.note(ref)
	}
}

// Watched reports whether an Envoy is connected.
func (t *Table) Watched() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.watches) > 0
}

// RejectionsOf lists the wanted pieces of a resource that are rejected, sorted.
func (t *Table) RejectionsOf(ref Ref) []Rejection {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.rejected[ref])
}

// RejectedBy lists the names of some of the Envoys that reject what each of the rejections of a resource is about, sorted. The pieces of the
// resource are read once.
func (t *Table) RejectedBy(ref Ref, of []Rejection) [][]string {
	out, parts := make([][]string, len(of)), make(map[string][]int, len(of))
	for i, r := range of {
		if r.Node != "" {
			out[i] = append(out[i], r.Node)
		}
		parts[r.Part] = append(parts[r.Part], i)
	}
	t.addVoters(ref, of, parts, out)
	for i := range out {
		slices.Sort(out[i])
		out[i] = slices.Compact(out[i])
	}
	return out
}

// addVoters adds the Envoys whose votes are known to nodes; parts are the indexes of the rejections of each part.
func (t *Table) addVoters(ref Ref, of []Rejection, parts map[string][]int, nodes [][]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[ref]
	if e == nil {
		return
	}
	for _, p := range e.want {
		for _, i := range parts[p.Name] {
			known := t.verdicts[content{ref.Type, p.ID}]
			if known == nil || p.Hash.String() != of[i].Hash {
				continue
			}
			for _, v := range known.voters {
				nodes[i] = append(nodes[i], nameOf(v.node))
			}
		}
	}
}

// Accepted returns the names of the parts of the version of a resource that Envoys of the fleet accepted last, without fallbacks,
// sorted; false if they have accepted none.
func (t *Table) Accepted(ref Ref) (parts []string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.resting.Get(ref)
	if e := t.entries[ref]; e != nil {
		v = e.accepted
	}
	if v == nil {
		return nil, false
	}
	for _, p := range v.pieces {
		if p.Name != "" && !p.Fallback {
			parts = append(parts, p.Name)
		}
	}
	slices.Sort(parts)
	return parts, true
}

// Get returns the effective version of a resource, nil if there is none. That of single Envoys may differ.
func (t *Table) Get(ref Ref) *Version {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[ref]; e != nil {
		return e.effective
	}
	return t.resting.Get(ref)
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
	s.Verdicts = len(t.verdicts)
	return s
}

// updateNeedCounts replaces the needs of the former version by those of the later one in needCounts; nil has no needs.
func (t *Table) updateNeedCounts(former, later *Version) {
	var removed []Ref
	DiffRefs(former.needs(), later.needs(), func(ref Ref, added bool) {
		switch {
		case !ref.Type.Kept():
		case added:
			t.needCounts.Set(ref, t.needCounts.Get(ref)+1)
		default:
			removed = append(removed, ref)
		}
	})
	for _, ref := range removed {
		t.needCounts.Set(ref, t.needCounts.Get(ref)-1)
		t.dropUnneeded(ref)
	}
}

// dropUnneeded drops a removed resource that nothing needs.
func (t *Table) dropUnneeded(ref Ref) {
	if t.needCounts.Get(ref) > 0 {
		return
	}
	t.needCounts.Delete(ref)
	e := t.entries[ref]
	if e == nil || e.want != nil {
		return
	}
	t.drop(ref)
	t.touch(ref)
	for w := range e.views {
		e.dropView(w)
	}
	t.updateRejections(e)
	t.updateNeedCounts(e.effective, nil)
	t.updateNeedCounts(e.accepted, nil)
}
