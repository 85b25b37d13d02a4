package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"contour.example/harness/bench/result"
	"contour.example/harness/bench/target"
	"contour.example/harness/load"
)

// Propagation specifies the scenario of that name.
type Propagation struct {
	// Changes is how many objects are created and deleted in all, half of them each, and Rate how many of both a second.
	Changes int
	Rate    float64
	// Requests is how many are sent a second to what is served.
	Requests float64
}

const (
	// newest is how many of the created objects exist at a time: the oldest of them is deleted when another one is created.
	newest = 100
	// maxWaiting bounds the objects whose creation or deletion is under way; a change that is due when there are as many is missed.
	maxWaiting = 64
)

// What the propagation shall cost, with 3,000 HTTPRoutes on two cores.
const (
	propagationP50    = 10 * time.Millisecond
	propagationP99    = 50 * time.Millisecond
	propagationMemory = 150.0 // MiB, of the controller
)

// propagation creates and deletes objects at a steady rate, whether or not earlier ones are served yet, and measures how long each takes.
// Meanwhile others get requests: those that are loaded, and the new ones from their first right answer until their deletion is due.
func (b *bench) propagation(ctx context.Context) error {
	if err := b.rest(ctx); err != nil {
		return err
	}
	p := &propagated{bench: b, wrong: map[string]int{}, slots: make(chan struct{}, maxWaiting)}
	before, writes, start := b.target.Used(ctx), b.gatewayEvents(), time.Now()
	measured, cancel := context.WithCancel(ctx)
	defer cancel()
	var peak map[sampled]float64
	var watching sync.WaitGroup
	watching.Go(func() { peak = watchMemory(ctx, b.target, measured.Done()) })
	running := load.Start(ctx, load.Options{Send: p.send, Rate: b.Propagation.Requests})
	p.run(ctx)
	took := time.Since(start)
	cancel()
	p.requests = running.Stop()
	watching.Wait()
	p.memory = peak
	b.recorder.Seconds("took", took)
	p.record(b.target.Used(ctx).Since(before))
	err := errors.Join(p.deleteRest(ctx), b.recordAttached(ctx, writes))
	b.recorder.Verdict("bounds exceeded", p.exceeded())
	return errors.Join(err, ctx.Err())
}

// propagated is what happened.
type propagated struct {
	*bench
	slots   chan struct{} // one for each change that is under way
	waiting sync.WaitGroup

	mu     sync.Mutex
	served []*created // what gets requests
	asked  int

	// written is from when a creation was due to the answer of the API server, seen from there to the first right answer through Envoy,
	// valid to the event of the watch, gone from the answer to a deletion to the first 404.
	written, seen, valid, gone []time.Duration
	// missed is how many changes were not made, or not served in time, and err the first reason.
	missed int
	err    error
	// wrong counts, by kind, the answers before that which are neither that of the object nor 404.
	wrong map[string]int

	requests load.Report
	memory   map[sampled]float64
}

// created is an object of this scenario.
type created struct {
	name    string
	done    chan struct{} // closed when the creation has ended, successful or not
	written time.Time     // known then
	asked   sync.WaitGroup
}

// run makes the changes when they are due and returns when all have ended.
func (p *propagated) run(ctx context.Context) {
	defer p.waiting.Wait()
	creations := p.Propagation.Changes / 2
	alive := min(newest, creations)
	step := time.Duration(2 * float64(time.Second) / p.Propagation.Rate)
	all := make([]*created, creations)
	for i, start := 0, time.Now(); i < creations+alive; i++ {
		due := start.Add(time.Duration(i) * step)
		if pause(ctx, time.Until(due)) != nil {
			return
		}
		if i < creations {
			all[i] = &created{name: nth("propagation", i), done: make(chan struct{})}
			if !p.start(func() { p.create(ctx, all[i], due) }) {
				close(all[i].done)
			}
		}
		if i >= alive {
			p.start(func() { p.remove(ctx, all[i-alive]) })
		}
	}
}

// start runs a change unless too many are under way.
func (p *propagated) start(change func()) bool {
	select {
	case p.slots <- struct{}{}:
	default:
		p.miss(errors.New("too many changes are under way"))
		return false
	}
	p.waiting.Go(func() {
		defer func() { <-p.slots }()
		change()
	})
	return true
}

func (p *propagated) miss(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missed++; p.err == nil {
		p.err = err
	}
}

