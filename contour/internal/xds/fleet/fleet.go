// Package fleet holds the xDS table of each fleet.
//
// The pipeline adds and removes fleets and publishes into their tables; the xDS server looks them up by the identity of
// its clients. The removal of a fleet closes its table: its sessions end, and its Envoys keep their configuration.
//
// It must not depend on the content of the tables.
package fleet

import (
	"maps"
	"slices"
	"sync"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// Tables is a table for each fleet. It is safe for concurrent use.
type Tables struct {
	onRejections func()
	fallback     table.Fallback

	mu      sync.Mutex
	tables  map[ir.Fleet]*table.Table
	removed uint64 // the sum of the sequence numbers of removed tables
	onVotes func()
	remote  map[ir.Fleet][]table.Vote
}

// New returns Tables without fleets. onRejections, if not nil, is called, outside of all locks, after the rejections of a table changed;
// it must not wait.
func New(onRejections func()) *Tables {
	return &Tables{onRejections: onRejections, tables: map[ir.Fleet]*table.Table{}}
}

// SetFallback sets how the tables make fallbacks; it must be called before anything is published.
func (t *Tables) SetFallback(f table.Fallback) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fallback = f
	for _, of := range t.tables {
		of.SetFallback(f)
	}
}

// Add returns the table of a fleet; it creates one if there is none.
func (t *Tables) Add(f ir.Fleet) *table.Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables[f] == nil {
		t.tables[f] = table.New()
		t.tables[f].OnRejections(t.onRejections)
		t.tables[f].SetFallback(t.fallback)
		t.tables[f].OnVotes(t.onVotes)
		if votes := t.remote[f]; len(votes) > 0 {
			t.tables[f].SetRemoteVotes(votes)
		}
	}
	return t.tables[f]
}

// OnVotes sets a function that is called, outside of all locks, after Votes changed; it must not wait. Set it before a fleet
// is added.
func (t *Tables) OnVotes(f func()) { t.onVotes = f }

// Votes lists what the Envoys of this replica say about rejected contents, by fleet.
func (t *Tables) Votes() map[ir.Fleet][]table.Vote {
	votes := map[ir.Fleet][]table.Vote{}
	for _, f := range t.Names() {
		if of := t.Get(f); of != nil {
			if v := of.Votes(); len(v) > 0 {
				votes[f] = v
			}
		}
	}
	return votes
}

// SetRemoteVotes replaces what other replicas say. A fleet that is added later gets it before anything is published to it.
func (t *Tables) SetRemoteVotes(votes map[ir.Fleet][]table.Vote) {
	t.mu.Lock()
	t.remote = votes
	tables := maps.Clone(t.tables)
	t.mu.Unlock()
	for f, of := range tables {
		of.SetRemoteVotes(votes[f])
	}
}

// Remove closes the table of a fleet.
func (t *Tables) Remove(f ir.Fleet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	former := t.tables[f]
	if former == nil {
		return
	}
	delete(t.tables, f)
	former.Close()
	t.removed += former.RejectionSeq()
}

// Get returns the table of a fleet, nil if there is none.
func (t *Tables) Get(f ir.Fleet) *table.Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tables[f]
}

// Names lists the fleets, sorted.
func (t *Tables) Names() []ir.Fleet {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.tables))
}

// Rejection is a rejection by an Envoy of a fleet.
type Rejection struct {
	Fleet ir.Fleet
	table.Rejection
}

// Rejections lists the wanted pieces that are rejected, sorted by fleet and resource.
func (t *Tables) Rejections() []Rejection {
	var all []Rejection
	for _, f := range t.Names() {
		of := t.Get(f)
		if of == nil {
			continue
		}
		for _, r := range of.Rejections() {
			all = append(all, Rejection{f, r})
		}
	}
	return all
}

// Disagreement is content that an Envoy rejects and another one of its fleet accepted.
type Disagreement struct {
	Fleet ir.Fleet
	table.Disagreement
}

// Disagreements lists what single Envoys reject, sorted by fleet, Envoy and resource.
func (t *Tables) Disagreements() []Disagreement {
	var all []Disagreement
	for _, f := range t.Names() {
		of := t.Get(f)
		if of == nil {
			continue
		}
		for _, d := range of.Disagreements() {
			all = append(all, Disagreement{f, d})
		}
	}
	return all
}

// RejectionSeq changes with each change of Rejections, Disagreements, or the DependentObjects of a table.
func (t *Tables) RejectionSeq() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.removed
	for _, of := range t.tables {
		sum += of.RejectionSeq()
	}
	return sum
}
