package votestore

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/flowcontrol"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
	"contour.example/contour/internal/xds/translate"
	"contour.example/contour/internal/xds/votes"
)

// Bounds of the writes: a write waits for a token, of which one comes back every two seconds, and longer after failures.
const (
	writesPerSecond = 0.5
	writesAtOnce    = 10
	writeTimeout    = 5 * time.Second
	minRetry        = time.Second
	maxRetry        = time.Minute
)

// planShare bounds the time of plans, whose cost grows with the votes and is paid at each change of one: after a plan there is
// no other for planShare times as long as it took.
const planShare = 9

// checkPeriod is the interval of the checks that depend on time.
const checkPeriod = 5 * time.Second

// ConfigMap is a Store, or what stands for one in tests.
type ConfigMap interface {
	Watch(ctx context.Context, changed func(map[string]string), failed func(error))
	Patch(ctx context.Context, set map[string]string, removed []string) (map[string]string, error)
}

// Fleets are the tables of this replica.
type Fleets interface {
	Votes() map[ir.Fleet][]table.Vote
	SetRemoteVotes(map[ir.Fleet][]table.Vote)
}

// Options are the dependencies of a Sharer.
type Options struct {
	ConfigMap ConfigMap
	Fleets    Fleets
	Self      string          // a name that no other replica has
	Changed   <-chan struct{} // a value: the votes of this replica changed
	Log       *slog.Logger
	// Observe is called with the number of shared votes, and with how many of this replica are beyond the bounds.
	Observe func(shared, unshared int)
	// Written is called after each write.
	Written func(ok bool)
}

// Sharer shares the votes of this replica, and gives those of others to its tables. It also keeps how the hosts of listeners are sharded,
// for the next controller. Without the ConfigMap, or the permission to use it, verdicts remain those of this replica's Envoys.
type Sharer struct {
	options  Options
	exchange *votes.Exchange
	limiter  flowcontrol.PassiveRateLimiter
	remote   map[ir.Fleet][]table.Vote
	retry    *time.Timer
	backoff  time.Duration // after a failed write; 0: it did not fail
	notUntil time.Time     // the next plan
	known    bool          // the ConfigMap exists
	failed   struct{ read, write error }
	failing  bool   // what was logged last
	sharded  string // the value of shardingsKey

	loaded func()
	read   chan struct{} // closed by loaded

	mu      sync.Mutex
	data    map[string]string                     // to be read
	former  map[ir.ListenerKey]translate.Sharding // as the ConfigMap said when it was loaded
	own     map[ir.ListenerKey]translate.Sharding // to be written; nil: nothing
	failure error                                 // of the watch
	arrived chan struct{}                         // a value: data, failure or own is new
}

// NewSharer returns a Sharer; Run starts it.
func NewSharer(o Options) *Sharer {
	read := make(chan struct{})
	s := &Sharer{
		options: o, exchange: votes.New(o.Self), limiter: flowcontrol.NewTokenBucketPassiveRateLimiter(writesPerSecond, writesAtOnce),
		retry: time.NewTimer(time.Hour), read: read, loaded: sync.OnceFunc(func() { close(read) }), arrived: make(chan struct{}, 1),
	}
	s.retry.Stop()
	return s
}

// Loaded returns a channel that is closed when the tables have the votes of others, or there is no way to read them. While
// the API server is not available, it remains open.
func (s *Sharer) Loaded() <-chan struct{} { return s.read }

// Shardings returns how a former controller sharded the hosts of listeners, once Loaded is closed.
func (s *Sharer) Shardings() map[ir.ListenerKey]translate.Sharding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.former
}

// SetShardings sets how this replica shards the hosts of listeners. The map must not be modified afterwards.
func (s *Sharer) SetShardings(own map[ir.ListenerKey]translate.Sharding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = own
	s.wake()
}

