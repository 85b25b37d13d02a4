package memo

import "runtime/debug"

// Options says how a table is made.
type Options[K comparable, V any] struct {
	Name string // for counters and faults

	// Derive computes the value of a key.
	Derive func(*Reader, K) V

	// Equal compares two values; an equal result leaves the former one in place and stops the wave.
	Equal func(a, b V) bool

	// Rescue, if not nil, makes the value of a key whose derivation panicked, from the last good one
	// (the zero value if ok is false) and the panic's text. Without it the last good value stays.
	Rescue func(k K, last V, ok bool, text string) V
}

// Table is a derived table.
type Table[K comparable, V any] struct {
	core
	Options[K, V]
	entries keyed[K, *derived[K, V]]
	rescued map[K]good[V] // keys whose value Rescue has made
	changes changeLog[K, V]
	hooks   []func(k K, old, new *V)
}

// derived is an entry of a Table.
type derived[K comparable, V any] struct {
	node
	table *Table[K, V]
	key   K
	value V
}

// good is the last value that Derive returned, if it ever did.
type good[V any] struct {
	value V
	ok    bool
}

// NewTable adds a derived table to the engine. Tables are brought up to date in the order they were added.
func NewTable[K comparable, V any](e *Engine, o Options[K, V]) *Table[K, V] {
	t := &Table[K, V]{Options: o, entries: newKeyed[K, *derived[K, V]]()}
	t.core = core{
		engine: e, name: o.Name, order: len(e.tables),
		size:  func() int { return t.entries.len() },
		keyOf: func(n *node) any { return n.self.(*derived[K, V]).key },
	}
	e.tables = append(e.tables, &t.core)
	return t
}

// Get is the value of k, derived now if need be, and recorded as read.
func (t *Table[K, V]) Get(r *Reader, k K) V {
	d, ok := expected[*derived[K, V]](r)
	if !ok || d.table != t || d.key != k {
		d = t.entry(k)
	}
	if d.running { // a cycle; recording it would make it run for ever
		t.engine.bug(&d.node, "a derivation reads its own result")
		return d.value
	}
	r.record(t.engine, &d.node)
	if d.state != clean {
		d.refresh()
	}
	return d.value
}

// Peek is the value of k as of the last Run, for whoever stands outside the derivations.
func (t *Table[K, V]) Peek(k K) (V, bool) {
	d, ok := t.entries.get(k)
	if !ok || !d.has {
		var zero V
		return zero, false
	}
	return d.value, true
}

// Keys calls f for every key held, in no particular order, until it returns false; f may not change the table.
func (t *Table[K, V]) Keys(f func(K) bool) {
	t.entries.each(func(d *derived[K, V]) bool { return f(d.key) })
}

// Demand makes the table hold k until Release is called as often as Demand was.
func (t *Table[K, V]) Demand(k K) {
	d := t.entry(k)
	d.demand++
	if d.demand > 1 {
		return
	}
	if d.has {
		t.list(k, nil, &d.value)
	}
	if d.state != clean {
		t.enqueue(&d.node)
	}
}

// Release takes one Demand of k back.
func (t *Table[K, V]) Release(k K) {
	d, ok := t.entries.get(k)
	if !ok || d.demand == 0 {
		return
	}
	d.demand--
	if d.demand > 0 {
		return
	}
	if d.has {
		t.list(k, &d.value, nil)
	}
	if d.unused() {
		t.engine.forget(&d.node)
	}
}

func (t *Table[K, V]) entry(k K) *derived[K, V] {
	d, ok := t.entries.get(k)
	if !ok {
		d = &derived[K, V]{table: t, key: k}
		d.self, d.state = d, dirty
		t.entries.add(d)
	}
	return d
}

func (d *derived[K, V]) owner() *core { return &d.table.core }
func (d *derived[K, V]) ownKey() K    { return d.key }

