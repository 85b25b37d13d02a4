package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"contour.example/contour/internal/api"
	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/debug"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/metrics"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// core contains the stages that serve and standalone share: the pipeline, the tables that it publishes to, and the xDS server.
type core struct {
	log      *slog.Logger
	metrics  *metrics.Metrics
	fleets   *fleet.Tables
	pipeline *pipeline.Pipeline
	server   *server.Server
	keySets  *keySets
	names    *names
	history  *history.History
	reader   *api.API
	started  time.Time
	identity func() (replica, role string)

	rejected  chan struct{} // a value: the tables' rejections have changed
	voted     chan struct{} // a value: what Envoys say about rejected contents has changed
	published chan struct{} // closed: the first complete configuration is in the tables
	once      sync.Once

	served func() kind.Served // nil: all kinds

	rejectionSeq uint64 // of the rejections that are counted
	untraced     bool   // requests are to be traced and are not
}

func newCore(c config.Config, log *slog.Logger) *core {
	version, revision := buildVersion()
	k := &core{
		log: log, metrics: metrics.New(metrics.Options{Version: version, Revision: revision, PerHost: c.Process.MetricsPerHost}),
		rejected: make(chan struct{}, 1), voted: make(chan struct{}, 1), published: make(chan struct{}),
		history: history.New(), started: time.Now(), identity: func() (string, string) { return "", apiv1.Standalone },
	}
	k.fleets = fleet.New(notify(k.rejected))
	k.fleets.OnVotes(notify(k.voted))
	k.pipeline = pipeline.New(pipeline.Options{Config: c, Fleets: k.fleets, Log: log, Fault: k.metrics.Fault, Served: k.servedKinds})
	k.keySets = newKeySets(c, k.pipeline, k.metrics, log)
	k.names = newNames(c, k.pipeline, k.metrics, log)
	k.server = server.New(server.Options{
		Fleet: k.fleets.Get, Log: log, Hooks: k.hooks(), Limits: session.Limits{DrainTime: c.XDS.DrainTime},
		Clients: server.ClientLimits{PerAddress: c.Process.Server.PerAddress},
	})
	k.reader = k.newAPI()
	return k
}

func (k *core) servedKinds() kind.Served {
	if k.served == nil {
		return nil
	}
	return k.served()
}

// notify returns a function that puts a value into the channel, unless the previous one has not been read.
func notify(c chan<- struct{}) func() {
	return func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// run feeds the pipeline with batches until the context ends; done is called with every result.
func (k *core) run(ctx context.Context, batches <-chan []store.Change, done func(pipeline.Result)) error {
	started := time.Now()
	k.pipeline.Run(ctx, batches, k.rejected, func(r pipeline.Result) {
		k.record(r)
		k.metrics.Batch(metrics.Batch{
			Ended: time.Now(), Took: r.Took, PublishTook: r.PublishTook, Published: r.Published,
			Tables: k.pipeline.Stats(), ObjectsByKind: k.pipeline.Store.Len(),
		})
		k.countRejections()
		k.metrics.OverBudget(k.pipeline.Compile.Refused())
		k.metrics.Waiting(k.pipeline.Waiting())
		k.countProxies(r)
		k.keySets.update(r)
		k.names.update(r)
		k.logTracing()
		done(r)
		k.once.Do(func() {
			k.log.Info("first configuration published", "resources", r.Published, "after", time.Since(started))
			close(k.published)
		})
	})
	return ctx.Err()
}

// firstAttempts is how long a controller that starts waits for key sets and addresses before it serves Envoys: without keys,
// routes that require tokens respond with 503, and without addresses those to names, also on an Envoy that had them from a
// former controller.
const firstAttempts = 5 * time.Second

// awaitFirst waits until the first key sets and addresses are published, or firstAttempts.
func (k *core) awaitFirst(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, firstAttempts)
	defer cancel()
	for _, attempted := range []<-chan struct{}{k.keySets.fetcher.Attempted(), k.names.resolver.Attempted()} {
		select {
		case <-attempted:
		case <-limited.Done():
			return
		}
	}
	k.pipeline.AwaitFinished(limited) // all of them are published, in as many iterations as that takes
}

