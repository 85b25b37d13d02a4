package dns

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// The times of lookups. Envoy, by which Contour resolves, repeats lookups as often.
const (
	timeout    = 5 * time.Second
	refresh    = 5 * time.Second
	maxBackoff = 30 * time.Second
)

// fewFailures is how many failures in a row change nothing while there are addresses: a lost packet changes no status, and one
// server of several that does not know a name ends no traffic.
const fewFailures = 2

// service is a Service whose name is resolved. Its fields are guarded by the lock of the Resolver.
type service struct {
	name   kobj.Name
	of     ir.ExternalService
	cancel context.CancelFunc // nil while it waits for the limits

	addresses []netip.Addr // the last good ones, in order; after a change of the name those of the former one
	inherited bool         // addresses are those of the former name
	failures  int          // in a row
	failure   failure      // the last one

	state   string // as Count names it; "": not counted
	sent    bool
	current published
}

// published is what the EndpointSlice of a Service says.
type published struct {
	addresses []netip.Addr
	ports     []ir.NamedPort
	problem   string
}

func (p published) equal(o published) bool {
	return p.problem == o.problem && slices.Equal(p.addresses, o.addresses) && slices.Equal(p.ports, o.ports)
}

// want resolves the name of a Service; the caller holds the lock. The addresses of a former name are used until the new one was
// looked up, so that an edit of the name fails no request.
func (x *Resolver) want(n kobj.Name, of ir.ExternalService) {
	former := x.services[n]
	if former != nil && former.of.Host == of.Host {
		former.of = of
		if former.sent {
			x.publish(former)
		}
		return
	}
	s := &service{name: n, of: of}
	if former != nil {
		s.addresses, s.inherited = former.addresses, len(former.addresses) > 0
		s.sent, s.current = former.sent, former.current
		x.leave(former)
	}
	x.services[n] = s
	x.count(s, true)
	x.waiting = append(x.waiting, s)
}

// forget ends the resolution for a Service; the caller holds the lock.
func (x *Resolver) forget(n kobj.Name) {
	s := x.services[n]
	if s == nil {
		return
	}
	x.leave(s)
	delete(x.services, n)
	if s.sent {
		x.pending[sliceOf(n)] = store.Change{Key: sliceOf(n)}
	}
}

// leave ends the lookups for a Service; the caller holds the lock.
func (x *Resolver) leave(s *service) {
	x.count(s, false)
	delete(x.first, s)
	if s.cancel == nil {
		return // admit removes it from those that wait
	}
	s.cancel()
	x.started--
	of := x.spaces[s.name.Namespace]
	if of.started--; of.started == 0 {
		delete(x.spaces, s.name.Namespace)
	}
}

// admit starts the Services that wait, as far as the limits permit, and publishes that the others are not resolved; the caller
// holds the lock.
func (x *Resolver) admit() {
	if x.ctx == nil {
		return
	}
	var still []*service
	for _, s := range x.waiting {
		if x.services[s.name] != s {
			continue
		}
		of := x.spaces[s.name.Namespace]
		if of == nil {
			of = &space{lookups: make(chan struct{}, x.options.Limits.ParallelEach)}
		}
		if x.started >= x.options.Limits.Total || of.started >= x.options.Limits.PerNamespace {
			still = append(still, s)
			s.addresses, s.inherited, s.failure = nil, false, overLimit
			x.count(s, true)
			x.publish(s)
			continue
		}
		x.spaces[s.name.Namespace] = of
		x.started++
		of.started++
		s.failure = ""
		ctx, cancel := context.WithCancel(x.ctx)
		s.cancel = cancel
		x.running.Go(func() { x.follow(ctx, s, of) })
	}
	x.waiting = still
	if x.first == nil && x.updated {
		x.first = map[*service]bool{}
		for _, s := range x.services {
			if s.cancel != nil {
				x.first[s] = true
			}
		}
	}
}

// follow looks the name up again and again.
func (x *Resolver) follow(ctx context.Context, s *service, of *space) {
	for x.attempt(ctx, s, of) {
		x.mu.Lock()
		delay := s.delay(rand.Float64()) //nolint:gosec // jitter
		x.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// attempt looks the name up once, when the limits permit. It reports false if the context ended.
func (x *Resolver) attempt(ctx context.Context, s *service, of *space) bool {
	for _, slots := range []chan struct{}{of.lookups, x.total} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return false
		}
	}
	x.mu.Lock()
	host := s.of.Host
	x.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, outcome := x.resolve(limited, host)
	if ctx.Err() != nil {
		return false
	}
	x.record(s, found, outcome)
	if x.options.Observe != nil {
		x.options.Observe(outcome.name())
	}
	return true
}

// record notes the outcome of a lookup and publishes what it changes.
func (x *Resolver) record(s *service, found []netip.Addr, outcome failure) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.services[s.name] != s {
		return
	}
	s.failure = outcome
	switch {
	case outcome == "":
		s.addresses, s.inherited, s.failures = found, false, 0
	case s.inherited || outcome.definite() && s.failures >= fewFailures:
		s.addresses, s.inherited = nil, false
		fallthrough
	default:
		s.failures++
		if n := s.failures; n&(n-1) == 0 {
			x.options.Log.Warn("name of a Service cannot be resolved, retrying", "service", s.name.String(), "host", s.of.Host, "failures", n, "problem", string(outcome))
		}
	}
	delete(x.first, s)
	x.count(s, true)
	x.publish(s)
	x.signal()
}

// publish makes the EndpointSlice of the Service pending if it changed; the caller holds the lock.
func (x *Resolver) publish(s *service) {
	now := published{addresses: s.addresses, ports: s.of.Ports}
	if len(s.addresses) == 0 || s.failures > fewFailures {
		now.problem = string(s.failure)
	}
	if s.sent && now.equal(s.current) {
		return
	}
	s.sent, s.current = true, now
	x.pending[sliceOf(s.name)] = store.Change{Key: sliceOf(s.name), Object: now.slice(s.name)}
}

// delay is the time until the next lookup; jitter is between 0 and 1.
func (s *service) delay(jitter float64) time.Duration {
	d := refresh
	if n := s.failures - 1; n >= 0 {
		d = min(time.Second<<min(n, 10), maxBackoff)
	}
	return time.Duration(float64(d) * (1 - 0.2*jitter)) // replicas and names do not ask at the same time
}

// sliceOf is the key of the EndpointSlice of a Service. No object in a cluster can have this name.
func sliceOf(n kobj.Name) kobj.Key {
	return kobj.Of(kobj.EndpointSlice, n.Namespace, "externalname:"+n.Name)
}

// slice returns the EndpointSlice.
func (p published) slice(of kobj.Name) *discoveryv1.EndpointSlice {
	out := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.Namespace, Name: sliceOf(of).Name.Name,
			Labels: map[string]string{discoveryv1.LabelServiceName: of.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	if p.problem != "" {
		out.Annotations = map[string]string{kind.UnresolvedAnnotation: p.problem}
	}
	for _, port := range p.ports {
		out.Ports = append(out.Ports, discoveryv1.EndpointPort{Name: new(port.Name), Port: new(port.Number), Protocol: new(corev1.ProtocolTCP)})
	}
	for _, ip := range p.addresses {
		if ip.Is6() {
			out.AddressType = discoveryv1.AddressTypeIPv6
		}
		out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{Addresses: []string{ip.String()}})
	}
	return out
}
