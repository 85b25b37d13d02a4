package pipeline

import (
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// states is the sockets of listeners whose states statuses contain: those of Gateways.
type states struct {
	sockets  map[ir.ListenerKey]int  // the number of listeners that share each
	followed map[ir.ListenerKey]bool // false until their tables know
	dirty    map[ir.ListenerKey]bool // added, or changed in their table
}

// followStates keeps the sockets of the listeners of objects, those of the configuration left out.
func (p *Pipeline) followStates() {
	p.states = states{sockets: map[ir.ListenerKey]int{}, followed: map[ir.ListenerKey]bool{}, dirty: map[ir.ListenerKey]bool{}}
	memo.Follow(p.Compile.Listeners, func(k ir.ListenerKey, l *ir.Listener) []ir.ListenerKey {
		if l == nil || len(l.Origins) == 0 {
			return nil
		}
		return []ir.ListenerKey{{Fleet: k.Fleet, Name: l.Socket}}
	}, func(k ir.ListenerKey, added bool) {
		if added {
			if p.states.sockets[k]++; p.states.sockets[k] == 1 {
				p.states.followed[k], p.states.dirty[k] = false, true
			}
			return
		}
		if p.states.sockets[k]--; p.states.sockets[k] > 0 {
			return
		}
		delete(p.states.sockets, k)
		if t := p.fleets.Get(k.Fleet); t != nil {
			for _, ref := range ofListener(k) {
				t.Unfollow(ref)
			}
		}
		delete(p.states.followed, k)
		p.Compile.Gateways.States.Delete(k)
	})
}

// ofListener returns the resources of which the state of a socket consists. Route tables have the name of the listener for HTTP or HTTPS of the
// socket, which is that of the socket.
func ofListener(k ir.ListenerKey) [2]table.Ref {
	return [2]table.Ref{{Type: table.Listener, Name: k.Name}, {Type: table.Route, Name: k.Name}}
}

// updateStates updates what Envoys have of listeners, of those that were added or have changed in their table.
func (p *Pipeline) updateStates() {
	if len(p.states.followed) == 0 {
		return
	}
	for _, f := range p.fleets.Names() {
		if t := p.fleets.Get(f); t != nil {
			for _, ref := range t.TakeNews() {
				p.states.dirty[ir.ListenerKey{Fleet: f, Name: ref.Name}] = true
			}
		}
	}
	for k := range p.states.dirty {
		followed, ok := p.states.followed[k]
		t := p.fleets.Get(k.Fleet)
		if ok && t == nil {
			continue
		}
		if ok {
			p.updateState(t, k, followed)
		}
		delete(p.states.dirty, k)
	}
}

func (p *Pipeline) updateState(t *table.Table, k ir.ListenerKey, followed bool) {
	if !followed {
		for _, ref := range ofListener(k) {
			t.Follow(ref)
		}
		p.states.followed[k] = true
	}
	p.Compile.Gateways.States.Set(k, stateOf(t, k))
}

func stateOf(t *table.Table, k ir.ListenerKey) (s gatewayapi.State) {
	refs := ofListener(k)
	s.Unwatched = !t.Watched()
	s.Chains, s.Accepted = t.Accepted(refs[0])
	_, s.Routed = t.Accepted(refs[1])
	for _, r := range t.RejectionsOf(refs[0]) {
		if r.Part == "" {
			s.Rejected = r.ErrorDetail
			continue
		}
		if s.RejectedChains == nil {
			s.RejectedChains = map[string]string{}
		}
		s.RejectedChains[r.Part] = r.ErrorDetail
	}
	return s
}
