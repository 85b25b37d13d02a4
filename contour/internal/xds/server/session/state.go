// Package session is the state machine of one Envoy's delta xDS stream. Its input is the client's
// requests, the table's changes and the time; its output is responses, one at a time, and the
// accepted and rejected versions for the table.
//
// It decides the order: a resource is sent when what it needs is acknowledged, and removed when
// nothing that the client has, or may have, needs it (a cluster that Envoy itself calls a while later). Its memory is bounded by the
// number of resources and of subscribed names, whatever the client does.
//
// It is pure: no I/O, goroutine, lock, clock or logger. One goroutine at a time may use a State.
package session

import (
	"cmp"
	"slices"
	"time"

	"contour.example/contour/internal/shrinkmap"
	"contour.example/contour/internal/xds/table"
)

// Limits bounds a session. Zero values mean the defaults.
type Limits struct {
	Names               int           // names subscribed to over all types, and reported in one request; 500,000
	NameBytes           int           // length of one name or version; 4 KiB
	NamesBytes          int           // of all names subscribed to, and of all names and versions reported; 64 MiB
	ClusterWindow       int           // CDS responses in flight; 8
	SecretWindow        int           // SDS responses in flight; 32
	ResponseBytes       int           // one response; 3 MiB
	UnacceptedBytes     int           // of one response, in versions that no Envoy has accepted; 1 MiB
	UnacceptedResources int           // the same, counted; 500
	LargeListener       int           // bytes of a listener from which on it is paced; 64 KiB
	LongestRest         time.Duration // at most, between two large listeners, or two large resources of tenants; 2 s
	LargeEndpoints      int           // bytes of a set of endpoints from which on it is paced; 64 KiB
	LargeRoutes         int           // the same of a route table of one host; 16 KiB
	LargeSecret         int           // the same of a Secret; 32 KiB
	DrainingBytes       int           // of large listeners within the drain time, before they wait for it; 48 MiB
	DrainTime           time.Duration // Envoy's --drain-time-s; 60 s
	LongestDrain        time.Duration // at most, for which a large listener waits until Envoy releases former ones; 15 s
	NeedWait            time.Duration // how long an unacknowledged resource blocks what needs it, except a listener; 5 s
	HealthCheckWait     time.Duration // the same for a cluster with health checks; 1 s
	CallTime            time.Duration // how long a cluster that Envoy itself calls stays when nothing needs it any more; 10 s
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.Names, 500_000)
	set(&l.NameBytes, 4<<10)
	set(&l.NamesBytes, 64<<20)
	set(&l.ClusterWindow, 8)
	set(&l.SecretWindow, 32)
	set(&l.ResponseBytes, 3<<20)
	set(&l.UnacceptedBytes, 1<<20)
	set(&l.UnacceptedResources, 500)
	set(&l.LargeListener, 64<<10)
	set(&l.LargeEndpoints, 64<<10)
	set(&l.LargeRoutes, 16<<10)
	set(&l.LargeSecret, 32<<10)
	set(&l.DrainingBytes, 48<<20)
	l.LongestRest = cmp.Or(l.LongestRest, 2*time.Second)
	l.DrainTime = cmp.Or(l.DrainTime, time.Minute)
	l.LongestDrain = cmp.Or(l.LongestDrain, 15*time.Second)
	l.NeedWait = cmp.Or(l.NeedWait, 5*time.Second)
	l.HealthCheckWait = cmp.Or(l.HealthCheckWait, time.Second)
	l.CallTime = cmp.Or(l.CallTime, 10*time.Second)
	return l
}