// logTracing logs when requests are to be traced and are not, and when they are again: an ExtensionService that does not exist has no
// status.
func (k *core) logTracing() {
	wanted := k.pipeline.Store.Settings.Tracing.Peek().Collector
	l, _ := k.pipeline.Compile.Listeners.Peek(classic.HTTP())
	untraced := wanted != (kobj.Name{}) && l != nil && l.Client.Tracing == nil
	switch {
	case untraced == k.untraced:
	case untraced:
		k.log.Warn("requests are not traced, because the ExtensionService does not exist or has an error", "object", "ExtensionService "+wanted.String())
	case wanted != (kobj.Name{}):
		k.log.Info("requests are traced", "object", "ExtensionService "+wanted.String())
	}
	k.untraced = untraced
}

// countRejections keeps the gauges of rejections.
func (k *core) countRejections() {
	seq := k.fleets.RejectionSeq()
	if seq == k.rejectionSeq {
		return
	}
	k.rejectionSeq = seq
	k.metrics.Rejected(len(k.fleets.Rejections()))
	byNode := map[string]int{}
	for _, d := range k.fleets.Disagreements() {
		byNode[d.Node]++
	}
	k.metrics.Disagreements(byNode)
}

// countProxies keeps the numbers of HTTPProxies.
func (k *core) countProxies(r pipeline.Result) {
	of := func(d **status.Desired) *metrics.Proxy {
		if d == nil || *d == nil || (*d).HTTPProxy() == nil {
			return nil
		}
		return &metrics.Proxy{
			Namespace: (*d).Key.Namespace, Root: (*d).Root, Host: (*d).Host, Status: (*d).HTTPProxy().CurrentStatus,
		}
	}
	for _, c := range r.Statuses {
		k.metrics.Proxy(of(c.Old), of(c.New))
	}
}

func (k *core) hooks() server.Hooks {
	m := k.metrics
	return server.Hooks{
		Connected: func(p server.Peer) {
			m.Sessions(1)
			k.history.Join(p.ID, p.Node, p.Fleet)
		},
		Disconnected: func(p server.Peer) {
			m.Sessions(-1)
			k.history.Leave(p.ID, p.Fleet)
		},
		Synced:  func(p server.Peer, seq uint64) { k.history.Acknowledge(p.ID, p.Fleet, seq, time.Now()) },
		Sent:    func(t table.Type, set, removed, bytes int) { m.Sent(t.String(), set, removed, bytes) },
		Acked:   func(t table.Type) { m.Answered(t.String(), true) },
		Nacked:  func(t table.Type) { m.Answered(t.String(), false) },
		Overdue: func(o session.Overdue) { m.Overdue(o.Need.Type.String()) },
		Refused: m.Refused,
	}
}

// debug returns the stages that the debug pages show.
func (k *core) debug() debug.Sources {
	return debug.Sources{
		Inspect: func(ctx context.Context, f func(debug.View)) bool {
			return k.pipeline.Inspect(ctx, func(p *pipeline.Pipeline) {
				f(debug.View{Store: p.Store, Compile: p.Compile, Status: p.Status, Stats: p.Stats})
			})
		},
		Fleets: k.fleets, Sessions: k.server.Sessions, Acked: k.server.Acked,
	}
}

// record makes the result of an iteration known to readers.
func (k *core) record(r pipeline.Result) {
	k.reader.Follow(api.Changes{Statuses: r.Statuses, Hosts: r.Hosts})
	if r.Objects+r.Published+len(r.Hosts)+len(r.Statuses) == 0 {
		if !r.Unfinished {
			k.history.Finish()
		}
		return
	}
	k.history.Record(history.Change{
		Seen: r.Started, Published: time.Now(), Named: r.Named, Objects: r.Objects, Hosts: len(r.Hosts), Statuses: len(r.Statuses),
		Resources: r.Published, Bytes: r.Bytes, Seqs: r.Seqs, Unfinished: r.Unfinished,
	})
}

// newAPI returns the API of the stages.
func (k *core) newAPI() *api.API {
	version, revision := buildVersion()
	return api.New(api.Sources{
		Inspect: func(ctx context.Context, f func(api.View)) bool {
			return k.pipeline.Inspect(ctx, func(p *pipeline.Pipeline) {
				f(api.View{Store: p.Store, Compile: p.Compile, Status: p.Status})
			})
		},
		Fleets: k.fleets, Sessions: k.server.Sessions, Acked: k.server.Acked, History: k.history,
		Version: version, Build: revision, Started: k.started, Now: time.Now, Identity: func() (string, string) { return k.identity() },
		Published: func() bool {
			select {
			case <-k.published:
				return true
			default:
				return false
			}
		},
	})
}
