package session

import (
	"slices"
	"time"

	"contour.example/contour/internal/xds/table"
)

// reportedSeq stands for the responses of former streams.
const reportedSeq = 1

// resource is what the session knows about one resource.
type resource struct {
	ref      table.Ref
	want     *table.Version
	withheld bool

	subscribed bool
	owed       bool   // the client waits for an answer even if nothing changed
	holds      []hold // what the client has or may have, oldest first
	goneSeq    uint64 // response that removed it: older holds do not count as had
	refused    string // hash of the last content that this client refused
	limit      int    // at most so many resources in its response, to find a bad one; 0: any number
	inFlight   int
	queued     bool

	parkedOn table.Ref
	awaited  time.Time // since when something waits for this cluster
	sentAt   time.Time
	overdue  bool // waited for too long: holds back nothing any more
}

// hold is a content that the client has or may have.
type hold struct {
	version *table.Version // nil: reported by the client, content unknown
	hash    string
	seq     uint64
	status  status
}

type status uint8

const (
	sent     status = iota // not answered yet
	acked                  // the client has it
	doubtful               // in a refused response, or subscribed anew meanwhile: the client may have it or not
)

// target is what the client should have: nil if there is nothing that it can be given.
func (r *resource) target() *table.Version {
	if r.want == nil || r.want.Hash == r.refused {
		return nil
	}
	return r.want
}

// absent reports that the client should not have the resource at all.
func (r *resource) absent() bool { return r.want == nil && !r.withheld }

// current is the hash of what was sent or reported last, "" if that is nothing, removed or unclear.
func (r *resource) current() string {
	if !r.present() || r.holds[len(r.holds)-1].status == doubtful {
		return ""
	}
	return r.holds[len(r.holds)-1].hash
}

// known is the newest content that the client may have and accepts, nil if there is none that
// we know.
func (r *resource) known() *table.Version {
	if !r.present() {
		return nil
	}
	h := r.holds[len(r.holds)-1]
	if h.version == nil || h.status != acked && !h.version.Proven() {
		return nil
	}
	return h.version
}

// present reports whether the client may have the resource, and no removal is on its way.
func (r *resource) present() bool {
	return len(r.holds) > 0 && r.holds[len(r.holds)-1].seq > r.goneSeq
}

// had reports whether the client certainly has some content, and no removal is on its way.
func (r *resource) had() bool {
	return slices.ContainsFunc(r.holds, func(h hold) bool { return h.status == acked && h.seq > r.goneSeq })
}

func (r *resource) holdOf(seq uint64) int {
	return slices.IndexFunc(r.holds, func(h hold) bool { return h.seq == seq })
}

// add notes a content that the client has, or gets.
func (s *State) add(r *resource, h hold) {
	r.holds = append(r.holds, h)
	s.retain(r.ref.Type, h)
}

// drop forgets holds [from, to).
func (s *State) drop(r *resource, from, to int) {
	dropped := slices.Clone(r.holds[from:to])
	r.holds = slices.Delete(r.holds, from, to)
	if len(r.holds) == 0 {
		r.holds = nil
	}
	for _, h := range dropped {
		s.release(r.ref.Type, h)
	}
}

// dropBefore forgets the holds that an answer to a later response made obsolete.
func (s *State) dropBefore(r *resource, seq uint64) {
	n := slices.IndexFunc(r.holds, func(h hold) bool { return h.seq >= seq })
	if n < 0 {
		n = len(r.holds)
	}
	s.drop(r, 0, n)
}

func (s *State) retain(t table.Type, h hold) {
	if h.version == nil {
		s.unknown[t]++
		return
	}
	for _, need := range h.version.Needs {
		s.needed[need]++
		if s.needed[need] == 1 && need.Type == table.Route {
			s.routesNeeded++
		}
	}
}

func (s *State) release(t table.Type, h hold) {
	if h.version == nil {
		s.unknown[t]--
		if s.unknown[t] == 0 {
			s.markLeaving()
		}
		return
	}
	for _, need := range h.version.Needs {
		s.needed[need]--
		if s.needed[need] == 0 {
			s.unneeded(need)
		}
	}
}

func (s *State) unneeded(ref table.Ref) {
	delete(s.needed, ref)
	s.markRef(ref)
	if ref.Type != table.Route {
		return
	}
	s.routesNeeded--
	if s.routesNeeded == 0 && s.resumed && !s.types[table.Route].seen {
		s.markLeaving()
	}
}

// markLeaving marks what waits for its removal.
func (s *State) markLeaving() {
	for _, r := range s.resources {
		if r.absent() && len(r.holds) > 0 {
			s.mark(r)
		}
	}
}
