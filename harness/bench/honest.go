package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

const (
	// honestHosts is how many objects the honest tenant edits in turn, so that an edit that takes long does not delay the next one.
	honestHosts = 50
	// requested is the object that gets the requests; it is not edited.
	requested = "requested"
	// requestedTLS is the same with TLS.
	requestedTLS = "requested-tls"
	// editTimeout is when an edit that is not served is missed.
	editTimeout = 10 * time.Second
	// secureShare is the part of the rate of requests that is sent over TLS.
	secureShare = 0.25
)

// honest is a tenant who edits objects and whose hosts get requests, while others do what they do.
type honest struct {
	*bench
	workload *workload
	watched  *statuses // of the tenant's namespace
}

// newHonest creates the tenant's namespace and objects, and returns when they are served.
func (b *bench) newHonest(ctx context.Context) (*honest, error) {
	c := *b.client
	if err := c.createNamespace(ctx); err != nil {
		return nil, err
	}
	w, err := newWorkload(ctx, &c, b.routing, honestHosts, b.target.Backends)
	if err != nil {
		return nil, err
	}
	h := &honest{bench: b, workload: w}
	if h.watched, err = watchStatuses(ctx, &c, b.routing.followed()); err != nil {
		w.close()
		return nil, err
	}
	if err := h.start(ctx); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *honest) start(ctx context.Context) error {
	if err := parallel(ctx, setupWriters, honestHosts, h.workload.create); err != nil {
		return err
	}
	if err := h.workload.createRoute(ctx, h.workload.withoutTLS(requested, 0, 1)); err != nil {
		return err
	}
	for i := range honestHosts {
		h.watched.follow(objectName(i))
	}
	wants := []want{h.workload.wants(honestHosts - 1), {host: h.workload.host(requested), path: firstPath, backend: backendName(0)}}
	if h.target.HTTPS != "" {
		spec := h.workload.withoutTLS(requestedTLS, 0, 1)
		spec.secret = requestedTLS
		pair, err := h.ca.Server(spec.host)
		if err != nil {
			return err
		}
		if err := h.workload.client.createSecret(ctx, spec.secret, pair); err != nil {
			return err
		}
		if err := h.workload.createRoute(ctx, spec); err != nil {
			return err
		}
		wants = append(wants, want{host: spec.host, path: firstPath, backend: backendName(0), secure: true})
	}
	for _, w := range wants {
		if _, err := h.served(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (h *honest) close() {
	h.watched.close()
	h.workload.close()
}

// requests sends requests at the rate, over kept connections: most of them without TLS.
func (h *honest) requests(ctx context.Context) []*load.Load {
	loads := []*load.Load{h.load(ctx, traffic.Request{Host: h.workload.host(requested)}, h.Attacked.Requests*(1-secureShare))}
	if h.target.HTTPS != "" {
		r := traffic.Request{Host: h.workload.host(requestedTLS), TLS: &traffic.TLS{Roots: h.ca.Pool()}}
		loads = append(loads, h.load(ctx, r, h.Attacked.Requests*secureShare))
	}
	return loads
}

func (h *honest) load(ctx context.Context, r traffic.Request, rate float64) *load.Load {
	r.Path = firstPath
	return load.Start(ctx, load.Options{
		Client:  traffic.Client{HTTP: h.target.HTTP, HTTPS: h.target.HTTPS},
		Request: r, Rate: rate, Check: checkBackend,
	})
}

// checkBackend is what is wrong with an answer to the honest tenant's requests.
func checkBackend(a traffic.Answer) string {
	if a.Backend() != backendName(0) || a.Status != 200 {
		return fmt.Sprintf("status %d of backend %q", a.Status, a.Backend())
	}
	return ""
}

// schedule is what happened to edits that were due at a steady rate.
type schedule struct {
	// due is how many there were; missed those that were not served in time, or not made since the same object's last one still waited.
	due, missed int
	// written is from when an edit was due to the answer of the API server, served from there to the first right answer through
	// Envoy. handled is the part of served after the API server has sent the edit to a watch of the tenant's namespace: what the
	// controller and Envoy add, without what large objects of others cost the API server.
	written, served, handled []time.Duration
	// err is the first reason for an edit that was missed.
	err error
}

// late is how many edits took longer to be served.
func (s schedule) late(than time.Duration) (n int) {
	for _, d := range s.served {
		if d > than {
			n++
		}
	}
	return n
}

// edits makes edits at a steady rate until done, whatever becomes of earlier ones, and returns when all are served or missed.
func (h *honest) edits(ctx context.Context, done <-chan struct{}) schedule {
	var (
		s       schedule
		mu      sync.Mutex
		waiting sync.WaitGroup
		free    [honestHosts]sync.Mutex // held during an edit of the object
	)
	miss := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if s.missed++; s.err == nil {
			s.err = err
		}
	}
	for start := time.Now(); ; s.due++ {
		due := start.Add(time.Duration(float64(s.due) * float64(time.Second) / h.Attacked.Edits))
		select {
		case <-done:
			waiting.Wait()
			return s
		case <-time.After(time.Until(due)):
		}
		i := s.due % honestHosts
		if !free[i].TryLock() {
			miss(fmt.Errorf("%s still waits for its last edit", objectName(i)))
			continue
		}
		waiting.Go(func() {
			defer free[i].Unlock()
			at, err := h.editOnce(ctx, i)
			if err != nil {
				miss(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			s.written, s.served = append(s.written, at.written.Sub(due)), append(s.served, at.served.Sub(at.written))
			s.handled = append(s.handled, max(0, at.served.Sub(at.watched)))
		})
	}
}

// editTimes is when the API server answered an edit, when a watch had it, and when it was served.
type editTimes struct{ written, watched, served time.Time }

// editOnce edits object i and waits until the edit is served.
func (h *honest) editOnce(ctx context.Context, i int) (at editTimes, err error) {
	generation, err := h.workload.edit(ctx, i)
	if err != nil {
		return at, err
	}
	at.written = time.Now()
	w := h.workload.wants(i)
	at.served, err = repeatEvery(ctx, editTimeout, "answer to "+w.host+w.path, sparse,
		func(ctx context.Context) (string, bool) { return h.prober.send(ctx, w) })
	if err != nil {
		return at, err
	}
	at.watched, err = h.watched.arrived(ctx, editTimeout, objectName(i), generation)
	return at, err
}

// sparse is the pause between requests that wait for an edit: a twentieth of the time so far, so that many that wait are no load of their own.
func sparse(elapsed time.Duration) time.Duration { return max(interval, elapsed/20) }
