package translate

import (
	"maps"
	"slices"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// output is a table of published resources, with any type of keys.
type output interface {
	// changes calls add for each resource that changed since the last call, with the former and the present one; nil is none.
	changes(add func(f ir.Fleet, before, after *table.Resource))
	// all calls add for each resource of the fleets.
	all(fleets map[ir.Fleet]bool, add func(ir.Fleet, *table.Resource))
}

// own is a table of resources each of which belongs to one fleet.
type own[K comparable] struct {
	resources *memo.Table[K, *table.Resource]
	fleet     func(K) ir.Fleet
}

// owned adds a table whose values are published to the fleet of their key; nil is none.
func owned[K comparable](t *Tables, name string, fleet func(K) ir.Fleet, derive func(*memo.Reader, K) *table.Resource) *memo.Table[K, *table.Resource] {
	out := newResourceTable(t, memo.Options[K, *table.Resource]{Name: name, Derive: derive})
	t.outputs = append(t.outputs, own[K]{out, fleet})
	return out
}

func (o own[K]) changes(add func(f ir.Fleet, before, after *table.Resource)) {
	for _, c := range o.resources.Changes() {
		add(o.fleet(c.Key), deref(c.Old), deref(c.New))
	}
}

func (o own[K]) all(fleets map[ir.Fleet]bool, add func(ir.Fleet, *table.Resource)) {
	o.resources.Keys(func(k K) bool {
		if v, ok := o.resources.Peek(k); ok && v != nil && fleets[o.fleet(k)] {
			add(o.fleet(k), v)
		}
		return true
	})
}

func newResourceTable[K comparable](t *Tables, o memo.Options[K, *table.Resource]) *memo.Table[K, *table.Resource] {
	o.Equal = equalResource
	out := memo.NewTable(t.from.Engine, o)
	out.Watch()
	return out
}

func deref[V any](v *V) (value V) {
	if v != nil {
		value = *v
	}
	return value
}

// Change contains the changes of one fleet: added and changed resources, and the refs of removed ones. Both are sorted, and
// no resource is in both.
type Change struct {
	Set     []*table.Resource
	Removed []table.Ref
}

// Changes returns the changes since the last call, for each fleet with changes.
func (t *Tables) Changes() map[ir.Fleet]*Change {
	changes := map[ir.Fleet]*Change{}
	for _, o := range t.outputs {
		o.changes(func(f ir.Fleet, before, after *table.Resource) {
			if before == nil && after == nil {
				return
			}
			if changes[f] == nil {
				changes[f] = &Change{}
			}
			if c := changes[f]; after != nil {
				c.Set = append(c.Set, after)
			} else {
				c.Removed = append(c.Removed, before.Ref)
			}
		})
	}
	for _, c := range changes {
		sortResources(c.Set)
		slices.SortFunc(c.Removed, table.Ref.Compare)
		c.Removed = slices.DeleteFunc(c.Removed, c.sets)
	}
	return changes
}

// sets reports whether the resource is also set, because it moved from one derivation to another.
func (c *Change) sets(ref table.Ref) bool {
	_, found := slices.BinarySearchFunc(c.Set, ref, func(r *table.Resource, ref table.Ref) int { return r.Ref.Compare(ref) })
	return found
}

// All returns all resources of each of the fleets as of the last run, sorted.
func (t *Tables) All(fleets ...ir.Fleet) map[ir.Fleet][]*table.Resource {
	wanted := map[ir.Fleet]bool{}
	for _, f := range fleets {
		wanted[f] = true
	}
	all := map[ir.Fleet][]*table.Resource{}
	for _, o := range t.outputs {
		o.all(wanted, func(f ir.Fleet, r *table.Resource) { all[f] = append(all[f], r) })
	}
	for rs := range maps.Values(all) {
		sortResources(rs)
	}
	return all
}

func sortResources(rs []*table.Resource) {
	slices.SortFunc(rs, func(a, b *table.Resource) int { return a.Ref.Compare(b.Ref) })
}
