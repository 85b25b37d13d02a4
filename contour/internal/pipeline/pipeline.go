// Package pipeline is the one loop of the controller: it takes a batch of object
// changes, brings the derived tables up to date, publishes what came out to the
// xDS tables of the fleets, and hands on the statuses. A fleet exists while there is a
// listener for it.
//
// The goroutine that runs the loop owns the store and all derived tables; whoever
// wants to look at them asks it to by Inspect. Step is one turn of the loop without
// any waiting: tests and the directory mode drive it by hand; only Run holds back, for
// a moment, edits that refer to what is not there yet. The package decides nothing about
// content.
package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/table"
	"contour.example/contour/internal/xds/translate"
)

// Options says what a Pipeline works with.
type Options struct {
	Config config.Config
	Fleets *fleet.Tables
	Log    *slog.Logger
	// APIs come beside Ingress and HTTPProxy.
	APIs []compile.API
	// Now is the clock by which certificates expire; nil is the system's.
	Now func() time.Time
	// Fault is told of derivations that failed; may be nil.
	Fault func(memo.Fault)
}

// Pipeline holds every stage from the store to the xDS tables.
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
	configs chan config.Config

	listeners map[ir.Fleet]int  // how many there are
	served    map[ir.Fleet]bool // those with a table; nil before the first publish
	blamed    map[kobj.Key]bool // objects with a rejection
}

// New is a Pipeline with an empty store.
func New(o Options) *Pipeline {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pipeline{
		fleets: o.Fleets, log: o.Log, now: o.Now, inspect: make(chan func()), configs: make(chan config.Config),
		listeners: map[ir.Fleet]int{}, blamed: map[kobj.Key]bool{},
	}
	p.engine = memo.New(func(f memo.Fault) {
		p.log.Error("derivation failed", "table", f.Table, "key", f.Key, "reason", f.Reason, "stack", string(f.Stack))
		if o.Fault != nil {
			o.Fault(f)
		}
	})
	p.Store = store.New(p.engine, o.Config)
	p.Compile = compile.New(p.engine, p.Store, o.APIs...)
	p.Translate = translate.New(translate.Sources{
		Engine: p.engine, Listeners: p.Compile.Listeners, Hosts: p.Compile.VirtualHosts,
		Secrets: p.Compile.Ref, Limits: p.Compile.Ref.Limits, Clusters: p.Store.Settings.Cluster.Get, Slices: p.Store.SlicesOf,
	})
	p.followListeners()
	p.Status = status.New(p.engine, p.Store, p.Compile.Objects)
	p.Compile.VirtualHosts.Watch()
	p.Status.Desired.Watch()
	return p
}

// Result is what one turn of the loop brought about.
type Result struct {
	Took        time.Duration
	Objects     int    // objects that changed in a way that can matter
	Derivations uint64 // derivations run
	Published   int    // xDS resources set or removed
	Hosts       []memo.Change[ir.HostKey, *ir.VirtualHost]
	Statuses    []memo.Change[kobj.Key, *status.Desired]
}

// Step takes over a batch and publishes what follows from it.
func (p *Pipeline) Step(batch []store.Change) Result {
	return p.step(func() []kobj.Key { return p.Store.Apply(batch) })
}

// step has apply change the store, and publishes what follows from the objects that it returns.
func (p *Pipeline) step(apply func() []kobj.Key) Result {
	started := p.now()
	changed := apply()
	r := p.settle()
	r.Objects, r.Took = len(changed), p.now().Sub(started)
	return r
}

// Configure takes over another configuration and publishes what follows from it.
func (p *Pipeline) Configure(c config.Config) Result {
	return p.step(func() []kobj.Key {
		p.Store.Configure(c)
		return nil
	})
}

// Stats counts the derivations of every table.
func (p *Pipeline) Stats() []memo.Stat { return p.engine.Stats() }

// settle derives, publishes and collects.
func (p *Pipeline) settle() Result {
	before := p.engine.Runs()
	p.engine.Run()
	if p.expire(p.Compile.Ref.Renewed()) {
		p.engine.Run()
	}
	if p.reshard() {
		p.engine.Run()
	}
	published := p.publish()
	p.blame()
	p.engine.Run()
	return Result{
		Derivations: p.engine.Runs() - before,
		Published:   published,
		Hosts:       p.Compile.VirtualHosts.Changes(),
		Statuses:    p.Status.Desired.Changes(),
	}
}

