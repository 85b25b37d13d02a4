package memo

// Input is a table whose values are set from outside.
type Input[K comparable, V any] struct {
	core
	equal   func(a, b V) bool
	entries map[K]*given[K, V]
	count   int
	hooks   []func(k K, old, new *V)
}

// given is an entry of an Input; it may stand for the absence of a value that somebody asked for.
type given[K comparable, V any] struct {
	node
	input *Input[K, V]
	key   K
	value *V
}

// NewInput adds an input; setting a value equal to the present one changes nothing.
func NewInput[K comparable, V any](e *Engine, name string, equal func(a, b V) bool) *Input[K, V] {
	t := &Input[K, V]{equal: equal, entries: map[K]*given[K, V]{}}
	t.core = core{engine: e, name: name, order: -1}
	t.keyOf = func(n *node) any { return n.self.(*given[K, V]).key }
	return t
}

// Get is the value of k and whether there is one, recorded as read either way.
func (t *Input[K, V]) Get(r *Reader, k K) (V, bool) {
	g := t.entry(k)
	r.record(&g.node)
	if g.value == nil {
		var zero V
		return zero, false
	}
	return *g.value, true
}

// Peek is the value of k, for whoever stands outside the derivations.
func (t *Input[K, V]) Peek(k K) (V, bool) {
	if g, ok := t.entries[k]; ok && g.value != nil {
		return *g.value, true
	}
	var zero V
	return zero, false
}

// Len is the number of values.
func (t *Input[K, V]) Len() int { return t.count }

// Each calls f for every value, in no particular order, until it returns false.
func (t *Input[K, V]) Each(f func(K, V) bool) {
	for k, g := range t.entries {
		if g.value != nil && !f(k, *g.value) {
			return
		}
	}
}

// Set gives k a value and reports whether that changed anything. An equal value takes the place of
// the former one all the same, so that nothing of the former one is kept in memory.
func (t *Input[K, V]) Set(k K, v V) bool {
	g := t.entry(k)
	if g.value != nil && t.equal(*g.value, v) {
		g.value = &v
		return false
	}
	t.put(g, &v)
	return true
}

// Delete takes the value of k away and reports whether there was one.
func (t *Input[K, V]) Delete(k K) bool {
	g, ok := t.entries[k]
	if !ok || g.value == nil {
		return false
	}
	t.put(g, nil)
	if g.unused() {
		t.engine.forget(&g.node)
	}
	return true
}

func (t *Input[K, V]) put(g *given[K, V], v *V) {
	old := g.value
	g.value = v
	switch {
	case old == nil:
		t.count++
	case v == nil:
		t.count--
	}
	for _, h := range t.hooks {
		h(g.key, old, v)
	}
	g.invalidate()
}

func (t *Input[K, V]) entry(k K) *given[K, V] {
	g, ok := t.entries[k]
	if !ok {
		g = &given[K, V]{input: t, key: k}
		g.self = g
		t.entries[k] = g
	}
	return g
}

func (t *Input[K, V]) onChange(h func(k K, old, new *V)) { t.hooks = append(t.hooks, h) }
func (t *Input[K, V]) stratum() int                      { return t.order }
func (t *Input[K, V]) at() *Engine                       { return t.engine }

func (g *given[K, V]) owner() *core { return &g.input.core }
func (g *given[K, V]) recompute()   { g.state = clean }

// drop forgets the entry of an absent value; one that has a value stays without readers too.
func (g *given[K, V]) drop() bool {
	if g.value != nil {
		return false
	}
	delete(g.input.entries, g.key)
	return true
}
