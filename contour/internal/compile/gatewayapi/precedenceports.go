package gatewayapi

import (
	"slices"

	"contour.example/contour/internal/kobj"
)

// maxSetPorts bounds the ports of a Gateway that only ListenerSets have, as many as a Gateway itself can have. Each is a port of the Service of
// its fleet, which has none at all if one of them cannot be opened: load balancers have tens of ports, and a cluster some 2,700 node ports.
const maxSetPorts = 64

// head returns the listener of a set that precedes all others of a port; nil if there is none, or the Gateway has the port itself.
func (p *precedence) head(at gatewaySocket) *claimant {
	if len(p.sockets[at]) == 0 || len(p.ownClasses(at)) > 0 {
		return nil
	}
	return p.sockets[at][0]
}

// opens reports whether a port is one of those that ListenerSets may add to the Gateway: the first, by the precedence of their first listeners.
func (p *precedence) opens(at gatewaySocket) bool {
	rank, found := slices.BinarySearchFunc(p.heads[at.gateway], p.head(at), compareClaimants)
	return found && rank < p.maxPorts
}

// updateHeads replaces the heads of the ports of a Gateway by the present ones, and reviews the listeners of ports that are opened or no
// longer are.
func (p *precedence) updateHeads(gateway kobj.Name, former map[gatewaySocket]*claimant) {
	heads := p.heads[gateway]
	before := p.openPorts(gateway)
	for _, c := range former {
		if c == nil {
			continue
		}
		if i, found := slices.BinarySearchFunc(heads, c, compareClaimants); found {
			heads = slices.Delete(heads, i, i+1)
		}
	}
	for at := range former {
		if c := p.head(at); c != nil {
			i, _ := slices.BinarySearchFunc(heads, c, compareClaimants)
			heads = slices.Insert(heads, i, c)
		}
	}
	if p.heads[gateway] = heads; len(heads) == 0 {
		delete(p.heads, gateway)
	}
	after := p.openPorts(gateway)
	for _, at := range before {
		if !slices.Contains(after, at) {
			p.reviewAll(p.sockets[at])
		}
	}
	for _, at := range after {
		if !slices.Contains(before, at) {
			p.reviewAll(p.sockets[at])
		}
	}
}

// openPorts returns the ports that ListenerSets add to a Gateway.
func (p *precedence) openPorts(gateway kobj.Name) (out []gatewaySocket) {
	heads := p.heads[gateway]
	for _, c := range heads[:min(len(heads), p.maxPorts)] {
		out = append(out, c.socket())
	}
	return out
}
