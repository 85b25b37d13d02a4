// Package pipeline is the loop of the controller: it applies a batch of object
// changes to the store, runs the derivations, publishes changed resources to the
// xDS tables of the fleets, and returns changed statuses. A fleet exists while it has a
// listener.
//
// The goroutine that runs the loop owns the store and all derived tables; other
// goroutines read them through Inspect. Step is one iteration of the loop and never
// waits: tests and the directory mode call it directly; only Run delays edits whose
// references do not resolve yet. The package does not interpret objects.
package pipeline

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"time"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/translate"
)

// Options are the settings and dependencies of a Pipeline.
type Options struct {
	Config config.Config
	Fleets *fleet.Tables
	Log    *slog.Logger
	// APIs are compiled in addition to Ingress and HTTPProxy.
	APIs []compile.API
	// Now is the clock for the expiry of certificates; nil: the system clock.
	Now func() time.Time
	// Fault is called for each derivation that fails; may be nil.
	Fault func(memo.Fault)
	// Served returns which kinds are served; nil: all are. It is called at the beginning of each iteration.
	Served func() kind.Served
}

// Pipeline contains every stage from the store to the xDS tables.
type Pipeline struct {
	Store     *store.Store
	Compile   *compile.Compile
	Translate *translate.Tables
	Status    *status.Status

	engine  *memo.Engine
	fleets  *fleet.Tables
	log     *slog.Logger
	now     func() time.Time
	inspect chan func()
	steps   chan func() Result // of others than the source of objects

	sliced  bool      // the loop is Run
	started time.Time // when the present iteration began
	waited  bool      // the last iteration had no time for deferred keys; the next one updates at least one, whatever its batch takes
	backlog backlog
	held    heldStatuses

	servedKinds func() kind.Served

	listeners map[ir.Fleet]int  // number of listeners; no zeros
	served    map[ir.Fleet]bool // fleets with an xDS table; nil before the first publish
	rejected  *rejections
	states    states
	shares    *shares
}

// New returns a Pipeline with an empty store.
func New(o Options) *Pipeline {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Served == nil {
		o.Served = func() kind.Served { return nil }
	}
	p := &Pipeline{
		servedKinds: o.Served, fleets: o.Fleets, log: o.Log, now: o.Now, inspect: make(chan func()), steps: make(chan func() Result),
		listeners: map[ir.Fleet]int{}, rejected: newRejections(), held: heldStatuses{},
	}
	p.shares = newShares(o.Now)
	p.fleets.SetFallback(translate.Fallback)
	p.engine = memo.New(func(f memo.Fault) {
		p.log.Error("derivation failed", "table", f.Table, "key", f.Key, "reason", f.Reason, "stack", string(f.Stack))
		if o.Fault != nil {
			o.Fault(f)
		}
	})
	p.Store = store.New(p.engine, o.Config)
	p.Compile = compile.New(p.engine, p.Store, o.APIs...)
	p.Translate = translate.New(translate.Sources{
		Engine: p.engine, Listeners: p.Compile.Listeners, Chains: p.Compile.Chains, Hosts: p.Compile.VirtualHosts,
		Secrets: p.Compile.Ref, Limits: p.Compile.Ref.CircuitBreakers, Clusters: p.Store.Settings.Cluster.Get,
		Endpoints: p.Store.Settings.Endpoints.Get, Slices: p.Compile.Ref.SlicesOf, Runtime: p.Store.Settings.Runtime.Get,
		ExtensionTargets: p.Compile.Extensions.Targets,
	})
	p.followListeners()
	p.followStates()
	p.Status = status.New(p.engine, p.Store, p.Compile.API, p.Compile.Objects)
	p.Compile.VirtualHosts.Watch()
	p.Status.Desired.Watch()
	return p
}

// Result is the outcome of one iteration of the loop.
type Result struct {
	Started     time.Time
	Took        time.Duration
	Objects     int        // changed objects that derivations may depend on
	Named       []kobj.Key // the first maxNamed of them
	Derivations uint64     // derivations run
	Published   int        // xDS resources set or removed
	Bytes       int        // of the resources set
	// Seqs is the sequence numbers of what was published, by fleet; fleets to which nothing was are not in it.
	Seqs        map[ir.Fleet]uint64
	PublishTook time.Duration
	Hosts       []memo.Change[ir.HostKey, *ir.VirtualHost]
	Statuses    []memo.Change[kobj.Key, *status.Desired]
	KeySets     []memo.Change[jwks.Remote, []byte]           // to fetch, with the CA bundle
	External    []memo.Change[kobj.Name, ir.ExternalService] // with a name to resolve
	Fleets      []memo.Change[kobj.Name, gatewayapi.Provisioned]
	Shardings   map[ir.ListenerKey]translate.Sharding // all of them; nil: unchanged
	// Unfinished: a later iteration derives and publishes the rest.
	Unfinished bool
}