// State is the state of one session.
type State struct {
	limits    Limits
	resources map[table.Ref]*resource // without the synced ones
	peak      int                     // the most resources since the map was made
	synced    table.Versions          // see synced.go
	postponed []*resource             // may become synced when Envoy has reported more

	types     [table.Runtime + 1]typeState
	seq       uint64 // of the last response; syncedSeq before the first
	names     int    // subscribed by name
	nameBytes int    // of the names subscribed to, and of the names and versions reported

	needed   shrinkmap.Map[table.Ref, uses]       // by what needs it among the contents that the client has or may have
	neededOf [table.Runtime + 1]int               // by type, names in needed
	resumed  bool                                 // the client has something from a former stream
	unknown  [table.Runtime + 1]int               // by type, contents that the client has and the table does not: their needs are unknown
	outdated bool                                 // see review
	warming  map[table.Ref][]table.Ref            // by resource that a blocking cluster needs, the blocking clusters
	blocked  map[table.Ref]map[*resource]struct{} // by resource that must be acknowledged first, the resources blocked by it
	checkAt  time.Time                            // when to look for overdue resources; zero: never
	lastAck  time.Time                            // of a CDS response
	pace     pace
	rests    rests

	deferrals []deferral // oldest first
}

// uses counts the contents that need a resource.
type uses struct {
	all       int
	subscribe int // those of a collective type, from which Envoy subscribes to the resource: a route table does not
}

// typeState is the state of one type.
type typeState struct {
	seen             bool // the client has sent a request for this type
	wildcard         bool
	firstResponseDue bool // the client expects a first response, even an empty one
	wanted           int  // resources that have content
	flights          []*flight
	queue            []*resource // sorted, being served
	pending          []*resource // queued after queue
}

// New is the state of a new stream.
func New(limits Limits) *State {
	return &State{
		limits:    limits.withDefaults(),
		resources: map[table.Ref]*resource{},
		seq:       syncedSeq,
		warming:   map[table.Ref][]table.Ref{},
		blocked:   map[table.Ref]map[*resource]struct{}{},
	}
}

// Apply records what changed in the table. Changes of one publish belong in one call. It returns, for the table,
// the versions that the client already has from a former stream.
func (s *State) Apply(changes []table.Change) (had []*table.Version) {
	var seen [table.Runtime + 1]bool
	for _, c := range changes {
		r := s.at(c.Ref)
		state := &s.types[c.Ref.Type]
		if r.want != nil {
			state.wanted--
		}
		if c.Version != nil {
			state.wanted++
		}
		r.want, r.withheld = c.Version, c.Withheld
		if c.Version != r.rejected {
			r.rejected = nil // if the table returns to it, it is to be sent again
		}
		if s.matchReported(r) {
			had = append(had, r.want)
		}
		s.mark(r)
		s.recheckDependants(c.Ref)
		seen[c.Ref.Type] = true
	}
	for _, t := range table.Types() {
		if seen[t] {
			s.recheckBlocked(t)
			s.review(t)
		}
	}
	return had
}

// matchReported links contents that the client reported only by hash to the wanted version. It reports whether the
// client certainly has the wanted content, although this version was not sent to it.
func (s *State) matchReported(r *resource) (has bool) {
	for i := range r.contents {
		h := &r.contents[i]
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

// at returns the resource with that ref; it creates one if there is none.
func (s *State) at(ref table.Ref) *resource {
	r := s.resources[ref]
	if r == nil {
		r = s.restore(ref)
		s.resources[ref] = r
		s.peak = max(s.peak, len(s.resources))
	}
	return r
}

// mark queues the resource for Next.
func (s *State) mark(r *resource) {
	s.unblock(r)
	s.wake(r)
	if !r.queued {
		r.queued = true
		state := &s.types[r.ref.Type]
		state.pending = append(state.pending, r)
	}
}

// interested reports whether the client subscribed to the resource.
func (s *State) interested(r *resource) bool {
	return r.subscribed || s.types[r.ref.Type].wildcard
}

// peek returns the next queued resource, nil if there is none.
func (t *typeState) peek() *resource {
	if len(t.queue) == 0 {
		t.queue, t.pending = t.pending, nil
		slices.SortFunc(t.queue, func(a, b *resource) int { return a.ref.Compare(b.ref) })
	}
	if len(t.queue) == 0 {
		return nil
	}
	return t.queue[0]
}

func (t *typeState) pop() {
	t.queue[0].queued = false
	t.queue = t.queue[1:]
	if len(t.queue) == 0 {
		t.queue = nil
	}
}
