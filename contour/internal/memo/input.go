package memo

// Input is a table whose values are set from outside.
type Input[K comparable, V any] struct {
	core
	equal        func(a, b V) bool
	entries      keyed[K, *given[K, V]]
	count        int
	hooks        []func(k K, old, new *V)
	ownKeyReader ownKeyReader[K]
	everywhere   []everywhere
}

// given is an entry of an Input. An entry without a value exists while a derivation reads the absence of the value.
type given[K comparable, V any] struct {
	node
	input *Input[K, V]
	key   K
	value V
}

// NewInput adds an input. Setting a value that equals the present one causes no derivations.
func NewInput[K comparable, V any](e *Engine, name string, equal func(a, b V) bool) *Input[K, V] {
	t := &Input[K, V]{equal: equal, entries: newKeyed[K, *given[K, V]]()}
	t.core = core{engine: e, name: name, order: -1, input: true}
	t.keyOf = func(n *node) any { return n.self.(*given[K, V]).key }
	return t
}

// Get returns the value of k and whether there is one, and records the read in both cases.
func (t *Input[K, V]) Get(r *Reader, k K) (V, bool) {
	if t.unrecorded(r.node, k) {
		return t.Peek(k)
	}
	g, ok := expected[*given[K, V]](r)
	if !ok || g.input != t || g.key != k {
		g = t.entry(k)
	}
	r.record(t.engine, &g.node)
	return g.value, g.has
}

// Peek returns the value of k, for callers outside the derivations.
func (t *Input[K, V]) Peek(k K) (V, bool) {
	if g, ok := t.entries.get(k); ok {
		return g.value, g.has
	}
	var zero V
	return zero, false
}

// Len returns the number of values.
func (t *Input[K, V]) Len() int { return t.count }

// Each calls f for every value, in no particular order, until f returns false. f does not change the table.
func (t *Input[K, V]) Each(f func(K, V) bool) {
	t.entries.each(func(g *given[K, V]) bool { return !g.has || f(g.key, g.value) })
}

// Set sets the value of k and reports whether it differs from the former one. An equal value also replaces the former
// one, so that the memory of the former one is freed.
func (t *Input[K, V]) Set(k K, v V) bool {
	g := t.entry(k)
	if !g.has {
		g.value, g.has = v, true
		t.count++
		t.changed(g, nil, &v)
		return true
	}
	old := g.value
	g.value = v
	if guardedEqual(&t.core, t.equal, k, old, v) {
		return false
	}
	t.changed(g, &old, &v)
	return true
}

// Delete deletes the value of k and reports whether there was one.
func (t *Input[K, V]) Delete(k K) bool {
	g, ok := t.entries.get(k)
	if !ok || !g.has {
		return false
	}
	var none V
	old := g.value
	g.value, g.has = none, false
	t.count--
	t.changed(g, &old, nil)
	if g.unused() {
		t.engine.dropLater(&g.node)
	}
	return true
}

// changed calls the hooks and marks the readers; nil is no value.
func (t *Input[K, V]) changed(g *given[K, V], old, new *V) {
	for _, h := range t.hooks {
		h(g.key, old, new)
	}
	g.invalidate()
	t.ownKeyReader.invalidate(g.key)
	for i := range t.everywhere {
		t.everywhere[i].markAll()
	}
}

func (t *Input[K, V]) entry(k K) *given[K, V] {
	g, ok := t.entries.get(k)
	if !ok {
		g = &given[K, V]{input: t, key: k}
		g.self = g
		t.entries.add(g)
	}
	return g
}

func (t *Input[K, V]) onChange(h func(k K, old, new *V)) {
	t.hooks = append(t.hooks, h)
	t.Each(func(k K, v V) bool { h(k, nil, &v); return true })
}

func (g *given[K, V]) tableCore() *core { return &g.input.core }
func (g *given[K, V]) ownKey() K        { return g.key }
func (g *given[K, V]) recompute()       { g.state = clean }

// drop removes an entry without a value; an entry with a value stays, also without readers.
func (g *given[K, V]) drop() bool {
	if g.has {
		return false
	}
	g.input.entries.remove(g.key)
	return true
}
