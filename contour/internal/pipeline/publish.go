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
	}, func(f ir.Fleet, one bool) {
		if one {
			p.listeners[f]++
		} else if p.listeners[f]--; p.listeners[f] == 0 {
			delete(p.listeners, f)
		}
	})
}

// publish hands what changed to the tables of the fleets, and returns how many resources that is. A new fleet gets all
// that there is for it; one that is gone loses its table, and what is derived for a fleet without a listener is not
// published.
func (p *Pipeline) publish() int {
	changes := p.Translate.Changes()
	if p.served != nil {
		p.addNew(changes)
	}
	p.served = map[ir.Fleet]bool{}
	published := 0
	for _, f := range slices.Sorted(maps.Keys(p.listeners)) {
		p.served[f] = true
		t := p.fleets.Add(f)
		if c := changes[f]; c != nil {
			t.Publish(c.Set, c.Removed)
			published += len(c.Set) + len(c.Removed)
		}
	}
	for _, f := range p.fleets.Names() {
		if !p.served[f] {
			p.fleets.Remove(f)
			p.log.Info("fleet is gone", "fleet", f)
		}
	}
	return published
}

// addNew puts all resources of fleets that are new in the place of what changed for them: some may be older than the fleet.
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
		p.log.Info("fleet is new", "fleet", f)
		changes[f] = &translate.Change{Set: all[f]}
	}
}
