package endpoint

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Localities is the endpoints of all targets, under the given EDS name, with those of each in a locality of its name. The shares of endpoints are
// as of Weighted. The locality of a target of weight 0 has no weight: its endpoints are only used by requests that name one.
//
// An address of several targets is in the first locality with a weight, with the sum of its weights there, since Envoy would use one of
// several that are equal. Names are distinct.
func Localities(name string, targets []Target) *endpointv3.ClusterLoadAssignment {
	total := uint64(0)
	found := make([][]*endpointv3.LbEndpoint, len(targets))
	for i, t := range targets {
		if found[i] = lbEndpoints(t.used()); len(found[i]) > 0 {
			total += uint64(t.Weight)
		}
	}
	cla := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	of := map[*endpointv3.LbEndpoint]int{}
	var all, idle []*endpointv3.LbEndpoint
	for i, own := range found {
		for _, e := range own {
			of[e] = i
		}
		if targets[i].Weight > 0 {
			all = append(all, weighted(own, targets[i].Weight, total)...)
			continue
		}
		for _, e := range own {
			e.LoadBalancingWeight = wrapperspb.UInt32(0)
		}
		idle = append(idle, own...)
	}
	byTarget := make([]*endpointv3.LocalityLbEndpoints, len(targets))
	for _, e := range merged(append(all, idle...)) {
		i := of[e]
		if byTarget[i] == nil {
			byTarget[i] = &endpointv3.LocalityLbEndpoints{Locality: &corev3.Locality{SubZone: targets[i].Locality}}
		}
		l := byTarget[i]
		l.LbEndpoints = append(l.LbEndpoints, e)
		if w := e.GetLoadBalancingWeight().GetValue(); w == 0 {
			e.LoadBalancingWeight = nil
		} else {
			l.LoadBalancingWeight = wrapperspb.UInt32(l.GetLoadBalancingWeight().GetValue() + w)
		}
	}
	for _, l := range byTarget {
		if l != nil {
			cla.Endpoints = append(cla.Endpoints, l)
		}
	}
	return cla
}
