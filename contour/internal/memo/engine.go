package memo

import (
	"fmt"
	"runtime/debug"
	"slices"
)

// Fault is a violation of the contract of derivations: a panic of a derivation or of another function of a table or index, a
// read of the own result, or a read of an incomplete index.
type Fault struct {
	Table  string
	Key    any
	Reason string
	Stack  []byte // of a panic, else nil
}

// Engine owns a set of tables and updates them.
type Engine struct {
	tables   []*core
	unused   []*node
	reads    []*node // by the running derivations, those of the innermost one last
	deferred deferred
	onFault  func(Fault)
}

// New returns an Engine without tables. It calls onFault, if not nil, at every Fault.
func New(onFault func(Fault)) *Engine {
	if onFault == nil {
		onFault = func(Fault) {}
	}
	return &Engine{onFault: onFault}
}

// Run updates every demanded key, table by table in the order in which they were made, and removes the keys that are
// neither demanded nor read.
func (e *Engine) Run() { e.RunWhile(func() bool { return true }) }

// RunWhile is Run, except that it updates deferred keys, one after the other, only while more returns true. The others keep
// their values, as if what they read had not changed, until a later call.
func (e *Engine) RunWhile(more func() bool) {
	e.runMarked()
	for e.Deferred() && more() {
		e.deferred.next()
		e.runMarked()
	}
}

// runMarked updates the keys that are not deferred.
func (e *Engine) runMarked() {
	for e.sweep(); e.pending(); {
		for _, t := range e.tables {
			t.run()
			e.sweep()
		}
	}
}

// pending reports whether the queue of a table is not empty.
func (e *Engine) pending() bool {
	return slices.ContainsFunc(e.tables, func(t *core) bool { return len(t.queue) > 0 })
}

// Stat is the counters of a table.
type Stat struct {
	Table   string
	Entries int    // present keys
	Runs    uint64 // derivations run since the start
}

// Stats returns one Stat for each derived table, in the order in which they were made.
func (e *Engine) Stats() []Stat {
	stats := make([]Stat, 0, len(e.tables))
	for _, t := range e.tables {
		stats = append(stats, Stat{Table: t.name, Entries: t.size(), Runs: t.runs})
	}
	return stats
}

// Runs returns the number of derivations run since the start, of all tables.
func (e *Engine) Runs() uint64 {
	var sum uint64
	for _, t := range e.tables {
		sum += t.runs
	}
	return sum
}

func (e *Engine) reportFault(n *node, reason string) {
	t := n.self.tableCore()
	e.onFault(Fault{Table: t.name, Key: t.keyOf(n), Reason: reason})
}

// dropLater adds n to the candidates that the next sweep drops if they are unused then.
func (e *Engine) dropLater(n *node) { e.unused = append(e.unused, n) }

// sweep drops unused nodes, and the nodes that only they read.
func (e *Engine) sweep() {
	for len(e.unused) > 0 {
		n := e.unused[len(e.unused)-1]
		e.unused = e.unused[:len(e.unused)-1]
		if n.self == nil || !n.unused() || !n.self.drop() {
			continue
		}
		deps := n.deps
		n.deps, n.self = nil, nil
		for _, d := range deps {
			d.release(n)
		}
	}
}

// core is the part of a table or index that does not depend on its types.
type core struct {
	engine *Engine
	owner  func(*node) string // Options.DeferBy; nil: entries are not deferred
	name   string
	order  int // index among the derived tables; -1 for inputs
	input  bool
	queue  []*node
	runs   uint64
	size   func() int
	keyOf  func(*node) any
}

func (t *core) base() *core { return t }

func (t *core) enqueue(n *node) { t.queue = append(t.queue, n) }

// run refreshes the queued nodes. A refresh can queue more nodes of the same table.
func (t *core) run() {
	for len(t.queue) > 0 {
		batch := t.queue
		t.queue = nil
		for _, n := range batch {
			if n.self != nil && n.demand > 0 {
				n.refresh()
			}
		}
	}
}

// Reader records what one run of a derivation reads.
type Reader struct {
	node  *node
	same  int  // number of first reads that equal those of the previous run
	other bool // a read differed from the previous run; it and the later ones are in the engine's reads
	from  int  // index of these in the engine's reads
}

func (t *core) newReader(n *node) *Reader { return &Reader{node: n, from: len(t.engine.reads)} }

// record records that the derivation read d.
func (r *Reader) record(e *Engine, d *node) {
	former := r.node.deps
	if !r.other && r.same < len(former) && former[r.same] == d {
		r.same++
		return
	}
	if repeated(former[:r.same], d) || repeated(e.reads[r.from:], d) {
		return
	}
	r.other = true
	e.reads = append(e.reads, d)
}

// expected returns the entry that the previous run read at this point, if it has type E. Most derivations repeat the reads
// of the previous run, and need no lookup of them.
func expected[E cell](r *Reader) (e E, ok bool) {
	if !r.other && r.same < len(r.node.deps) {
		e, ok = r.node.deps[r.same].self.(E)
	}
	return e, ok
}

// repeated reports whether d is among the last few reads: derivations often repeat reads.
func repeated(reads []*node, d *node) bool {
	const near = 4
	return slices.Contains(reads[max(0, len(reads)-near):], d)
}

// finish updates the graph with the reads of this run.
func (r *Reader) finish(e *Engine) {
	n := r.node
	switch {
	case r.other:
		n.rewire(distinct(n.deps[:r.same], e.reads[r.from:]))
		clear(e.reads[r.from:])
		e.reads = e.reads[:r.from]
	case r.same < len(n.deps):
		n.rewire(slices.Clone(n.deps[:r.same]))
	}
}

// distinct returns the nodes of two lists without duplicates, in a list of exactly that length; the first list has none.
func distinct(list, more []*node) []*node {
	n := len(list)
	for _, d := range list {
		d.seen = true
	}
	for _, d := range more {
		if !d.seen {
			d.seen = true
			n++
		}
	}
	for _, d := range list {
		d.seen = false
	}
	all := append(make([]*node, 0, n), list...)
	for _, d := range more {
		if d.seen {
			d.seen = false
			all = append(all, d)
		}
	}
	return all
}

func (t *core) fault(key any, p any, stack []byte) {
	t.engine.onFault(Fault{Table: t.name, Key: key, Reason: fmt.Sprint(p), Stack: stack})
}

// guard calls f, which calls a function of the owner of a table, and reports a panic as a fault of the key.
func guard[K any](t *core, k K, f func()) {
	defer func() {
		if p := recover(); p != nil {
			t.fault(k, p, debug.Stack())
		}
	}()
	f()
}

// guardedEqual reports whether two values of the key are equal; values whose comparison panics are not.
func guardedEqual[K, V any](t *core, equal func(a, b V) bool, k K, a, b V) (same bool) {
	guard(t, k, func() { same = equal(a, b) })
	return same
}

// guardedTerms returns the terms of a value, if there is one; a value for which the function panics has none.
func guardedTerms[K, V, I any](t *core, of func(K, V) []I, k K, v *V) (terms []I) {
	if v != nil {
		guard(t, k, func() { terms = of(k, *v) })
	}
	return terms
}