// Step applies a batch to the store, derives all that depends on it and publishes.
func (p *Pipeline) Step(batch []store.Change) Result {
	return p.step(func() []kobj.Key { return p.apply(batch) })
}

// apply applies a batch to the store and returns the changed objects. The statuses of those whose change defers keys wait.
func (p *Pipeline) apply(batch []store.Change) (changed []kobj.Key) {
	for i := range batch {
		deferral := p.engine.TrackDeferred(func() { changed = append(changed, p.Store.Apply(batch[i:i+1])...) })
		if !deferral.Done() {
			p.held.hold(batch[i].Key, deferral)
		}
	}
	return changed
}

// step calls apply, which changes the store and returns the changed objects, then derives and publishes.
func (p *Pipeline) step(apply func() []kobj.Key) Result {
	p.started = p.now()
	p.Store.SetServed(p.servedKinds())
	changed := apply()
	r := p.deriveAndPublish(changed...)
	r.Objects, r.Named = len(changed), slices.Clone(changed[:min(len(changed), maxNamed)])
	r.Started, r.Took = p.started, p.now().Sub(p.started)
	return r
}

// maxNamed bounds the changed objects that a Result names.
const maxNamed = 20

// rederive derives and publishes what is deferred, or has changed otherwise than by objects.
func (p *Pipeline) rederive() Result { return p.step(func() []kobj.Key { return nil }) }

// applySome applies the backlog in portions, each twice as large as the one before, and derives what depends on each, as long as this
// iteration has time. The first portion is one change, since one can cost as much as thousands of others.
func (p *Pipeline) applySome(apply func([]store.Change) []kobj.Key) (changed []kobj.Key) {
	if p.served == nil {
		return apply(p.backlog.take(math.MaxInt))
	}
	for n := 1; ; n *= 2 {
		changed = append(changed, apply(p.backlog.take(n))...)
		if p.backlog.empty() {
			return changed
		}
		p.Compile.Gateways.AttachPolicies()
		p.engine.RunWhile(func() bool { return false })
		if !p.inTime() {
			return changed
		}
	}
}

// slice is about the time that an iteration of Run may take before it leaves what is deferred to the next one, in whose batch there
// may be changes of others. The first iteration is not bounded: Envoys get a complete configuration.
const slice = 8 * time.Millisecond

// inTime reports whether this iteration has taken less than a slice.
func (p *Pipeline) inTime() bool {
	return !p.sliced || p.served == nil || p.now().Sub(p.started) < slice
}

// Configure replaces the configuration, derives and publishes.
func (p *Pipeline) Configure(c config.Config) Result {
	return p.step(func() []kobj.Key {
		p.Store.Configure(c)
		return nil
	})
}

// Stats returns the number of derivations of every table.
func (p *Pipeline) Stats() []memo.Stat { return p.engine.Stats() }

// deriveAndPublish runs the derivations after changes of the objects, publishes changed resources, and returns all changes.
func (p *Pipeline) deriveAndPublish(changed ...kobj.Key) Result {
	before := p.engine.Runs()
	resumed := false // a deferred key is updated
	more := func() bool {
		next := p.inTime() || p.waited && !resumed
		resumed = resumed || next
		return next
	}
	p.Compile.Run(func() { p.engine.RunWhile(more) })
	if p.updateExpired(p.Compile.Ref.ChangedExpiries()) {
		p.engine.RunWhile(more)
	}
	if p.reshard() {
		p.engine.RunWhile(more)
	}
	loaded := p.served != nil
	begun := p.now()
	published := p.publish()
	publishTook := p.now().Sub(begun)
	p.shares.rate = p.Store.Settings.Budgets.Peek().FilterChains
	if updates := p.Translate.ListenerUpdates(); loaded { // the first configuration is nobody's change
		p.shares.charge(updates, changed...)
	}
	p.reportRejections()
	p.updateStates()
	p.engine.RunWhile(more)
	p.waited = p.engine.Deferred() && !resumed
	return Result{
		Derivations: p.engine.Runs() - before,
		Published:   published.resources,
		Bytes:       published.bytes,
		Seqs:        published.seqs,
		PublishTook: publishTook,
		Hosts:       p.Compile.VirtualHosts.Changes(),
		Statuses:    p.held.admit(p.Status.Desired.Changes()),
		KeySets:     p.Compile.Ref.ChangedRemotes(),
		External:    p.Compile.Ref.ChangedExternal(),
		Fleets:      p.Compile.Gateways.Fleets.Changes(),
		Shardings:   p.Translate.ChangedShardings(),
		Unfinished:  p.unfinished(),
	}
}

