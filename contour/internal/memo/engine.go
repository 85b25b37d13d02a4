package memo

import (
	"fmt"
	"slices"
)

// Fault tells of a broken contract: a derivation that panicked, read its own result, or read an index too early.
type Fault struct {
	Table  string
	Key    any
	Reason string
	Stack  []byte // of a panic, else nil
}

// Engine owns a set of tables and brings them up to date.
type Engine struct {
	tables  []*core
	unused  []*node
	reads   []*node // of the derivations that are running, the innermost one's last
	onFault func(Fault)
}

// New is an Engine without tables; onFault, if not nil, is told of every Fault as it happens.
func New(onFault func(Fault)) *Engine {
	if onFault == nil {
		onFault = func(Fault) {}
	}
	return &Engine{onFault: onFault}
}

// Run brings every driven key up to date, table by table in the order they were made,
// and forgets the keys that nobody reads any more.
func (e *Engine) Run() {
	for e.sweep(); e.pending(); {
		for _, t := range e.tables {
			t.run()
			e.sweep()
		}
	}
}

// pending reports whether a driven key waits for its turn.
func (e *Engine) pending() bool {
	return slices.ContainsFunc(e.tables, func(t *core) bool { return len(t.queue) > 0 })
}

// Stat counts what a table holds and did.
type Stat struct {
	Table   string
	Entries int    // keys held now
	Runs    uint64 // derivations run since the start
}

// Stats has one Stat per derived table, in the order the tables were made.
func (e *Engine) Stats() []Stat {
	stats := make([]Stat, 0, len(e.tables))
	for _, t := range e.tables {
		stats = append(stats, Stat{Table: t.name, Entries: t.size(), Runs: t.runs})
	}
	return stats
}

// Runs is the number of derivations run since the start, over all tables.
func (e *Engine) Runs() uint64 {
	var sum uint64
	for _, t := range e.tables {
		sum += t.runs
	}
	return sum
}

func (e *Engine) bug(n *node, reason string) {
	t := n.self.owner()
	e.onFault(Fault{Table: t.name, Key: t.keyOf(n), Reason: reason})
}

// forget remembers n as a candidate for dropping; whether it really is unused shows at the next sweep.
func (e *Engine) forget(n *node) { e.unused = append(e.unused, n) }

// sweep drops unused nodes and, as a consequence, what only they read.
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

// core is the part of a table that does not depend on its types.
type core struct {
	engine *Engine
	name   string
	order  int // place among the derived tables; inputs have -1
	input  bool
	queue  []*node
	runs   uint64
	size   func() int
	keyOf  func(*node) any
}

func (t *core) enqueue(n *node) { t.queue = append(t.queue, n) }

// run refreshes the queued nodes; refreshing may queue more of the same table.
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
	same  int  // how many reads were those of last time
	other bool // a read differed from last time; it and what followed stand in the engine's reads
	from  int  // where in the engine's reads
}

func (t *core) newReader(n *node) *Reader { return &Reader{node: n, from: len(t.engine.reads)} }

// record notes that the derivation read d.
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

// expected is the entry that was read next last time, if it is one of type E: most derivations read the same again, and
// what they read need not be searched for.
func expected[E cell](r *Reader) (e E, ok bool) {
	if !r.other && r.same < len(r.node.deps) {
		e, ok = r.node.deps[r.same].self.(E)
	}
	return e, ok
}

// repeated reports whether d was read just before: derivations ask for the same few things again and again.
func repeated(reads []*node, d *node) bool {
	const near = 4
	return slices.Contains(reads[max(0, len(reads)-near):], d)
}

// finish hands the reads of this run to the graph.
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

// distinct is the nodes of two lists, the first of which has none twice.
func distinct(list, more []*node) []*node {
	all := append(make([]*node, 0, len(list)+len(more)), list...)
	for _, n := range list {
		n.seen = true
	}
	for _, n := range more {
		if !n.seen {
			n.seen = true
			all = append(all, n)
		}
	}
	for _, n := range all {
		n.seen = false
	}
	return slices.Clip(all)
}

func (t *core) fault(key any, p any, stack []byte) {
	t.engine.onFault(Fault{Table: t.name, Key: key, Reason: fmt.Sprint(p), Stack: stack})
}
