package pipeline

import (
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// states is the listeners whose states statuses contain: those of Gateways.
type states struct {
	sockets map[ir.ListenerKey]string
	dirty   map[ir.ListenerKey]bool // added, or named by what was accepted
	seq     uint64                  // of the rejections in the states
}

// followStates keeps the listeners of objects, those of the configuration left out.
func (p *Pipeline) followStates() {
	p.states = states{sockets: map[ir.ListenerKey]string{}, dirty: map[ir.ListenerKey]bool{}}
	memo.Follow(p.Compile.Listeners, func(k ir.ListenerKey, l *ir.Listener) []ir.ListenerKey {
		if l == nil || len(l.Origins) == 0 {
			return nil
		}
		return []ir.ListenerKey{k}
	}, func(k ir.ListenerKey, added bool) {
		if added {
			p.states.sockets[k], p.states.dirty[k] = k.Name, true
			return
		}
		delete(p.states.sockets, k)
		p.Compile.Gateways.States.Delete(k)
	})
}

// updateStates updates what Envoys have of listeners, of those that have changed or of which an answer has arrived.
func (p *Pipeline) updateStates() {
	if len(p.states.sockets) == 0 {
		return
	}
	for _, f := range p.fleets.Names() {
		if t := p.fleets.Get(f); t != nil {
			for _, ref := range t.TakeAccepted() {
				p.states.dirty[ir.ListenerKey{Fleet: f, Name: ref.Name}] = true
			}
		}
	}
	var rejected map[ir.ListenerKey][]table.Rejection
	if seq := p.fleets.RejectionSeq(); seq != p.states.seq {
		p.states.seq = seq
		for k := range p.states.sockets {
			p.states.dirty[k] = true
		}
	}
	if len(p.states.dirty) == 0 {
		return
	}
	rejected = p.rejectedListeners()
	for k := range p.states.dirty {
		if _, ok := p.states.sockets[k]; ok {
			p.Compile.Gateways.States.Set(k, p.stateOf(k, rejected[k]))
		}
		delete(p.states.dirty, k)
	}
}

// rejectedListeners returns what Envoys reject of listeners.
func (p *Pipeline) rejectedListeners() map[ir.ListenerKey][]table.Rejection {
	out := map[ir.ListenerKey][]table.Rejection{}
	for _, r := range p.fleets.Rejections() {
		if r.Ref.Type == table.Listener {
			k := ir.ListenerKey{Fleet: r.Fleet, Name: r.Ref.Name}
			out[k] = append(out[k], r.Rejection)
		}
	}
	return out
}

func (p *Pipeline) stateOf(k ir.ListenerKey, rejected []table.Rejection) gatewayapi.State {
	var s gatewayapi.State
	t := p.fleets.Get(k.Fleet)
	if t == nil {
		return s
	}
	s.Chains, s.Accepted = t.Accepted(table.Ref{Type: table.Listener, Name: k.Name})
	_, routes := t.Accepted(table.Ref{Type: table.Route, Name: k.Name})
	s.Accepted = s.Accepted && routes
	for _, r := range rejected {
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
