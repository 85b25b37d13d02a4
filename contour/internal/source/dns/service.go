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
	"contour.example/contour/internal/source/fair"
	"contour.example/contour/internal/store"
)

// The times of lookups. Envoy, by which Contour resolves, repeats lookups as often.
const (
	timeout    = 5 * time.Second
	quick      = 500 * time.Millisecond // of it, in which most answers come
	refresh    = 5 * time.Second
	maxBackoff = 30 * time.Second

	// maxInherited is how long the addresses of a former name are used while the present one waits for its first lookup.
	maxInherited = time.Minute
	// warnings is the least time between two warnings in the log about the names of one namespace.
	warnings = time.Minute
)

// fewChanges is how many answers in a row may differ before the name is looked up less often: each change costs an update of all Envoys.
const fewChanges = 3

// fewFailures is how many failures in a row change nothing while there are addresses: a lost packet changes no status, and one
// server of several that does not know a name ends no traffic.
const fewFailures = 2

// manyOutages is how often that number is doubled for a name that keeps failing and recovering: each time costs derivations and
// statuses of all that use it, without any request to the API server. They are forgotten after calm.
const (
	manyOutages = 3
	calm        = time.Hour
)

// patience is the number of failures in a row that change nothing while there are addresses.
func (s *service) patience() int { return fewFailures << min(s.outages, manyOutages) }

// recovered notes an answer after failures.
func (s *service) recovered() {
	if s.failures <= s.patience() {
		return
	}
	if time.Since(s.ended) > calm {
		s.outages = 0
	}
	s.outages++
	s.ended = time.Now()
}

// service is a Service whose name is resolved. Its fields are guarded by the lock of the Resolver.
type service struct {
	name   kobj.Name
	of     ir.ExternalService
	place  *fair.Place[*service]
	cancel context.CancelFunc // ends the lookups; nil while it waits

	addresses []netip.Addr // the last good ones, in order; after a change of the name those of the former one
	inherited bool         // addresses are those of the former name
	failures  int          // in a row
	failure   failure      // the last one
	answered  time.Time    // the last success; zero: none
	changes   int          // answers in a row that differed from the one before
	outages   int          // that were reported and have ended, without a long time between them
	ended     time.Time    // the last of them

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
// looked up, so that an edit of the name fails no request. An edit keeps the place of the Service.
func (x *Resolver) want(n kobj.Name, of ir.ExternalService) {
	s := x.services[n]
	switch {
	case s == nil:
		s = &service{name: n, of: of}
		s.place = x.pool.Add(n.Namespace, s)
		x.services[n] = s
		return
	case s.of.Host != of.Host && !s.place.Waits():
		s.cancel()
		s.of, s.inherited = of, len(s.addresses) > 0
		s.failures, s.failure, s.answered, s.changes, s.outages = 0, "", time.Time{}, 0, 0
		x.launch(s)
		return
	}
	s.of = of
	if s.sent {
		x.publish(s)
	}
}

// forget ends the resolution for a Service; the caller holds the lock.
func (x *Resolver) forget(n kobj.Name) {
	s := x.services[n]
	if s == nil {
		return
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.place.Remove()
	delete(x.first, s)
	delete(x.services, n)
	if s.sent {
		x.pending[sliceOf(n)] = store.Change{Key: sliceOf(n)}
	}
}

// follow looks the name up again and again.
func (x *Resolver) follow(ctx context.Context, s *service, attempts *fair.Attempts) {
	for x.attempt(ctx, s, attempts) {
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
func (x *Resolver) attempt(ctx context.Context, s *service, attempts *fair.Attempts) bool {
	x.mu.Lock()
	host := s.of.Host
	x.mu.Unlock()
	var found []netip.Addr
	var outcome failure
	if !attempts.Do(ctx, quick, timeout-quick, func(ctx context.Context) fair.Outcome {
		found, outcome = x.resolve(ctx, host)
		return outcome.attempt()
	}) {
		return false
	}
	warns, ok := x.record(ctx, s, found, outcome)
	if !ok {
		return false
	}
	if warns {
		x.options.Log.Warn("name of a Service cannot be resolved, retrying", "service", s.name.String(), "host", host, "problem", string(outcome))
	}
	if x.options.Observe != nil {
		x.options.Observe(outcome.name())
	}
	return true
}

// record notes the outcome of a lookup and publishes what it changes. It reports whether to warn, and false if the lookups of the
// context have ended.
func (x *Resolver) record(ctx context.Context, s *service, found []netip.Addr, outcome failure) (warns, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if ctx.Err() != nil {
		return false, false
	}
	s.failure = outcome
	switch {
	case outcome == "":
		s.recovered()
		if slices.Equal(s.addresses, found) {
			s.changes = 0
		} else if !s.answered.IsZero() {
			s.changes++
		}
		s.addresses, s.inherited, s.failures, s.answered = found, false, 0, time.Now()
	case s.inherited || outcome.definite() && s.failures >= s.patience():
		s.addresses, s.inherited = nil, false
		fallthrough
	default:
		s.failures++
	}
	warns = s.failures > fewFailures && s.place.Note(warnings)
	delete(x.first, s)
	x.publish(s)
	x.signal()
	return warns, true
}

// publish makes the EndpointSlice of the Service pending if it changed; the caller holds the lock.
func (x *Resolver) publish(s *service) {
	now := published{addresses: s.addresses, ports: s.of.Ports}
	if len(s.addresses) == 0 || s.failures > s.patience() {
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
	d := min(refresh<<min(max(s.changes-fewChanges, 0), 10), maxBackoff)
	if n := s.failures - 1; n >= 0 {
		d = min(time.Second<<min(n, 10), maxBackoff)
	}
	return time.Duration(float64(d) * (1 - 0.2*jitter)) // replicas and names do not ask at the same time
}

// sliceOf is the key of the EndpointSlice of a Service.
func sliceOf(n kobj.Name) kobj.Key {
	return kobj.Key{Kind: kobj.EndpointSlice, Name: kind.ExternalSlice(n)}
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
