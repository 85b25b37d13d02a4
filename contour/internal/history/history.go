// Package history remembers the last changes of a running controller: which objects changed, what was published because of it, and when the
// connected Envoys had it.
//
// The pipeline records changes, and the xDS server what its sessions acknowledge; readers get copies of at most a page. A record is
// of bounded size, whatever a change is about, and what is done for an acknowledgement is proportional to the changes that it acknowledges.
// Nothing of the content of an object or a resource is kept. It must not wait for anything.
package history

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// MaxChanges is how many changes are remembered.
const MaxChanges = 1000

// maxObjects is how many objects of a change are named.
const maxObjects = 20

// Change is what one iteration of the pipeline did.
type Change struct {
	ID        uint64 // in order of time, from 1 on
	Seen      time.Time
	Published time.Time

	Named     []kobj.Key // some of the changed objects
	Objects   int        // changed objects; 0: an answer of an Envoy, the configuration, the time or an earlier change is the cause
	Hosts     int        // whose derived value changed
	Statuses  int
	Resources int // set or removed
	Bytes     int // of the resources set
	Seqs      map[ir.Fleet]uint64
	// Unfinished: something of this or an earlier change is still to be published, by a later iteration.
	Unfinished bool

	Envoys       int // connected ones that are to have it
	Acknowledged int // of these
	First, Last  time.Time
	// Slowest is the node of the Envoy that acknowledged the change last.
	Slowest string
}

// Complete reports whether every Envoy that is to have the change has it.
func (c *Change) Complete() bool { return c.Acknowledged >= c.Envoys }

// mayName reports whether what was published is about an object, or may be: an iteration without changed objects can publish the rest of an
// earlier change.
func (c *Change) mayName(k kobj.Key) bool {
	return c.Objects == 0 || c.Objects > len(c.Named) || slices.Contains(c.Named, k)
}

// History is safe for concurrent use.
type History struct {
	mu      sync.Mutex
	last    uint64
	changes []*Change // oldest first
	pending uint64    // the ID of the first change that may not be published completely; 0: there is none
	fleets  map[ir.Fleet]*fleet
}

// fleet is the changes that were published to a fleet, and its sessions.
type fleet struct {
	seq      uint64  // of the last change
	log      []entry // oldest first
	dropped  uint64  // the sequence number of the last change that is not in the log any more
	sessions map[uint64]*session
}

type entry struct {
	seq    uint64
	change *Change
}

// session is a connected Envoy. It is to have what is recorded after it joined.
type session struct {
	node   string
	seq    uint64 // up to which it has everything, or need not
	synced bool   // it has acknowledged the configuration that it found when it joined
	at     time.Time
}

// New returns an empty History.
func New() *History { return &History{fleets: map[ir.Fleet]*fleet{}} }

func (h *History) fleet(f ir.Fleet) *fleet {
	if h.fleets[f] == nil {
		h.fleets[f] = &fleet{sessions: map[uint64]*session{}}
	}
	return h.fleets[f]
}

// Record adds a change, and sets its ID and what is acknowledged of it.
func (h *History) Record(c Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	c.ID, c.Named = h.last, slices.Clone(c.Named[:min(len(c.Named), maxObjects)])
	if len(h.changes) == MaxChanges {
		h.forget(h.changes[0])
		h.changes = slices.Delete(h.changes, 0, 1)
	}
	h.changes = append(h.changes, &c)
	switch {
	case !c.Unfinished:
		h.pending = 0
	case h.pending == 0:
		h.pending = c.ID
	}
	for f, seq := range c.Seqs {
		h.fleet(f).record(&c, seq)
	}
}

// Finish records that everything of the changes so far is published.
func (h *History) Finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending = 0
}

// record adds a change that was published with a sequence number.
func (f *fleet) record(c *Change, seq uint64) {
	if seq <= f.seq { // the fleet was removed and added: its numbers begin again
		f.log, f.dropped = nil, 0
		for _, s := range f.sessions {
			s.seq = min(s.seq, seq-1)
		}
	}
	f.seq, f.log = seq, append(f.log, entry{seq, c})
	c.Envoys += len(f.sessions)
	for _, s := range f.sessions {
		if s.seq >= seq { // it was faster than the iteration
			c.acknowledge(s)
		}
	}
}