// Run shares votes until the context ends.
func (s *Sharer) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	watching.Go(func() { s.options.ConfigMap.Watch(ctx, s.changed, func(err error) { s.arrive(nil, err) }) })
	defer watching.Wait()
	defer s.retry.Stop()
	check := time.NewTicker(checkPeriod)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.arrived:
		case <-s.options.Changed:
		case <-s.retry.C:
		case <-check.C:
		}
		s.take()
		s.write(ctx)
	}
}

func (s *Sharer) changed(data map[string]string) {
	if data == nil {
		data = map[string]string{}
	}
	s.arrive(data, nil)
}

func (s *Sharer) arrive(data map[string]string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
	if data != nil {
		s.data = data
	}
	s.wake()
}

// wake makes Run look at what is new; the caller holds the lock.
func (s *Sharer) wake() {
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// take reads what has arrived, and gives the votes of others to the tables.
func (s *Sharer) take() {
	s.mu.Lock()
	data, err := s.data, s.failure
	s.data = nil
	s.mu.Unlock()
	switch {
	case data != nil:
		s.known = true
		s.accept(data)
	case errors.Is(err, ErrMissing):
		s.known = false
	}
	s.failed.read = err
	s.report()
	s.spread()
	if s.known || err != nil && (errors.Is(err, ErrMissing) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)) {
		s.loaded()
	}
}

// accept reads the data of the ConfigMap.
func (s *Sharer) accept(data map[string]string) {
	s.exchange.Read(data)
	s.sharded = data[shardingsKey]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.former == nil {
		s.former = decodeShardings(s.sharded, time.Now())
	}
}

// spread gives the votes of others to the tables if they have changed.
func (s *Sharer) spread() {
	others := s.exchange.Others(time.Now())
	if !maps.EqualFunc(others, s.remote, slices.Equal) {
		s.remote = others
		s.options.Fleets.SetRemoteVotes(others)
	}
}

// write writes what differs, unless it must wait.
func (s *Sharer) write(ctx context.Context) {
	if !s.known {
		return
	}
	now := time.Now()
	if now.Before(s.notUntil) {
		s.retry.Reset(s.notUntil.Sub(now))
		return
	}
	plan := s.exchange.Plan(s.options.Fleets.Votes(), now)
	s.notUntil = time.Now().Add(planShare * time.Since(now))
	s.options.Observe(s.exchange.Len(), plan.Unshared)
	own := s.takeShardings()
	planShardings(&plan, own, s.sharded, now)
	switch {
	case plan.Empty():
		return
	case !s.limiter.TryAccept():
		s.restoreShardings(own)
		s.notUntil = now.Add(minRetry)
		s.retry.Reset(minRetry)
		return
	}
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	data, err := s.options.ConfigMap.Patch(limited, plan.Set, plan.Removed)
	cancel()
	if ctx.Err() != nil {
		return
	}
	s.options.Written(err == nil)
	s.failed.write = err
	s.report()
	if err != nil {
		s.restoreShardings(own)
		s.backoff = min(max(minRetry, 2*s.backoff), maxRetry)
		s.notUntil = now.Add(s.backoff)
		s.retry.Reset(s.backoff)
		return
	}
	s.backoff = 0
	s.accept(data)
	s.spread()
}

// takeShardings returns what is to be written of the shardings, once. A replica writes each change of its own once, whatever others
// write.
func (s *Sharer) takeShardings() map[ir.ListenerKey]translate.Sharding {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.own
	s.own = nil
	return own
}

// restoreShardings keeps for the next write what could not be written, unless there is something newer.
func (s *Sharer) restoreShardings(own map[ir.ListenerKey]translate.Sharding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		s.own = own
	}
}

// report logs once that votes are not shared, and why, and once that they are again.
func (s *Sharer) report() {
	err := cmp.Or(s.failed.read, s.failed.write)
	switch failing := err != nil; {
	case failing == s.failing:
		return
	case failing:
		s.options.Log.Warn("verdicts of Envoys are not shared with other replicas", "error", err)
	default:
		s.options.Log.Info("verdicts of Envoys are shared with other replicas again")
	}
	s.failing = err != nil
}
