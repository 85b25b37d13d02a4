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

	mu     sync.Mutex
	tables map[ir.Fleet]*table.Table
}

// New returns Tables without fleets. onRejections, if not nil, is called, outside of all locks, after the rejections of a table changed;
// it must not wait.
func New(onRejections func()) *Tables {
	return &Tables{onRejections: onRejections, tables: map[ir.Fleet]*table.Table{}}
}

// Add returns the table of a fleet; it creates one if there is none.
func (t *Tables) Add(f ir.Fleet) *table.Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables[f] == nil {
		t.tables[f] = table.New()
		t.tables[f].OnRejections(t.onRejections)
	}
	return t.tables[f]
}

// Remove closes the table of a fleet.
func (t *Tables) Remove(f ir.Fleet) {
	t.mu.Lock()
	former := t.tables[f]
	delete(t.tables, f)
	t.mu.Unlock()
	if former != nil {
		former.Close()
	}
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