func (c *Change) acknowledge(s *session) {
	c.Acknowledged++
	if c.First.IsZero() || s.at.Before(c.First) {
		c.First = s.at
	}
	if !s.at.Before(c.Last) {
		c.Last, c.Slowest = s.at, s.node
	}
}

// forget removes the oldest change from the logs of its fleets.
func (h *History) forget(c *Change) {
	for name := range c.Seqs {
		f := h.fleets[name]
		if f == nil {
			continue
		}
		if len(f.log) > 0 && f.log[0].change == c {
			f.dropped = f.log[0].seq
			f.log = slices.Delete(f.log, 0, 1)
		}
		h.dropUnused(name)
	}
}

// dropUnused drops a fleet that has neither Envoys nor changes.
func (h *History) dropUnused(name ir.Fleet) {
	if f := h.fleets[name]; f != nil && len(f.log)+len(f.sessions) == 0 {
		delete(h.fleets, name)
	}
}

// Join adds a connected Envoy; id is that of its stream.
func (h *History) Join(id uint64, node string, name ir.Fleet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fleet(name)
	f.sessions[id] = &session{node: node, seq: f.seq}
}

// Acknowledge records that an Envoy has all that was published to its fleet up to a sequence number.
func (h *History) Acknowledge(id uint64, name ir.Fleet, seq uint64, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fleets[name]
	if f == nil || f.sessions[id] == nil {
		return
	}
	s := f.sessions[id]
	if s.synced = true; seq <= s.seq {
		return
	}
	missing := f.after(s.seq)
	s.seq, s.at = seq, at
	for _, e := range missing {
		if e.seq > seq {
			break
		}
		e.change.acknowledge(s)
	}
}

// after returns the entries with a later sequence number.
func (f *fleet) after(seq uint64) []entry {
	return f.log[sort.Search(len(f.log), func(i int) bool { return f.log[i].seq > seq }):]
}

// Leave removes an Envoy, which need not have anything any more.
func (h *History) Leave(id uint64, name ir.Fleet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fleets[name]
	if f == nil || f.sessions[id] == nil {
		return
	}
	for _, e := range f.after(f.sessions[id].seq) {
		e.change.Envoys--
	}
	delete(f.sessions, id)
	h.dropUnused(name)
}

// Revision is the ID of the last change.
func (h *History) Revision() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// Filter selects changes. The zero value selects all of them.
type Filter struct {
	Object *kobj.Key // those that name the object
	Since  time.Time // those seen then or later
	After  uint64    // those with a greater ID
	Before uint64    // those with a lesser ID; 0: all
}

// List returns copies of the changes that a filter selects, the newest first, up to limit.
func (h *History) List(by Filter, limit int) []Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Change
	for _, c := range slices.Backward(h.changes) {
		if len(out) == limit || c.ID <= by.After || c.Seen.Before(by.Since) {
			break
		}
		if (by.Before == 0 || c.ID < by.Before) && (by.Object == nil || slices.Contains(c.Named, *by.Object)) {
			out = append(out, *c)
		}
	}
	return out
}

// Has reports whether an Envoy has the last change that named an object, or may have done so without naming it. It is false where that is not
// known: before the Envoy has acknowledged what it found, and if it is behind the changes that are remembered.
func (h *History) Has(id uint64, name ir.Fleet, k kobj.Key) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fleets[name]
	if f == nil || f.sessions[id] == nil {
		return false
	}
	s := f.sessions[id]
	return s.synced && s.seq >= f.dropped && !h.isPending(k) && !slices.ContainsFunc(f.after(s.seq), func(e entry) bool { return e.change.mayName(k) })
}

// isPending reports whether something of a change of the object may not be published yet.
func (h *History) isPending(k kobj.Key) bool {
	if h.pending == 0 {
		return false
	}
	at, _ := slices.BinarySearchFunc(h.changes, h.pending, func(c *Change, id uint64) int { return cmp.Compare(c.ID, id) })
	return slices.ContainsFunc(h.changes[at:], func(c *Change) bool { return c.Objects > 0 && c.mayName(k) })
}