// reshard shards plain hosts anew where it is time to, and reports whether anything changed.
func (p *Pipeline) reshard() bool {
	changed := p.Translate.Reshard(p.now())
	for _, l := range changed {
		p.log.Info("plain hosts are divided anew", "fleet", l.Fleet, "listener", l.Name, "route_tables", p.Translate.Shards(l))
	}
	return len(changed) > 0
}

// expire notes which of the certificates are past their end date, and reports whether that is news.
func (p *Pipeline) expire(ends map[kobj.Name]time.Time) bool {
	now, news := p.now(), false
	for n, end := range ends {
		if end.Before(now) {
			news = p.Store.Expired.Set(n, struct{}{}) || news
		} else {
			news = p.Store.Expired.Delete(n) || news
		}
	}
	return news
}

// blame tells the objects behind rejected resources.
func (p *Pipeline) blame() {
	said := map[kobj.Key][]report.Diagnostic{}
	for _, rej := range p.fleets.Rejections() {
		for _, k := range p.answerable(rej) {
			d := report.Diagnostic{
				Object: k, Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy,
				Message: "Envoy refused " + describe(rej) + ": " + rej.ErrorDetail,
			}
			if !slices.Contains(said[k], d) { // what is in every shard is refused by each
				said[k] = append(said[k], d)
			}
		}
	}
	for k, ds := range said {
		p.Status.Rejected.Set(k, ds)
		p.blamed[k] = true
	}
	for k := range p.blamed {
		if said[k] == nil {
			p.Status.Rejected.Delete(k)
			delete(p.blamed, k)
		}
	}
}

// answerable are the objects to tell of a rejection: those that it was made of if they have a status or Events,
// else those that use them.
func (p *Pipeline) answerable(r fleet.Rejection) []kobj.Key {
	told := func(k kobj.Key) bool { return p.Store.Reported(k.Kind) }
	if len(r.Origins) == 0 || slices.ContainsFunc(r.Origins, told) {
		return r.Origins
	}
	t := p.fleets.Get(r.Fleet)
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(t.DependentObjects(r.Ref), func(k kobj.Key) bool { return !told(k) })
}

// describe names what was refused; a virtual host without the route table that it happens to be in.
func describe(r fleet.Rejection) string {
	switch {
	case r.Part == "":
		return r.Ref.Type.String() + " resource " + r.Ref.Name
	case r.Ref.Type == table.Route:
		return "virtual host " + r.Part
	}
	return r.Ref.Type.String() + " resource " + r.Ref.Name + ", part " + r.Part
}

// period is how often is looked at what changes with time: the end dates of all certificates, and whether fewer route
// tables are enough.
const period = time.Minute

// Run takes batches until the context ends or the channel is closed, and hands every Result to done. Edits that refer
// to what is not there yet may be taken over a little later than the rest of their batch.
// rejected tells, by a value, that the table's rejections have changed.
func (p *Pipeline) Run(ctx context.Context, batches <-chan []store.Change, rejected <-chan struct{}, done func(Result)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	pending := newPendingEdits(p.Store, p.Compile)
	defer pending.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case batch, ok := <-batches:
			if !ok {
				return
			}
			done(p.step(func() []kobj.Key { return pending.apply(batch) }))
		case <-pending.timer.C:
			if due := pending.overdue(); len(due) > 0 {
				done(p.Step(due))
			}
		case <-rejected:
			done(p.settle())
		case c := <-p.configs:
			done(p.Configure(c))
		case f := <-p.inspect:
			f()
		case <-tick.C:
			if expired := p.expire(p.Compile.Ref.Expiries()); p.reshard() || expired {
				done(p.settle())
			}
		}
	}
}

// Reconfigure has Run take over another configuration. It reports false if the context ended before.
func (p *Pipeline) Reconfigure(ctx context.Context, c config.Config) bool {
	select {
	case p.configs <- c:
		return true
	case <-ctx.Done():
		return false
	}
}

// Inspect runs f on the goroutine of Run, when the tables are at rest. It reports false if the context ended before.
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
