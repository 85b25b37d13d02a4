// Package votes decides which votes of Envoys replicas share, and what they conclude from those of each other.
//
// In go the votes of the Envoys of this replica (table.Vote), and the shared entries as all replicas see them: the data of one
// ConfigMap, with a key for each vote. Out come the keys to set and to remove, and the votes of other replicas.
//
// An entry belongs to the replica that its Envoy is connected to, which writes, renews and removes it. One that is not renewed
// expires, since its replica and its Envoy are gone. All is bounded: clients choose what they reject, and users the content.
//
// It must not do I/O, and has no clock.
package votes

import (
	"maps"
	"slices"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// Bounds of the entries: in all, of a fleet, of the Envoys of one host, and that reject one content.
const (
	MaxEntries    = 512
	maxOfFleet    = 256
	maxOfAddress  = 64
	maxOfContent  = 8
	maxEntryBytes = 1 << 10
)

// How long entries are kept.
const (
	renewAfter    = 30 * time.Minute
	expireAfter   = 90 * time.Minute
	keepUnwanted  = 10 * time.Minute // a content may come back
	keepLeft      = 10 * time.Second // an Envoy may have connected to another replica, which takes its votes over
	takeOverAgain = time.Minute      // two Envoys of one name are connected to two replicas
)

// Exchange is the part of one replica. It is not safe for concurrent use.
type Exchange struct {
	self    string // a name that no other replica has, not even this one after a restart
	entries map[string]entry
	garbage []string // keys whose values cannot be used

	left      map[string]time.Time // by key of an entry of this replica: since when there is no such vote
	unwanted  map[string]time.Time // by key of a vote: since when its content is not wanted
	takenOver map[string]time.Time // by key: when this replica took it over
}

// New returns the part of a replica; self is a name that no other one has.
func New(self string) *Exchange {
	return &Exchange{
		self: self, entries: map[string]entry{},
		left: map[string]time.Time{}, unwanted: map[string]time.Time{}, takenOver: map[string]time.Time{},
	}
}

// Read replaces the entries, and reports whether they have changed. data is untrusted.
func (x *Exchange) Read(data map[string]string) bool {
	entries, garbage := map[string]entry{}, []string(nil)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if !isKey(key) {
			continue // somebody else's
		}
		if e, ok := decode(key, data[key]); ok && len(entries) < 2*MaxEntries {
			entries[key] = e
		} else {
			garbage = append(garbage, key)
		}
	}
	changed := !maps.Equal(entries, x.entries)
	x.entries, x.garbage = entries, garbage
	return changed
}

// Len is the number of entries.
func (x *Exchange) Len() int { return len(x.entries) }

// Others returns the votes of other replicas, by fleet, the oldest first.
func (x *Exchange) Others(now time.Time) map[ir.Fleet][]table.Vote {
	var keys []string
	for key, e := range x.entries {
		if e.By != x.self && !e.expired(now) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return x.entries[a].compare(x.entries[b]) })
	others := map[ir.Fleet][]table.Vote{}
	for _, key := range keys {
		e := x.entries[key]
		others[ir.Fleet(e.Fleet)] = append(others[ir.Fleet(e.Fleet)], e.vote())
	}
	return others
}

// Plan is what a replica writes.
type Plan struct {
	Set      map[string]string // values by key
	Removed  []string          // sorted
	Unshared int               // votes of this replica beyond the bounds
}

// Empty reports whether there is nothing to write.
func (p Plan) Empty() bool { return len(p.Set)+len(p.Removed) == 0 }

// Plan compares the votes of this replica with the entries.
func (x *Exchange) Plan(own map[ir.Fleet][]table.Vote, now time.Time) Plan {
	p := Plan{Set: map[string]string{}}
	candidates, voted := x.candidates(own, now)
	selected := x.selection(candidates, now)
	isCandidate := map[string]bool{}
	for i := range candidates {
		c := &candidates[i]
		isCandidate[c.key] = true
		if !selected[c.key] {
			p.Unshared++
			continue
		}
		x.write(&p, c, now)
	}
	p.Removed = append(p.Removed, x.garbage...)
	for key, e := range x.entries {
		if e.expired(now) && !selected[key] || e.By == x.self && !selected[key] && (isCandidate[key] || x.hasLeft(key, now)) {
			p.Removed = append(p.Removed, key)
		}
	}
	slices.Sort(p.Removed)
	x.forget(voted)
	return p
}

// write sets the entry of a vote if it is not what it must be.
func (x *Exchange) write(p *Plan, c *candidate, now time.Time) {
	delete(x.left, c.key)
	e, known := c.entry, false
	before, exists := x.entries[c.key]
	if exists {
		e.Since, e.Renewed = before.Since, before.Renewed
		known = before == e
		if before.By != x.self {
			x.takenOver[c.key] = now
		}
	}
	if known && now.Sub(e.renewed()) < renewAfter {
		return
	}
	e.Renewed = now.UTC().Format(time.RFC3339)
	if !exists {
		e.Since = e.Renewed
	}
	p.Set[c.key] = e.encode()
}

// hasLeft reports whether a vote of this replica has been absent for long enough.
func (x *Exchange) hasLeft(key string, now time.Time) bool {
	since, known := x.left[key]
	if !known {
		x.left[key] = now
		return false
	}
	return now.Sub(since) >= keepLeft
}

// forget drops what is remembered of keys that are gone; voted has those of all votes of this replica.
func (x *Exchange) forget(voted map[string]bool) {
	gone := func(key string, _ time.Time) bool {
		_, exists := x.entries[key]
		return !exists && !voted[key]
	}
	maps.DeleteFunc(x.left, gone)
	maps.DeleteFunc(x.takenOver, gone)
	maps.DeleteFunc(x.unwanted, func(key string, _ time.Time) bool { return !voted[key] })
}
