package memo

import "hash/maphash"

// keyed is a hash table of the entries of a table. An entry contains its key; a map would store every key a second time,
// which is more than the rest of its memory. The zero value is not usable.
type keyed[K comparable, E keyedEntry[K]] struct {
	seed  maphash.Seed
	slots []E // length is a power of two; the zero value is a free slot; an entry is at the slot of its hash or after it
	count int
}

type keyedEntry[K comparable] interface {
	comparable
	ownKey() K
}

const fewSlots = 8

func newKeyed[K comparable, E keyedEntry[K]]() keyed[K, E] {
	return keyed[K, E]{seed: maphash.MakeSeed(), slots: make([]E, fewSlots)}
}

func (t *keyed[K, E]) len() int { return t.count }

// get returns the entry of k, or the zero value and false.
func (t *keyed[K, E]) get(k K) (E, bool) {
	e := t.slots[t.find(k)]
	var none E
	return e, e != none
}

// add adds an entry whose key has none.
func (t *keyed[K, E]) add(e E) {
	if 4*(t.count+1) > 3*len(t.slots) {
		t.resize(2 * len(t.slots))
	}
	t.slots[t.find(e.ownKey())] = e
	t.count++
}

// remove removes the entry of k, if there is one.
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

// each calls f for every entry, in no particular order, until f returns false. f does not change the table.
func (t *keyed[K, E]) each(f func(E) bool) {
	var none E
	for _, e := range t.slots {
		if e != none && !f(e) {
			return
		}
	}
}

// home returns the slot of the hash of k.
func (t *keyed[K, E]) home(k K) int {
	return int(maphash.Comparable(t.seed, k) & uint64(len(t.slots)-1))
}

// find returns the slot of the entry of k, or the free slot for it.
func (t *keyed[K, E]) find(k K) int {
	var none E
	i := t.home(k)
	for t.slots[i] != none && t.slots[i].ownKey() != k {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

// close moves entries after a free slot into it where a search would otherwise stop at the free slot.
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
