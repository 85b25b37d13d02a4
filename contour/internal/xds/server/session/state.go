// Package session is the state machine of one Envoy's delta xDS stream. In go the client's
// requests, the table's changes and the time; out come responses, one at a time, and verdicts
// for the table.
//
// It decides the order: a resource is sent when what it needs is acknowledged, and removed when
// nothing that the client has, or may have, needs it. What it remembers is bounded by the
// number of resources and of subscribed names, whatever the client does.
//
// It is pure: no I/O, goroutine, lock, clock or logger. One goroutine at a time may use a State.
package session

import (
	"cmp"
	"slices"
	"time"

	"contour.example/contour/internal/xds/table"
)

// Limits bounds a session. Zero values mean the defaults.
type Limits struct {
	Names             int           // names subscribed or reported over all types; 500,000
	NameBytes         int           // length of one name; 4 KiB
	ClusterWindow     int           // CDS responses in flight; 8
	SecretWindow      int           // SDS responses in flight; 32
	ResponseBytes     int           // one response; 3 MiB
	UnprovenBytes     int           // of one response, in versions that no Envoy accepted yet; 1 MiB
	UnprovenResources int           // the same, counted; 500
	LargeListener     int           // bytes of a listener from which on it is paced; 64 KiB
	LongestRest       time.Duration // at most, for which Envoy is left alone after a large listener; 2 s
	DrainingBytes     int           // of large listeners within the drain time, before they wait for it; 48 MiB
	DrainTime         time.Duration // Envoy's --drain-time-s; 60 s
	LongestDrain      time.Duration // at most, for which a large listener waits for former ones to be forgotten; 15 s
	NeedWait          time.Duration // how long an unacknowledged cluster may hold back what needs it; 5 s
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.Names, 500_000)
	set(&l.NameBytes, 4<<10)
	set(&l.ClusterWindow, 8)
	set(&l.SecretWindow, 32)
	set(&l.ResponseBytes, 3<<20)
	set(&l.UnprovenBytes, 1<<20)
	set(&l.UnprovenResources, 500)
	set(&l.LargeListener, 64<<10)
	set(&l.DrainingBytes, 48<<20)
	l.LongestRest = cmp.Or(l.LongestRest, 2*time.Second)
	l.DrainTime = cmp.Or(l.DrainTime, time.Minute)
	l.LongestDrain = cmp.Or(l.LongestDrain, 15*time.Second)
	l.NeedWait = cmp.Or(l.NeedWait, 5*time.Second)
	return l
}

// State is what one session knows.
type State struct {
	limits    Limits
	resources map[table.Ref]*resource // but for the settled ones
	peak      int                     // the most resources since the map was made
	settled   [table.Route + 1]map[string]*table.Version
	postponed []*resource // may be settled when Envoy has said more

	types [table.Route + 1]stream
	seq   uint64 // of the last response; settledSeq before the first
	names int    // subscribed by name

	needed   map[table.Ref]int                    // how many contents that the client has or may have need it
	neededOf [table.Route + 1]int                 // by type, names in needed
	resumed  bool                                 // the client has something from a former stream
	unknown  [table.Route + 1]int                 // by type, contents that the client has and we do not know: they may need anything
	outdated bool                                 // see review
	warming  map[table.Ref][]table.Ref            // by resource that something parked-on needs, those parked-on
	parked   map[table.Ref]map[*resource]struct{} // by resource that is to be acknowledged first, what waits for it
	alarm    time.Time                            // when to look for what is too slow; zero: never
	lastAck  time.Time                            // of a CDS response
	pace     pace
}

// stream is the state of one type.
type stream struct {
	seen     bool // the client asked for this type
	wildcard bool
	greet    bool // the client waits for a first answer, even if it is empty
	wanted   int  // resources that have content
	flights  []*flight
	queue    []*resource // sorted, being served
	pending  []*resource // to be looked at after the queue
}

// New is the state of a stream on which nothing was said.
func New(limits Limits) *State {
	return &State{
		limits:    limits.withDefaults(),
		resources: map[table.Ref]*resource{},
		seq:       settledSeq,
		needed:    map[table.Ref]int{},
		warming:   map[table.Ref][]table.Ref{},
		parked:    map[table.Ref]map[*resource]struct{}{},
	}
}

// Apply takes note of what changed in the table. Changes of one publish belong in one call. It lists, for the table,
// versions that the client turns out to have: it has had the same content since before that was wanted.
func (s *State) Apply(changes []table.Change) (had []*table.Version) {
	var seen [table.Route + 1]bool
	for _, c := range changes {
		r := s.at(c.Ref)
		stream := &s.types[c.Ref.Type]
		if r.want != nil {
			stream.wanted--
		}
		if c.Version != nil {
			stream.wanted++
		}
		r.want, r.withheld = c.Version, c.Withheld
		if s.adopt(r) {
			had = append(had, r.want)
		}
		s.mark(r)
		s.wake(c.Ref)
		seen[c.Ref.Type] = true
	}
	for _, t := range table.Types() {
		if seen[t] {
			s.wakeOnlookers(t)
			s.review(t)
		}
	}
	return had
}

// adopt makes use of knowing the content of what the client has. It reports whether the client certainly has the very
// content that is wanted, without having been sent this version.
func (s *State) adopt(r *resource) (has bool) {
	for i := range r.holds {
		h := &r.holds[i]
		if r.want == nil || h.hash != r.want.Hash || h.version == r.want {
			continue
		}
		former := h.version
		s.retain(r, r.want)
		h.version = r.want
		s.dropped(r, former)
		has = has || h.status == acked
	}
	return has
}

// at is the resource with that ref, made if need be.
func (s *State) at(ref table.Ref) *resource {
	r := s.resources[ref]
	if r == nil {
		r = s.unsettle(ref)
		s.resources[ref] = r
		s.peak = max(s.peak, len(s.resources))
	}
	return r
}

// mark has the resource looked at by Next.
func (s *State) mark(r *resource) {
	s.unpark(r)
	if !r.queued {
		r.queued = true
		stream := &s.types[r.ref.Type]
		stream.pending = append(stream.pending, r)
	}
}

// interested reports whether the client subscribed to the resource.
func (s *State) interested(r *resource) bool {
	return r.subscribed || s.types[r.ref.Type].wildcard
}

// peek is the next resource to look at, nil if there is none.
func (t *stream) peek() *resource {
	if len(t.queue) == 0 {
		t.queue, t.pending = t.pending, nil
		slices.SortFunc(t.queue, func(a, b *resource) int { return a.ref.Compare(b.ref) })
	}
	if len(t.queue) == 0 {
		return nil
	}
	return t.queue[0]
}

func (t *stream) pop() {
	t.queue[0].queued = false
	t.queue = t.queue[1:]
	if len(t.queue) == 0 {
		t.queue = nil
	}
}
