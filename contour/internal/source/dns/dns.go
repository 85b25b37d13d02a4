// Package dns resolves the names of ExternalName Services, so that Envoys get addresses as endpoints: a cluster that Envoy
// resolves by itself has no addresses when it is replaced, holds up the clusters of others while its name does not answer, and
// uses addresses that nobody has checked.
//
// In go the Services (Update), out go EndpointSlices for them (Run), one for each, which differ from those of the API server in
// nothing but their names. A name is resolved again and again; while it cannot be, its last addresses stay in use, unless
// it does not exist. A name is that of a tenant, and so may be its DNS server: addresses are checked like those of all
// endpoints, and what a namespace can occupy is bounded (Limits). Resolutions do not wait for each other beyond these limits.
//
// The package does not know the store.
package dns

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/source/fair"
	"contour.example/contour/internal/store"
)

// Limits bound what is resolved.
type Limits struct {
	fair.Limits     // of the names of Services
	Addresses   int // of one name
}

// DefaultLimits are far above honest use. A Service with more endpoints than Addresses would count against a budget.
func DefaultLimits() Limits {
	return Limits{
		Limits: fair.Limits{
			PerNamespace: 256, Guaranteed: 16, Total: 4096,
			Parallel: 128, ParallelEach: 4, ParallelNew: 2, Slow: 32, SlowEach: 2,
		},
		Addresses: 64,
	}
}

// Rules say which addresses are used.
type Rules struct {
	Endpoints ir.EndpointSettings
	Family    ir.AddressFamily
}

// Options are the settings and dependencies of a Resolver.
type Options struct {
	Log    *slog.Logger
	Limits Limits
	// Rules is called for each lookup.
	Rules func() Rules
	// Lookup returns the addresses of a name; nil: those of the DNS servers of the system.
	Lookup func(ctx context.Context, host string, family ir.AddressFamily) ([]netip.Addr, error)
	// Observe is called after each lookup with its outcome: "success", or the name of a failure. May be nil.
	Observe func(outcome string)
}

// Resolver resolves the names of Services.
type Resolver struct {
	options Options

	mu        sync.Mutex
	ctx       context.Context // of Run; nil before
	services  map[kobj.Name]*service
	pool      *fair.Pool[*service]
	pending   map[kobj.Key]store.Change
	arrived   chan struct{}     // contains a value while pending may not be empty
	updated   bool              // Update was called
	first     map[*service]bool // those of the first Update without a lookup; nil before they are started
	attempted chan struct{}     // closed: see Attempted
	running   sync.WaitGroup
}

// New returns a Resolver, which Run starts.
func New(o Options) *Resolver {
	if o.Lookup == nil {
		o.Lookup = newSystem().lookup
	}
	x := &Resolver{
		options: o, services: map[kobj.Name]*service{}, pending: map[kobj.Key]store.Change{},
		arrived: make(chan struct{}, 1), attempted: make(chan struct{}),
	}
	x.pool = fair.New(o.Limits.Limits, x.launch)
	return x
}

// Attempted returns a channel that is closed when each name of the first Update was looked up once, and the outcomes were
// delivered.
func (x *Resolver) Attempted() <-chan struct{} { return x.attempted }

// Update changes what is resolved; the zero value of a Service has no name. It does not block. Without changes it does nothing
// after the first time: it follows every edit of any object.
func (x *Resolver) Update(changes []memo.Change[kobj.Name, ir.ExternalService]) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(changes) == 0 && x.updated {
		return
	}
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b memo.Change[kobj.Name, ir.ExternalService]) int { return a.Key.Compare(b.Key) })
	for _, c := range changes {
		if c.New == nil || c.New.Host == "" {
			x.forget(c.Key)
		} else {
			x.want(c.Key, *c.New)
		}
	}
	x.updated = true
	x.admit()
	x.signal()
}

// Run resolves until the context ends. deliver receives the EndpointSlices that changed, and reports false if the context ended.
func (x *Resolver) Run(ctx context.Context, deliver func(context.Context, []store.Change) bool) {
	x.mu.Lock()
	x.ctx = ctx
	x.admit()
	x.signal()
	x.mu.Unlock()
	defer x.running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.arrived:
		}
		batch, complete := x.take()
		if len(batch) > 0 && !deliver(ctx, batch) {
			return
		}
		if complete {
			close(x.attempted)
		}
	}
}

// take returns the changes to deliver, and reports whether they complete the outcomes of the first Update.
func (x *Resolver) take() (batch []store.Change, complete bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.pending {
		batch = append(batch, c)
	}
	clear(x.pending)
	slices.SortFunc(batch, func(a, b store.Change) int { return a.Key.Compare(b.Key) })
	select {
	case <-x.attempted:
		return batch, false
	default:
		return batch, x.first != nil && len(x.first) == 0
	}
}

// admit starts Services that wait, as far as the limits permit, and publishes that those which have arrived and wait on are not resolved.
// The caller holds the lock.
func (x *Resolver) admit() {
	if x.ctx == nil {
		return
	}
	for _, s := range x.pool.Admit() {
		s.failure = overLimit
		x.publish(s)
	}
	if x.first == nil && x.updated {
		x.first = map[*service]bool{}
		for _, s := range x.services {
			if s.cancel != nil {
				x.first[s] = true
			}
		}
	}
}

// launch begins the lookups of a Service that has a place.
func (x *Resolver) launch(s *service) {
	ctx, cancel := context.WithCancel(x.ctx)
	s.cancel = cancel
	if s.failure == overLimit {
		s.failure = ""
	}
	attempts := s.place.Attempts()
	x.running.Go(func() { x.follow(ctx, s, attempts) })
	if s.inherited {
		time.AfterFunc(maxInherited, func() { x.disinherit(ctx, s) })
	}
}

// disinherit ends the addresses of a former name if the present one was not looked up until now.
func (x *Resolver) disinherit(ctx context.Context, s *service) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if ctx.Err() != nil || !s.inherited {
		return
	}
	s.addresses, s.inherited, s.failure = nil, false, noAnswer
	x.publish(s)
	x.signal()
}

// signal makes Run look at pending.
func (x *Resolver) signal() {
	select {
	case x.arrived <- struct{}{}:
	default:
	}
}

// staleAfter is the age of the last answer after which addresses count as stale, although no lookup has failed since: the lookups of
// the namespace wait for those of names that do not answer.
const staleAfter = time.Minute

// Count returns the number of Services by state.
func (x *Resolver) Count() map[string]int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := map[string]int{"resolved": 0, "stale": 0, "unresolved": 0}
	for _, s := range x.services {
		switch {
		case len(s.addresses) == 0:
			n["unresolved"]++
		case s.failures > 0 || s.inherited || time.Since(s.answered) > staleAfter:
			n["stale"]++
		default:
			n["resolved"]++
		}
	}
	return n
}
