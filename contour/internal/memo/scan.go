package memo

// Cursor is the position of a scan in parts. The zero value is the start.
type Cursor struct{ slots, at int }

// Done reports whether the scan is complete.
func (c Cursor) Done() bool { return c.slots > 0 && c.at >= c.slots }

// Scan calls f for about n keys of the table and their values after the last Run, in no particular order, and returns
// the position after them. Each call takes time that is proportional to n, whatever the size of the table; the table may
// change between two calls. A key that is present during all of a scan is visited at least once, any other one perhaps;
// a table that is resized between two calls is scanned from the start again. f does not change the table.
func (t *Table[K, V]) Scan(from Cursor, n int, f func(K, V)) Cursor {
	if slots := len(t.entries.slots); from.slots != slots {
		from = Cursor{slots: slots}
	}
	from.at = t.entries.scan(from.at, n, func(d *derived[K, V]) {
		if d.has {
			f(d.key, d.value)
		}
	})
	return from
}

// scan calls f for the entries from a slot on, up to the first free slot after n slots or to the end, and returns that
// slot. The entries after a free slot have their home after it, so that removals never move them before it.
func (t *keyed[K, E]) scan(from, n int, f func(E)) int {
	var none E
	at := from
	for ; at < len(t.slots); at++ {
		switch e := t.slots[at]; {
		case e != none:
			f(e)
		case at >= from+n:
			return at
		}
	}
	return at
}
