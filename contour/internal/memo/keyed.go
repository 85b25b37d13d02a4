package memo

import "hash/maphash"

// keyed finds the entries of a table by their keys. An entry knows its key; a map would hold every key a second time,
// which is more than all else it needs. The zero value is not usable.
type keyed[K comparable, E keyOwner[K]] struct {
	seed  maphash.Seed
	slots []E // a power of two of them, the zero value where there is none; an entry stands at its hash or after it
	count int
}

type keyOwner[K comparable] interface {
	comparable
	ownKey() K
}

const fewSlots = 8

func newKeyed[K comparable, E keyOwner[K]]() keyed[K, E] {
	return keyed[K, E]{seed: maphash.MakeSeed(), slots: make([]E, fewSlots)}
}

func (t *keyed[K, E]) len() int { return t.count }

// get is the entry of k, the zero value if there is none.
func (t *keyed[K, E]) get(k K) (E, bool) {
	e := t.slots[t.find(k)]
	var none E
	return e, e != none
}

// add takes in an entry whose key has none.
func (t *keyed[K, E]) add(e E) {
	if 4*(t.count+1) > 3*len(t.slots) {
		t.resize(2 * len(t.slots))
	}
	t.slots[t.find(e.ownKey())] = e
	t.count++
}

// remove takes out the entry of k, if there is one.
func (t *keyed[K, E]) remove(k K) {
	var none E
	i := t.find(k)
	if t.slots[i] == none {
		return
	}
	t.slots[i] = none
	t.count--
	t.close(i)
	if len(t.slots) > fewSlots && 8*t.count < len(t.slots) {
		t.resize(len(t.slots) / 2)
	}
}

// each calls f for every entry, in no particular order, until it returns false; f may not change the table.
func (t *keyed[K, E]) each(f func(E) bool) {
	var none E
	for _, e := range t.slots {
		if e != none && !f(e) {
			return
		}
	}
}

// home is where an entry with the key k stands, if nobody stood there before.
func (t *keyed[K, E]) home(k K) int {
	return int(maphash.Comparable(t.seed, k) & uint64(len(t.slots)-1))
}

// find is where the entry of k is, or where it would be put.
func (t *keyed[K, E]) find(k K) int {
	var none E
	i := t.home(k)
	for t.slots[i] != none && t.slots[i].ownKey() != k {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

// close moves the entries after a hole that would not be found across it.
func (t *keyed[K, E]) close(hole int) {
	var none E
	mask := len(t.slots) - 1
	for i := (hole + 1) & mask; t.slots[i] != none; i = (i + 1) & mask {
		if home := t.home(t.slots[i].ownKey()); (i-home)&mask >= (i-hole)&mask {
			t.slots[hole], t.slots[i] = t.slots[i], none
			hole = i
		}
	}
}

func (t *keyed[K, E]) resize(slots int) {
	former := t.slots
	t.slots = make([]E, slots)
	var none E
	for _, e := range former {
		if e != none {
			t.slots[t.find(e.ownKey())] = e
		}
	}
}
