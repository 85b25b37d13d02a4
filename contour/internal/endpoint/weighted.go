package endpoint

import (
	"slices"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Target is a port of a Service and its share of the calls to a cluster of several Services.
type Target struct {
	Port
	Weight uint32 // positive, except for Localities
	// Locality is the name of the locality of the target, for Localities.
	Locality string
}

// scale is about the sum of the weights of all endpoints of a cluster of several Services.
const scale = 1_000_000

// Weighted is the endpoints of all targets, under the given EDS name. The endpoints of a target share its weight equally; the
// weight of a target without usable endpoints goes to the others. With one target the result is that of Assignment.
func Weighted(name string, targets []Target) *endpointv3.ClusterLoadAssignment {
	if len(targets) == 1 {
		return Assignment(name, targets[0].Port)
	}
	var total uint64
	found := make([][]*endpointv3.LbEndpoint, len(targets))
	for i, t := range targets {
		if found[i] = lbEndpoints(t.used()); len(found[i]) > 0 {
			total += uint64(t.Weight)
		}
	}
	var all []*endpointv3.LbEndpoint
	for i, own := range found {
		all = append(all, weighted(own, targets[i].Weight, total)...)
	}
	return assignment(name, merged(all))
}

// weighted sets the weights of endpoints that share a weight, of that total, equally.
func weighted(own []*endpointv3.LbEndpoint, weight uint32, total uint64) []*endpointv3.LbEndpoint {
	for _, e := range own {
		share := uint64(weight) * scale / total / uint64(len(own))
		e.LoadBalancingWeight = wrapperspb.UInt32(uint32(max(1, share)))
	}
	return own
}

func assignment(name string, all []*endpointv3.LbEndpoint) *endpointv3.ClusterLoadAssignment {
	cla := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	if len(all) > 0 {
		cla.Endpoints = []*endpointv3.LocalityLbEndpoints{{LbEndpoints: all}}
	}
	return cla
}

// merged returns each address once, with the sum of its weights: Envoy would use one of several with an equal address.
func merged(all []*endpointv3.LbEndpoint) []*endpointv3.LbEndpoint {
	type socket struct {
		address string
		port    uint32
	}
	key := func(e *endpointv3.LbEndpoint) socket {
		a := e.GetEndpoint().GetAddress().GetSocketAddress()
		return socket{a.GetAddress(), a.GetPortValue()}
	}
	at := map[socket]*endpointv3.LbEndpoint{}
	return slices.DeleteFunc(all, func(e *endpointv3.LbEndpoint) bool {
		first := at[key(e)]
		if first == nil {
			at[key(e)] = e
			return false
		}
		first.LoadBalancingWeight.Value += e.GetLoadBalancingWeight().GetValue()
		return true
	})
}
