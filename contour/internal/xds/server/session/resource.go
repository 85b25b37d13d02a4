package session

import (
	"slices"
	"time"

	"contour.example/contour/internal/xds/table"
)

const (
	// reportedSeq stands for the responses of former streams.
	reportedSeq = 1
	// syncedSeq stands for the responses about synced resources: each of them is acknowledged.
	syncedSeq = 2
)

// resource is the state of one resource in the session.
type resource struct {
	ref      table.Ref
	want     *table.Version
	withheld bool

	subscribed  bool
	responseDue bool           // the client expects a response even if nothing changed
	contents    []content      // what the client has or may have, oldest first
	removedSeq  uint64         // response that removed it: older contents do not count as present
	rejected    *table.Version // the wanted version if this client rejected it; nil: it did not
	limit       int            // at most so many resources in its response, to find a bad one; 0: any number
	inFlight    int
	queued      bool
	postponed   bool // in State.postponed

	blockedBy table.Ref
	awaited   time.Time // since when something waits for this resource
	sentAt    time.Time
	overdue   bool // waited for too long: blocks nothing any more, unless the wait has no timeout

	removeAt time.Time // see deferRemoval; zero: it is not to be removed
	deferred bool      // in State.deferrals
}

// content is a content that the client has or may have.
type content struct {
	version *table.Version // nil: reported by the client, content unknown
	hash    string
	seq     uint64
	status  status
}

type status uint8

const (
	sent      status = iota // not answered yet
	acked                   // the client has it
	uncertain               // in a rejected response, or subscribed anew meanwhile: the client may have it or not
)

// target returns the version that the client should have, nil if there is none.
func (r *resource) target() *table.Version {
	if r.want == nil || r.want == r.rejected {
		return nil
	}
	return r.want
}

// absent reports that the client should not have the resource at all.
func (r *resource) absent() bool { return r.want == nil && !r.withheld }

// current returns the hash of the content that was sent or reported last, "" if there is none, it is removed or uncertain.
func (r *resource) current() string {
	if !r.present() || r.contents[len(r.contents)-1].status == uncertain {
		return ""
	}
	return r.contents[len(r.contents)-1].hash
}

// known returns the newest version that the client may have and accepts, nil if there is none or
// its content is unknown.
func (r *resource) known() *table.Version {
	if !r.present() {
		return nil
	}
	h := r.contents[len(r.contents)-1]
	if h.version == nil || h.status != acked && !h.version.Accepted() {
		return nil
	}
	return h.version
}

// present reports whether the client may have the resource, and no removal is in flight.
func (r *resource) present() bool {
	return len(r.contents) > 0 && r.contents[len(r.contents)-1].seq > r.removedSeq
}

// had reports whether the client certainly has some content, and no removal is in flight.
func (r *resource) had() bool {
	return slices.ContainsFunc(r.contents, func(h content) bool { return h.status == acked && h.seq > r.removedSeq })
}

// foreign reports whether the client may have a content that it reported and that the table does not have. A resource
// that the session knows nothing about has none.
func (r *resource) foreign() bool {
	return r != nil && slices.ContainsFunc(r.contents, func(h content) bool { return h.version == nil })
}

func (r *resource) contentOf(seq uint64) int {
	return slices.IndexFunc(r.contents, func(h content) bool { return h.seq == seq })
}

// add records a content that the client has, or receives.
func (s *State) add(r *resource, h content) {
	if h.version == nil {
		s.unknown[r.ref.Type]++
	} else {
		s.retain(r, h.version)
	}
	r.contents = append(r.contents, h)
}

// drop removes contents [from, to).
func (s *State) drop(r *resource, from, to int) {
	dropped := slices.Clone(r.contents[from:to])
	for _, h := range dropped {
		r.contents = slices.Delete(r.contents, from, from+1)
		s.dropped(r, h.version)
	}
	if len(r.contents) == 0 {
		r.contents = nil
	}
}

// dropped records that a content is no longer among the contents of the resource.
func (s *State) dropped(r *resource, v *table.Version) {
	if v != nil {
		s.release(r, v)
		return
	}
	s.unknown[r.ref.Type]--
	if s.unknown[r.ref.Type] == 0 {
		s.markRemovalsPending()
	}
}

// dropBefore removes the contents that an answer to a later response made obsolete.
func (s *State) dropBefore(r *resource, seq uint64) {
	n := slices.IndexFunc(r.contents, func(h content) bool { return h.seq >= seq })
	if n < 0 {
		n = len(r.contents)
	}
	s.drop(r, 0, n)
}

// retain counts what v needs and no content of the resource needs yet. Two contents of one resource
// need nearly the same, so only the differences are counted.
func (s *State) retain(r *resource, v *table.Version) {
	for _, need := range r.onlyIn(v) {
		n := s.needed.Get(need).add(r.ref.Type, 1)
		if s.needed.Set(need, n); n.all == 1 {
			s.neededOf[need.Type]++
		}
	}
}

// release undoes retain for what v needed and no content of the resource needs any more.
func (s *State) release(r *resource, v *table.Version) {
	for _, need := range r.onlyIn(v) {
		n := s.needed.Get(need).add(r.ref.Type, -1)
		if r.ref.Type.Collective() && n.subscribe == 0 {
			s.unsubscribed(need)
		}
		if n.all == 0 {
			s.unneeded(need)
		} else {
			s.needed.Set(need, n)
		}
	}
}

func (u uses) add(holder table.Type, n int) uses {
	u.all += n
	if holder.Collective() {
		u.subscribe += n
	}
	return u
}

// onlyIn lists what v needs and none of the contents does.
func (r *resource) onlyIn(v *table.Version) []table.Ref {
	near := -1
	for i, h := range r.contents {
		if h.version != nil {
			near = i
		}
	}
	if near < 0 {
		return v.Needs
	}
	var only []table.Ref
	table.DiffRefs(r.contents[near].version.Needs, v.Needs, func(need table.Ref, added bool) {
		if added && !slices.ContainsFunc(r.contents, func(h content) bool { return h.version != nil && h.version.HasNeed(need) }) {
			only = append(only, need)
		}
	})
	return only
}

// unsubscribed records that nothing which the client has, or may have, makes it subscribe to the resource any more. If it is
// one that is subscribed to by name, Envoy has dropped it, even if it subscribes again before it reports that, and even if a
// route table that is still there leads to it.
func (s *State) unsubscribed(ref table.Ref) {
	if ref.Type.Collective() {
		return
	}
	if r := s.find(ref); r != nil {
		r.markUncertain()
		s.mark(r)
	}
}

// unneeded records that nothing which the client has, or may have, needs the resource any more.
func (s *State) unneeded(ref table.Ref) {
	s.needed.Delete(ref)
	if r := s.resources[ref]; r != nil {
		s.mark(r)
	}
	s.neededOf[ref.Type]--
	if s.neededOf[ref.Type] == 0 && s.resumed && !s.types[ref.Type].seen {
		s.markRemovalsPending()
	}
}

// markRemovalsPending marks the resources whose removal is pending.
func (s *State) markRemovalsPending() {
	for _, r := range s.resources {
		if r.absent() && len(r.contents) > 0 {
			s.mark(r)
		}
	}
}
