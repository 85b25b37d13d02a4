// Package fair shares work for tenants between their namespaces: work that names chosen by tenants cause, such as lookups of
// names and requests to URIs, whose servers may be those of a tenant too, and answer never.
//
// A Pool gives each value a place, as far as Limits permit; values wait in the order of their arrival, and namespaces take
// turns. The work of a value that has a place is done in Attempts, which wait for slots. Those that take long have slots of
// their own, so that what answers at once waits for no others that do not, whatever their number.
package fair

import (
	"container/list"
	"slices"
	"time"
)

// Limits bound what namespaces occupy. Each must be positive.
type Limits struct {
	PerNamespace int // values of one namespace
	Guaranteed   int // values of one namespace, however many others have
	Total        int // values of all namespaces, beyond which each has only what is guaranteed
	Parallel     int // quick attempts of all namespaces at a time
	ParallelEach int // quick attempts of one namespace at a time, of values that have succeeded
	ParallelNew  int // the same of values that have not
	Slow         int // slow attempts of all namespaces at a time
	SlowEach     int // slow attempts of one namespace at a time
}

// Pool gives places to values. Its methods and those of places are not safe for concurrent use; Attempts are.
type Pool[T any] struct {
	limits      Limits
	start       func(T)
	spaces      map[string]*space[T]
	blocked     []*space[T] // with values that wait for the limit of all namespaces alone; served in round robin
	arrivals    []*Place[T] // since the last Admit
	started     int         // values that have a place
	open        bool        // Admit was called
	quick, slow chan struct{}
}

// space is what one namespace occupies.
type space[T any] struct {
	name    string
	started int
	waiting list.List // of *Place[T], in the order of their arrival
	blocked bool      // it is in Pool.blocked
	noted   time.Time // the last time that Note returned true

	known, new, slow chan struct{} // slots of attempts
}

// Place is that of one value.
type Place[T any] struct {
	pool  *Pool[T]
	value T
	space *space[T]
	waits *list.Element // in the queue of the space; nil if the value has a place, or was removed
}

// New returns a Pool, which calls start for each value that gets a place, in Admit and Remove.
func New[T any](l Limits, start func(T)) *Pool[T] {
	return &Pool[T]{
		limits: l, start: start, spaces: map[string]*space[T]{}, quick: make(chan struct{}, l.Parallel), slow: make(chan struct{}, l.Slow),
	}
}

// Add lets a value wait for a place, which it gets in the next Admit at the earliest.
func (p *Pool[T]) Add(namespace string, value T) *Place[T] {
	of := p.spaces[namespace]
	if of == nil {
		l := p.limits
		of = &space[T]{
			name: namespace, known: make(chan struct{}, l.ParallelEach), new: make(chan struct{}, l.ParallelNew), slow: make(chan struct{}, l.SlowEach),
		}
		p.spaces[namespace] = of
	}
	place := &Place[T]{pool: p, value: value, space: of}
	place.waits = of.waiting.PushBack(place)
	p.arrivals = append(p.arrivals, place)
	return place
}

// Admit gives places to values that wait, as far as the limits permit. It returns those which were added since the last call
// and wait on. Its work is that of what was added and of what it starts, however much waits.
func (p *Pool[T]) Admit() (waiting []T) {
	p.open = true
	for _, a := range p.arrivals {
		p.room(a.space)
	}
	p.share()
	for _, a := range p.arrivals {
		if a.Waits() {
			waiting = append(waiting, a.value)
		}
	}
	p.arrivals = nil
	return waiting
}

// room starts what a namespace is guaranteed, and lets it take its turn for more.
func (p *Pool[T]) room(of *space[T]) {
	for of.waiting.Len() > 0 && of.started < p.limits.Guaranteed {
		p.startNext(of)
	}
	if !of.blocked && of.waiting.Len() > 0 && of.started < p.limits.PerNamespace {
		of.blocked = true
		p.blocked = append(p.blocked, of)
	}
}

// share starts values while the limit of all namespaces permits, one of each namespace in turn.
func (p *Pool[T]) share() {
	for len(p.blocked) > 0 && p.started < p.limits.Total {
		of := p.blocked[0]
		p.blocked = p.blocked[1:]
		of.blocked = false
		if of.waiting.Len() > 0 && of.started < p.limits.PerNamespace {
			p.startNext(of)
			p.room(of)
		}
	}
}

// startNext starts the value of a namespace that has waited longest.
func (p *Pool[T]) startNext(of *space[T]) {
	place := of.waiting.Remove(of.waiting.Front()).(*Place[T])
	place.waits = nil
	of.started++
	p.started++
	p.start(place.value)
}

// Remove gives up a place, or ends the wait for one. A value that waits in the namespace may get a place that it is
// guaranteed at once; other places are given by the next Admit.
func (l *Place[T]) Remove() {
	p, of := l.pool, l.space
	if l.waits != nil {
		of.waiting.Remove(l.waits)
		l.waits = nil
	} else {
		p.started--
		of.started--
	}
	if of.started == 0 && of.waiting.Len() == 0 {
		delete(p.spaces, of.name)
		p.blocked = slices.DeleteFunc(p.blocked, func(b *space[T]) bool { return b == of })
		return
	}
	if p.open {
		p.room(of)
	}
}

// Waits reports whether the value waits for a place.
func (l *Place[T]) Waits() bool { return l.waits != nil }

// Note reports whether something may be noted about the namespace now, which is so once in an interval at most.
func (l *Place[T]) Note(interval time.Duration) bool {
	if !l.space.noted.IsZero() && time.Since(l.space.noted) < interval {
		return false
	}
	l.space.noted = time.Now()
	return true
}

// Namespaces returns the number of namespaces with values.
func (p *Pool[T]) Namespaces() int { return len(p.spaces) }