func (d *derived[K, V]) recompute() {
	t := d.table
	t.runs++
	r := t.newReader(&d.node)
	d.running = true
	v := d.derive(r)
	d.running = false
	r.finish(t.engine)
	d.state = clean
	if d.has && t.Equal(d.value, v) {
		return
	}
	d.set(v)
	d.invalidate()
}

// set replaces the value and tells who listens to changes.
func (d *derived[K, V]) set(v V) {
	t := d.table
	var old *V
	if d.has && (t.changes.on || len(t.hooks) > 0) {
		former := d.value
		old = &former
	}
	d.value, d.has = v, true
	t.changes.add(d.key, old, &d.value)
	if d.demand > 0 {
		t.list(d.key, old, &d.value)
	}
}

// derive runs the derivation; a panic costs only this key.
func (d *derived[K, V]) derive(r *Reader) (v V) {
	t := d.table
	defer func() {
		if p := recover(); p != nil {
			t.fault(d.key, p, debug.Stack())
			v = d.rescue()
		}
	}()
	v = t.Derive(r, d.key)
	if t.rescued != nil {
		delete(t.rescued, d.key)
	}
	return v
}

// rescue makes the value of a key whose derivation panicked.
func (d *derived[K, V]) rescue() V {
	t := d.table
	if t.Rescue == nil {
		return d.value
	}
	last, rescued := t.rescued[d.key]
	if !rescued {
		last = good[V]{d.value, d.has}
	}
	if t.rescued == nil {
		t.rescued = map[K]good[V]{}
	}
	t.rescued[d.key] = last
	return t.Rescue(d.key, last.value, last.ok, "internal error")
}

func (d *derived[K, V]) drop() bool {
	t := d.table
	t.entries.remove(d.key)
	delete(t.rescued, d.key)
	if d.has {
		old := d.value
		t.changes.add(d.key, &old, nil)
	}
	return true
}

// list tells the indexes of the table what to list: only keys that are held. One that is merely read still would not
// be brought up to date in the turn of its table, and an index could find it by what it said long ago.
func (t *Table[K, V]) list(k K, old, new *V) {
	for _, h := range t.hooks {
		h(k, old, new)
	}
}

func (t *Table[K, V]) onChange(h func(k K, old, new *V)) {
	t.hooks = append(t.hooks, h)
	t.entries.each(func(d *derived[K, V]) bool {
		if d.demand > 0 && d.has {
			h(d.key, nil, &d.value)
		}
		return true
	})
}

func (t *Table[K, V]) stratum() int { return t.order }
func (t *Table[K, V]) at() *Engine  { return t.engine }

// Watch makes the table keep a log of changes, from now on.
func (t *Table[K, V]) Watch() { t.changes.on = true }

// Changes returns the net changes since the last call, in the order the keys first changed.
func (t *Table[K, V]) Changes() []Change[K, V] { return t.changes.take(t.Equal) }

// Change is the former and the new value of a key; nil stands for none.
type Change[K comparable, V any] struct {
	Key      K
	Old, New *V
}

// changeLog merges the changes of a key into one.
type changeLog[K comparable, V any] struct {
	on    bool
	first map[K]int
	log   []Change[K, V]
}

func (c *changeLog[K, V]) add(k K, old, new *V) {
	if !c.on {
		return
	}
	if new != nil {
		v := *new
		new = &v
	}
	if i, ok := c.first[k]; ok {
		c.log[i].New = new
		return
	}
	if c.first == nil {
		c.first = map[K]int{}
	}
	c.first[k] = len(c.log)
	c.log = append(c.log, Change[K, V]{Key: k, Old: old, New: new})
}

func (c *changeLog[K, V]) take(equal func(a, b V) bool) []Change[K, V] {
	net := c.log[:0]
	for _, ch := range c.log {
		same := ch.Old == nil && ch.New == nil || ch.Old != nil && ch.New != nil && equal(*ch.Old, *ch.New)
		if !same {
			net = append(net, ch)
		}
	}
	c.log, c.first = nil, nil
	return net
}
