package dns

import (
	"container/list"
	"context"
	"slices"
	"time"
)

// space is what one namespace occupies.
type space struct {
	started int
	waiting list.List // of *service, in the order of their arrival
	blocked bool      // it is in Resolver.blocked
	warned  time.Time // the last warning in the log

	known, new, slow chan struct{} // slots of lookups
}

// spaceOf returns the space of a namespace; the caller holds the lock.
func (x *Resolver) spaceOf(namespace string) *space {
	of := x.spaces[namespace]
	if of == nil {
		l := x.options.Limits
		of = &space{known: make(chan struct{}, l.ParallelEach), new: make(chan struct{}, l.ParallelNew), slow: make(chan struct{}, l.SlowEach)}
		x.spaces[namespace] = of
	}
	return of
}

// admit starts Services that wait, as far as the limits permit, and publishes that those which have arrived and wait on are not resolved.
// Its work is that of what arrived and of what it starts, however much waits. The caller holds the lock.
func (x *Resolver) admit() {
	if x.ctx == nil {
		return
	}
	for _, s := range x.arrivals {
		x.room(s.space)
	}
	x.share()
	for _, s := range x.arrivals {
		if s.waits != nil {
			s.failure = overLimit
			x.publish(s)
		}
	}
	x.arrivals = nil
	if x.first == nil && x.updated {
		x.first = map[*service]bool{}
		for _, s := range x.services {
			if s.cancel != nil {
				x.first[s] = true
			}
		}
	}
}

// room starts what a namespace is guaranteed, and lets it take its turn for more.
func (x *Resolver) room(of *space) {
	for of.waiting.Len() > 0 && of.started < x.options.Limits.Guaranteed {
		x.startNext(of)
	}
	if !of.blocked && of.waiting.Len() > 0 && of.started < x.options.Limits.PerNamespace {
		of.blocked = true
		x.blocked = append(x.blocked, of)
	}
}

// share starts Services while the limit of all namespaces permits, one of each namespace in turn.
func (x *Resolver) share() {
	for len(x.blocked) > 0 && x.started < x.options.Limits.Total {
		of := x.blocked[0]
		x.blocked = x.blocked[1:]
		of.blocked = false
		if of.waiting.Len() > 0 && of.started < x.options.Limits.PerNamespace {
			x.startNext(of)
			x.room(of)
		}
	}
}

// startNext starts the Service of a namespace that has waited longest.
func (x *Resolver) startNext(of *space) {
	s := of.waiting.Remove(of.waiting.Front()).(*service)
	s.waits, s.failure = nil, ""
	of.started++
	x.started++
	x.launch(s)
}

// launch begins the lookups of a Service that has a place.
func (x *Resolver) launch(s *service) {
	ctx, cancel := context.WithCancel(x.ctx)
	s.cancel = cancel
	x.running.Go(func() { x.follow(ctx, s) })
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

// leave gives up the place of a Service; the caller holds the lock.
func (x *Resolver) leave(s *service) {
	delete(x.first, s)
	of := s.space
	if s.waits != nil {
		of.waiting.Remove(s.waits)
		s.waits = nil
	} else {
		s.cancel()
		x.started--
		of.started--
	}
	if of.started == 0 && of.waiting.Len() == 0 {
		delete(x.spaces, s.name.Namespace)
		x.blocked = slices.DeleteFunc(x.blocked, func(b *space) bool { return b == of })
		return
	}
	if x.ctx != nil {
		x.room(of)
	}
}
