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
		for _, d := range n.deps {
			d.release(n)
		}
		n.deps, n.self = nil, nil
	}
}

// core is the part of a table that does not depend on its types.
type core struct {
	engine *Engine
	name   string
	order  int // place among the derived tables; inputs have -1
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
	node *node
	pos  int     // how many reads were the same as last time
	deps []*node // the reads, once they differ from last time
	same bool
}

func newReader(n *node) *Reader { return &Reader{node: n, same: true} }

// record notes that the derivation read d.
func (r *Reader) record(d *node) {
	if !r.same {
		r.deps = append(r.deps, d)
		return
	}
	former := r.node.deps
	if r.pos < len(former) && former[r.pos] == d {
		r.pos++
		return
	}
	r.same = false
	r.deps = append(append(make([]*node, 0, len(former)+1), former[:r.pos]...), d)
}

// finish hands the reads of this run to the graph.
func (r *Reader) finish() {
	n := r.node
	switch {
	case !r.same:
		n.rewire(n.deps, r.deps)
	case r.pos < len(n.deps):
		n.rewire(n.deps, n.deps[:r.pos:r.pos])
	}
}

func (t *core) fault(key any, p any, stack []byte) {
	t.engine.onFault(Fault{Table: t.name, Key: key, Reason: fmt.Sprint(p), Stack: stack})
}
