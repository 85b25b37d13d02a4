package memo

import "runtime/debug"

// Options defines a table.
type Options[K comparable, V any] struct {
	Name string // for counters and faults

	// Derive computes the value of a key.
	Derive func(*Reader, K) V

	// Equal compares two values. After an equal result the former value stays, and the readers do not run. If it panics, the
	// values are not equal.
	Equal func(a, b V) bool

	// DeferBy, if not nil, returns the owner of a key, and defers keys (RunWhile) where one change concerns several of the
	// table. It is for tables of which each key is useful without the others.
	DeferBy func(K) string

	// OnPanic, if not nil, returns the value of a key whose derivation panicked. last is the last value that Derive
	// returned (the zero value if ok is false); text describes the panic for users. If OnPanic is nil or panics too, the
	// present value stays.
	OnPanic func(k K, last V, ok bool, text string) V
}

// Table is a derived table.
type Table[K comparable, V any] struct {
	core
	Options[K, V]
	entries  keyed[K, *derived[K, V]]
	lastGood map[K]lastGood[V] // of the keys whose value comes from OnPanic
	changes  changeLog[K, V]
	hooks    []func(k K, old, new *V)
}

// derived is an entry of a Table.
type derived[K comparable, V any] struct {
	node
	table *Table[K, V]
	key   K
	value V
}

// lastGood is the last value that Derive returned; ok is false if there is none.
type lastGood[V any] struct {
	value V
	ok    bool
}

// NewTable adds a derived table to the engine. Run updates tables in the order of the calls of NewTable.
func NewTable[K comparable, V any](e *Engine, o Options[K, V]) *Table[K, V] {
	t := &Table[K, V]{Options: o, entries: newKeyed[K, *derived[K, V]]()}
	t.core = core{
		engine: e, name: o.Name, order: len(e.tables),
		size:  func() int { return t.entries.len() },
		keyOf: func(n *node) any { return n.self.(*derived[K, V]).key },
	}
	if o.DeferBy != nil {
		t.owner = func(n *node) string { return o.DeferBy(n.self.(*derived[K, V]).key) }
	}
	e.tables = append(e.tables, &t.core)
	return t
}

// Get returns the value of k, derives it if necessary, and records the read.
func (t *Table[K, V]) Get(r *Reader, k K) V {
	d, ok := expected[*derived[K, V]](r)
	if !ok || d.table != t || d.key != k {
		d = t.entry(k)
	}
	if d.running { // a cycle; recording the read would make it run forever
		t.engine.reportFault(&d.node, "a derivation reads its own result")
		return d.value
	}
	r.record(t.engine, &d.node)
	if d.state != clean {
		d.refresh()
	}
	return d.value
}

// Peek returns the value of k after the last Run, for callers outside the derivations.
func (t *Table[K, V]) Peek(k K) (V, bool) {
	d, ok := t.entries.get(k)
	if !ok || !d.has {
		var zero V
		return zero, false
	}
	return d.value, true
}

// Keys calls f for every present key, in no particular order, until f returns false. f does not change the table.
func (t *Table[K, V]) Keys(f func(K) bool) {
	t.entries.each(func(d *derived[K, V]) bool { return f(d.key) })
}

// Demand makes the table derive and keep k until there are as many calls of Release as of Demand.
func (t *Table[K, V]) Demand(k K) {
	d := t.entry(k)
	d.demand++
	if d.demand > 1 {
		return
	}
	if d.has {
		t.callHooks(k, nil, &d.value)
	}
	if d.state != clean {
		t.enqueue(&d.node)
	}
}

// Release reverts one call of Demand.
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
		t.callHooks(k, &d.value, nil)
	}
	if d.unused() {
		t.engine.dropLater(&d.node)
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

func (d *derived[K, V]) tableCore() *core { return &d.table.core }
func (d *derived[K, V]) ownKey() K        { return d.key }

func (d *derived[K, V]) recompute() {
	t := d.table
	t.runs++
	r := t.newReader(&d.node)
	d.running = true
	v := d.derive(r)
	d.running = false
	r.finish(t.engine)
	d.state = clean
	if d.has && guardedEqual(&t.core, t.Equal, d.key, d.value, v) {
		return
	}
	d.set(v)
	d.invalidate()
}

// set replaces the value, logs the change and calls the hooks.
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
		t.callHooks(d.key, old, &d.value)
	}
}

// derive runs the derivation. A panic affects only the value of this key.
func (d *derived[K, V]) derive(r *Reader) (v V) {
	t := d.table
	defer func() {
		if p := recover(); p != nil {
			t.fault(d.key, p, debug.Stack())
			v = d.onPanic()
		}
	}()
	v = t.Derive(r, d.key)
	if t.lastGood != nil {
		delete(t.lastGood, d.key)
	}
	return v
}

// onPanic returns the value of a key whose derivation panicked.
func (d *derived[K, V]) onPanic() V {
	t := d.table
	if t.OnPanic == nil {
		return d.value
	}
	last, panicked := t.lastGood[d.key]
	if !panicked {
		last = lastGood[V]{d.value, d.has}
	}
	if t.lastGood == nil {
		t.lastGood = map[K]lastGood[V]{}
	}
	t.lastGood[d.key] = last
	v := d.value
	guard(&t.core, d.key, func() { v = t.OnPanic(d.key, last.value, last.ok, "internal error") })
	return v
}

func (d *derived[K, V]) drop() bool {
	t := d.table
	t.entries.remove(d.key)
	delete(t.lastGood, d.key)
	if d.has {
		old := d.value
		t.changes.add(d.key, &old, nil)
	}
	return true
}

// callHooks updates the indexes of the table. It is called only for demanded keys: Run does not update a key that is only
// read, so an index could contain terms of an outdated value.
func (t *Table[K, V]) callHooks(k K, old, new *V) {
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

// Watch starts the log of changes.
func (t *Table[K, V]) Watch() { t.changes.on = true }

// Changes returns the net changes since the last call, in the order in which the keys first changed.
func (t *Table[K, V]) Changes() []Change[K, V] {
	return t.changes.take(func(k K, a, b V) bool { return guardedEqual(&t.core, t.Equal, k, a, b) })
}

// Change is the former and the new value of a key; nil is no value.
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

func (c *changeLog[K, V]) take(equal func(k K, a, b V) bool) []Change[K, V] {
	net := c.log[:0]
	for _, ch := range c.log {
		same := ch.Old == nil && ch.New == nil || ch.Old != nil && ch.New != nil && equal(ch.Key, *ch.Old, *ch.New)
		if !same {
			net = append(net, ch)
		}
	}
	c.log, c.first = nil, nil
	return net
}