// create makes an object and waits until it is served; then it gets requests.
func (p *propagated) create(ctx context.Context, c *created, due time.Time) {
	defer close(c.done)
	if err := p.workload.createRoute(ctx, p.workload.withoutTLS(c.name, 0, 1)); err != nil {
		p.miss(err)
		return
	}
	c.written = time.Now()
	at, err := p.until(ctx, p.workload.want(c.name, backendName(1)), absent)
	if err != nil {
		p.miss(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written, p.seen = append(p.written, c.written.Sub(due)), append(p.seen, at.Sub(c.written))
	p.served = append(p.served, c)
}

// remove deletes an object that is served, when the requests to it have been answered, and waits until it is gone.
func (p *propagated) remove(ctx context.Context, c *created) {
	<-c.done
	if !p.retire(c) {
		return // missed already
	}
	c.asked.Wait()
	valid, known := p.statuses.now(c.name)
	if err := p.workload.deleteRoute(ctx, c.name); err != nil {
		p.miss(err)
		return
	}
	deleted := time.Now()
	at, err := p.until(ctx, p.workload.want(c.name, ""), backendName(1))
	if err != nil {
		p.miss(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = append(p.gone, at.Sub(deleted))
	if known {
		p.valid = append(p.valid, max(0, valid.Sub(c.written)))
	}
}

// retire ends the requests to an object; false if there were none.
func (p *propagated) retire(c *created) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.served {
		if p.served[i] == c {
			p.served[i] = p.served[len(p.served)-1]
			p.served = p.served[:len(p.served)-1]
			return true
		}
	}
	return false
}

// absent is in place of the name of a backend: no route matches the request.
const absent = ""

// until sends requests until the answer is as wanted; before, it may be that of another backend, or absent. All others are counted.
func (p *propagated) until(ctx context.Context, w want, before string) (time.Time, error) {
	former := w
	former.backend = before
	return repeatEvery(ctx, editTimeout, "answer to "+w.host+w.path, sparse, func(ctx context.Context) (string, bool) {
		a, err := p.prober.ask(ctx, w)
		if err != nil {
			if ctx.Err() == nil {
				p.count(load.ErrorKind(err))
			}
			return err.Error(), false
		}
		if !w.matches(a) && !former.matches(a) {
			p.count(a.String())
		}
		return a.String(), w.matches(a)
	})
}

func (p *propagated) count(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong[kind]++
}

// send requests something that is served.
func (p *propagated) send(ctx context.Context) (took time.Duration, wrong string) {
	w, answered := p.next()
	defer answered()
	ctx, cancel := context.WithTimeout(ctx, editTimeout)
	defer cancel()
	start := time.Now()
	a, err := p.prober.ask(ctx, w)
	took = time.Since(start)
	switch {
	case err != nil:
		return took, load.ErrorKind(err)
	case !w.matches(a):
		return took, a.String()
	}
	return took, ""
}

// next is what to request: a loaded object and a new one alternately. Call answered when it is answered.
func (p *propagated) next() (w want, answered func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if len(p.served) == 0 || p.asked%2 == 0 {
		return p.workload.wants(p.random.IntN(p.N)), func() {}
	}
	c := p.served[p.random.IntN(len(p.served))]
	c.asked.Add(1)
	return p.workload.want(c.name, backendName(1)), c.asked.Done
}

// record records the figures, and used is what it all cost.
func (p *propagated) record(used target.Usage) {
	r := p.recorder
	r.Latencies("create seen by a request", p.seen)
	r.Latencies("create seen valid by a watch", p.valid)
	r.Latencies("delete seen by a request", p.gone)
	r.Latencies("create written by the API server", p.written)
	r.Value("changes", "", float64(len(p.seen)+len(p.gone)), fmt.Sprintf("%g a second", p.Propagation.Rate))
	r.Value("changes missed", "", float64(p.missed), text(p.err))
	r.Value("wrong answers before that", "", float64(total(p.wrong)), kinds(p.wrong))
	r.Count("requests to what is served", p.requests.Sent)
	r.Value("failed requests", "", float64(p.requests.Failed()), kinds(p.requests.Failures))
	r.Count("requests not sent for lack of answers", p.requests.NotSent)
	r.Distribution("request", p.requests.Latency(0.5), p.requests.Latency(0.99), p.requests.Latency(1), p.requests.Sent)
	p.recordUse(" in all", used, 1)
	for _, s := range allSampled() {
		if v, ok := p.memory[s]; ok {
			r.Value(string(s)+", highest", "MiB", v, "")
		}
	}
}

// faults is how many changes, answers and requests were not as they should be.
func (p *propagated) faults() int {
	return p.missed + total(p.wrong) + p.requests.Failed() + p.requests.NotSent
}

// exceeded is what of the bounds is exceeded.
func (p *propagated) exceeded() (texts []string) {
	add := func(is bool, format string, args ...any) {
		if is {
			texts = append(texts, fmt.Sprintf(format, args...))
		}
	}
	add(len(p.seen) == 0, "no object was served")
	add(p.requests.Sent == 0, "no request was sent")
	if len(p.seen) > 0 {
		p50, p99 := result.Quantile(p.seen, 0.5), result.Quantile(p.seen, 0.99)
		add(p50 > propagationP50, "create p50 %s > %s", p50.Round(100*time.Microsecond), propagationP50)
		add(p99 > propagationP99, "create p99 %s > %s", p99.Round(100*time.Microsecond), propagationP99)
	}
	add(p.faults() > 0, "%d errors", p.faults())
	memory := p.memory[controllerAll]
	add(memory > propagationMemory, "controller %.0f MiB > %.0f MiB", memory, propagationMemory)
	return texts
}

// deleteRest deletes what was missed.
func (p *propagated) deleteRest(ctx context.Context) error {
	if p.missed == 0 {
		return nil
	}
	return parallel(ctx, p.Writers, p.Propagation.Changes/2, func(ctx context.Context, i int) error {
		return ignoreMissing(p.workload.deleteRoute(ctx, nth("propagation", i)))
	})
}

// gatewayEvents is how often the Gateway was seen to change; 0 of other APIs.
func (b *bench) gatewayEvents() int {
	if b.gateways == nil {
		return 0
	}
	return b.gateways.seen()
}

// recordAttached records what the status of the Gateway has cost, and that it is right in the end. Other APIs have none.
func (b *bench) recordAttached(ctx context.Context, before int) error {
	if b.gateways == nil {
		return nil
	}
	attached := 0
	_, err := repeatEvery(ctx, statusGrace, "attached routes", sparse, func(ctx context.Context) (string, bool) {
		o, err := b.client.get(ctx, gateways, gatewayName)
		if err != nil || len(o.Status.Listeners) == 0 {
			return text(err), false
		}
		attached = o.Status.Listeners[0].AttachedRoutes
		return fmt.Sprintf("%d, want %d", attached, b.N), attached == b.N
	})
	b.recorder.Count("writes of the Gateway's status", b.gateways.seen()-before)
	b.recorder.Count("attached routes in the end", attached)
	return err
}

// text of an error, or "".
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func total(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}
