package endpoint

import (
	"net/netip"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
)

// nowhere returns the address of the share of flows that are dropped: nothing listens there. Envoy cannot drop a share itself.
func nowhere() socket {
	return socket{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)}
}

// Datagrams is the endpoints of all targets of a listener for UDP, under the given EDS name. The endpoints of a target share its weight
// equally; the flows of the weight of a target without usable endpoints, and of lost, are dropped.
func Datagrams(name string, targets []Target, lost uint32) *endpointv3.ClusterLoadAssignment {
	dropped, total := uint64(lost), uint64(lost)
	found := make([][]*endpointv3.LbEndpoint, len(targets))
	for i, t := range targets {
		total += uint64(t.Weight)
		if found[i] = lbEndpoints(t.used()); len(found[i]) == 0 {
			dropped += uint64(t.Weight)
		}
	}
	if dropped == total {
		return &endpointv3.ClusterLoadAssignment{ClusterName: name}
	}
	var all []*endpointv3.LbEndpoint
	for i, own := range found {
		all = append(all, weighted(own, targets[i].Weight, total)...)
	}
	if dropped > 0 {
		all = append(all, weighted(lbEndpoints(addresses{nowhere()}), uint32(dropped), total)...)
	}
	return assignment(name, merged(all))
}
