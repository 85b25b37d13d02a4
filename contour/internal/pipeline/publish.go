package pipeline

import (
	"maps"
	"slices"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/translate"
)

// followListeners counts the listeners of each fleet: a fleet exists while it has one.
func (p *Pipeline) followListeners() {
	memo.Follow(p.Compile.Listeners, func(k ir.ListenerKey, l *ir.Listener) []ir.Fleet {
		if l == nil {
			return nil
		}
		return []ir.Fleet{k.Fleet}
	}, func(f ir.Fleet, added bool) {
		if added {
			p.listeners[f]++
		} else if p.listeners[f]--; p.listeners[f] == 0 {
			delete(p.listeners, f)
		}
	})
}

// publication is what an iteration published.
type publication struct {
	resources int // set or removed
	bytes     int // of those set
	seqs      map[ir.Fleet]uint64
}

func (p *publication) add(f ir.Fleet, c *translate.Change, seq uint64) {
	if p.seqs == nil {
		p.seqs = map[ir.Fleet]uint64{}
	}
	p.seqs[f] = seq
	p.resources += len(c.Set) + len(c.Removed)
	for _, r := range c.Set {
		p.bytes += r.Size()
	}
}

// publish publishes changed resources to the tables of the fleets. A new fleet gets all its
// resources; a fleet without a listener has no table, and its resources are not published.
func (p *Pipeline) publish() (out publication) {
	changes := p.Translate.Changes()
	if p.served != nil {
		p.addNew(changes)
	}
	p.served = map[ir.Fleet]bool{}
	for _, f := range slices.Sorted(maps.Keys(p.listeners)) {
		p.served[f] = true
		t := p.fleets.Add(f)
		if c := changes[f]; c != nil {
			out.add(f, c, t.Publish(c.Set, c.Removed))
		}
	}
	for _, f := range p.fleets.Names() {
		if !p.served[f] {
			p.fleets.Remove(f)
			p.log.Info("fleet removed", "fleet", f)
		}
	}
	return out
}

// addNew replaces the changes of each new fleet by all its resources: some may be older than the fleet.
func (p *Pipeline) addNew(changes map[ir.Fleet]*translate.Change) {
	var added []ir.Fleet
	for f := range p.listeners {
		if !p.served[f] {
			added = append(added, f)
		}
	}
	if len(added) == 0 {
		return
	}
	all := p.Translate.All(added...)
	for _, f := range added {
		p.log.Info("fleet added", "fleet", f)
		changes[f] = &translate.Change{Set: all[f]}
	}
}
