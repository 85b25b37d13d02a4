// Package shrinkmap contains a map whose memory is proportional to what it contains: maps of Go keep the memory of their
// largest size.
package shrinkmap

import (
	"iter"
	"maps"
)

// Map is a map that is replaced by a smaller one when few of its entries are left. The zero value is empty.
type Map[K comparable, V any] struct {
	entries map[K]V
	peak    int // maximum number of entries since the map was made
}

// few is the number of entries up to which the memory of a map does not matter; of more, at least a part in sparse is used.
const (
	few    = 1024
	sparse = 8
)

// Get returns the value of k, the zero value if there is none.
func (m *Map[K, V]) Get(k K) V { return m.entries[k] }

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return len(m.entries) }

// Set sets the value of k.
func (m *Map[K, V]) Set(k K, v V) {
	if m.entries == nil {
		m.entries = map[K]V{}
	}
	m.entries[k] = v
	m.peak = max(m.peak, len(m.entries))
}

// Delete deletes the entry of k, if there is one.
func (m *Map[K, V]) Delete(k K) {
	delete(m.entries, k)
	if n := len(m.entries); m.peak > few && n < m.peak/sparse {
		left := make(map[K]V, n)
		maps.Copy(left, m.entries)
		m.entries, m.peak = left, n
	}
}

// Clear deletes all entries.
func (m *Map[K, V]) Clear() { *m = Map[K, V]{} }

// All iterates over the entries, in no particular order. The caller may delete the entry that it visits.
func (m *Map[K, V]) All() iter.Seq2[K, V] { return maps.All(m.entries) }