// reshard updates the number of shards of each HTTP listener, and reports whether a number changed.
func (p *Pipeline) reshard() bool {
	changed := p.Translate.Reshard(p.now())
	for _, l := range changed {
		p.log.Info("HTTP hosts are resharded", "fleet", l.Fleet, "listener", l.Name, "route_tables", p.Translate.Shards(l))
	}
	return len(changed) > 0
}

// updateExpired sets which of the certificates have expired, and reports whether that set changed.
func (p *Pipeline) updateExpired(ends map[kobj.Name]time.Time) bool {
	now, changed := p.now(), false
	for n, end := range ends {
		if end.Before(now) {
			changed = p.Store.Expired.Set(n, struct{}{}) || changed
		} else {
			changed = p.Store.Expired.Delete(n) || changed
		}
	}
	return changed
}

// period is the interval of the checks that depend on time: the expiry of certificates, and whether fewer shards are
// enough.
const period = time.Minute

// Run processes batches until the context ends or the channel is closed, and calls done with every Result. Edits whose
// references do not resolve yet may be applied later than the rest of their batch, by at most pendingTime. Batches that take long, and
// changes that concern many keys, are derived and published in slices, with the batches that arrive meanwhile between them;
// the status of a changed object follows the last slice of its change. rejected receives a value when rejections of a fleet, or the kinds that
// are served, have changed.
func (p *Pipeline) Run(ctx context.Context, batches <-chan []store.Change, rejected <-chan struct{}, done func(Result)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	pending := newPendingEdits(p.Store, p.Compile, p.apply)
	defer pending.timer.Stop()
	defer p.rejected.confirm.Stop()
	defer p.shares.timer.Stop()
	p.sliced = true
	apply := func(batch []store.Change) {
		p.backlog.add(batch)
		done(p.step(func() []kobj.Key { return p.applySome(pending.apply) }))
	}
	always := make(chan struct{}) // can always be received from
	close(always)
	for {
		unfinished := always
		if !p.unfinished() {
			unfinished = nil
		}
		select {
		case <-ctx.Done():
			return
		case batch, ok := <-batches:
			if !ok {
				return
			}
			apply(p.shares.admit(batch))
		case <-p.shares.timer.C:
			ifAny(p.shares.due(), apply)
		case <-pending.timer.C:
			ifAny(pending.overdue(), func(due []store.Change) { done(p.Step(due)) })
		case <-unfinished:
			batch, ok := poll(batches)
			if !ok {
				return
			}
			apply(p.shares.admit(batch))
		case <-rejected:
			if p.served != nil { // else the first batch is not there yet, and there is nothing to publish
				done(p.rederive())
			}
		case <-p.rejected.confirm.C:
			p.confirmRejections()
			done(p.rederive())
		case step := <-p.steps:
			done(step())
		case f := <-p.inspect:
			f()
		case <-tick.C:
			p.checkPeriodically(done)
		}
	}
}

// checkPeriodically publishes what has changed by time alone.
func (p *Pipeline) checkPeriodically(done func(Result)) {
	if expired := p.updateExpired(p.Compile.Ref.Expiries()); p.reshard() || expired {
		done(p.rederive())
	}
}

// ifAny calls f with the changes if there are any.
func ifAny(changes []store.Change, f func([]store.Change)) {
	if len(changes) > 0 {
		f(changes)
	}
}

// poll returns a batch that can be received at once, or nil; false if the channel is closed.
func poll(batches <-chan []store.Change) ([]store.Change, bool) {
	select {
	case batch, ok := <-batches:
		return batch, ok
	default:
		return nil, true
	}
}

// unfinished reports whether the last iteration left something to do.
func (p *Pipeline) unfinished() bool {
	return p.engine.Deferred() || !p.backlog.empty()
}

// AwaitFinished waits until an iteration of Run left nothing to do, so that what Run has received is published. It reports false if the
// context ended before.
func (p *Pipeline) AwaitFinished(ctx context.Context) bool {
	for finished := false; !finished; {
		if !p.Inspect(ctx, func(p *Pipeline) { finished = !p.unfinished() }) {
			return false
		}
	}
	return true
}

// Reconfigure makes Run call Configure. It reports false if the context ended before.
func (p *Pipeline) Reconfigure(ctx context.Context, c config.Config) bool {
	return p.deliver(ctx, func() Result { return p.Configure(c) })
}

// deliver makes Run call a step. It reports false if the context ended before.
func (p *Pipeline) deliver(ctx context.Context, step func() Result) bool {
	select {
	case p.steps <- step:
		return true
	case <-ctx.Done():
		return false
	}
}

// Inspect calls f on the goroutine of Run, between two iterations. It reports false if the context ended before.
func (p *Pipeline) Inspect(ctx context.Context, f func(*Pipeline)) bool {
	finished := make(chan struct{})
	select {
	case p.inspect <- func() { defer close(finished); f(p) }:
		<-finished
		return true
	case <-ctx.Done():
		return false
	}
}
