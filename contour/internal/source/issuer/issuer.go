// Package issuer fetches the key sets of JWT providers, so that Envoys get them as data: an Envoy that fetches them itself
// fetches again at each change of a route table, and refuses valid tokens while the issuer is away.
//
// In go the key sets that HTTPProxies want (Update), out go their states (Run). Each is fetched again after its refresh
// interval; after a failure the last good keys are kept for maxAge, and attempts are repeated with back-off. A URI is that
// of a tenant, and the place in the network is that of the controller: addresses are checked after their resolution,
// redirects are not followed, no credentials are sent, and nothing of a response but keys leaves the package. What a
// namespace can occupy is bounded (fair.Limits).
//
// The package does not know objects or the store.
package issuer

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/source/fair"
)

// DefaultLimits are far above honest use.
func DefaultLimits() fair.Limits {
	return fair.Limits{
		PerNamespace: 64, Guaranteed: 4, Total: 4096,
		Parallel: 64, ParallelEach: 2, ParallelNew: 2, Slow: 32, SlowEach: 1,
	}
}

// Options are the settings and dependencies of a Fetcher.
type Options struct {
	Log    *slog.Logger
	Limits fair.Limits // of key sets
	// Endpoints returns the rules for addresses to which the fetcher connects, which are those of endpoints. It is called
	// before each attempt.
	Endpoints func() ir.EndpointSettings
	// Observe is called after each attempt with its outcome: "success", or the name of a failure. May be nil.
	Observe func(outcome string)
}

// Fetcher fetches key sets.
type Fetcher struct {
	options Options
	fetch   func(context.Context, jwks.Request, []byte) (ir.KeySet, outcome)

	mu        sync.Mutex
	ctx       context.Context // of Run; nil before
	owners    map[jwks.Owner]*owner
	documents map[documentKey]*document
	pool      *fair.Pool[*document]
	pending   map[jwks.Owner]jwks.KeySet
	arrived   chan struct{}      // contains a value while pending may not be empty
	updated   bool               // Update was called
	first     map[*document]bool // those of the first Update without an attempt; nil before they are started
	attempted chan struct{}      // closed: see Attempted
	running   sync.WaitGroup
}

// documentKey is what owners share: the same document, fetched in the same way, for one namespace.
type documentKey struct {
	namespace string
	request   jwks.Request
	ca        [sha256.Size]byte
}

// New returns a Fetcher, which Run starts.
func New(o Options) *Fetcher {
	f := &Fetcher{
		options: o, owners: map[jwks.Owner]*owner{}, documents: map[documentKey]*document{},
		pending: map[jwks.Owner]jwks.KeySet{}, arrived: make(chan struct{}, 1), attempted: make(chan struct{}),
	}
	f.pool = fair.New(o.Limits, f.start)
	f.fetch = client{endpoints: o.Endpoints}.fetch
	return f
}

// Attempted returns a channel that is closed when each key set of the first Update was attempted once, and the outcomes were
// delivered.
func (f *Fetcher) Attempted() <-chan struct{} { return f.attempted }

// Update changes what is wanted. It does not block. Without changes it does nothing after the first time, however much waits:
// it follows every edit of any object.
func (f *Fetcher) Update(changes []memo.Change[jwks.Remote, []byte]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(changes) == 0 && f.updated {
		return
	}
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b memo.Change[jwks.Remote, []byte]) int { return compareOwners(a.Key.Owner, b.Key.Owner) })
	wanted := map[jwks.Owner]bool{}
	for _, c := range changes {
		if c.New != nil {
			wanted[c.Key.Owner] = true
			f.want(c.Key, *c.New)
		}
	}
	for _, c := range changes {
		if c.New == nil && !wanted[c.Key.Owner] {
			f.forget(c.Key.Owner)
		}
	}
	f.updated = true
	f.admit()
	f.signal()
}

func compareOwners(a, b jwks.Owner) int {
	if c := a.Proxy.Compare(b.Proxy); c != 0 {
		return c
	}
	return strings.Compare(a.Provider, b.Provider)
}

// Run fetches until the context ends. deliver receives states that changed, and reports false if the context ended; the zero
// state is that of a key set that is no longer wanted.
func (f *Fetcher) Run(ctx context.Context, deliver func(context.Context, map[jwks.Owner]jwks.KeySet) bool) {
	f.mu.Lock()
	f.ctx = ctx
	f.admit()
	f.signal()
	f.mu.Unlock()
	defer f.running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.arrived:
		}
		sets, complete := f.take()
		if len(sets) > 0 && !deliver(ctx, sets) {
			return
		}
		if complete {
			close(f.attempted)
		}
	}
}

// take returns the states to deliver, and reports whether they complete the outcomes of the first Update.
func (f *Fetcher) take() (sets map[jwks.Owner]jwks.KeySet, complete bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sets, f.pending = f.pending, map[jwks.Owner]jwks.KeySet{}
	select {
	case <-f.attempted:
		return sets, false
	default:
		return sets, f.first != nil && len(f.first) == 0
	}
}

func (f *Fetcher) signal() {
	select {
	case f.arrived <- struct{}{}:
	default:
	}
}

// Count returns the number of key sets that are fetched, by state: fresh, stale (the last attempts failed), missing.
func (f *Fetcher) Count() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := map[string]int{"fresh": 0, "stale": 0, "missing": 0}
	for _, d := range f.documents {
		switch {
		case d.keys == "":
			n["missing"]++
		case d.failures > 0:
			n["stale"]++
		default:
			n["fresh"]++
		}
	}
	return n
}

const (
	// maxAge is how long keys are used after the last successful attempt.
	maxAge = 24 * time.Hour
	// maxInherited is how long an owner keeps the keys of its former request while those of its present one were never fetched.
	maxInherited = time.Minute
)
