package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"contour.example/contour/internal/ir"
)

// slowStartRuntimeKey is the key of the aggression in Envoy's runtime, as in Contour.
const slowStartRuntimeKey = "contour.slowstart.aggression"

// setBalancing sets the load balancing of the cluster.
func setBalancing(m *clusterv3.Cluster, t ir.Tuning) {
	slow := slowStart(t.SlowStart)
	switch t.Balancing {
	case ir.BalanceRoundRobin:
		m.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
		if slow != nil {
			m.LbConfig = &clusterv3.Cluster_RoundRobinLbConfig_{RoundRobinLbConfig: &clusterv3.Cluster_RoundRobinLbConfig{SlowStartConfig: slow}}
		}
	case ir.BalanceLeastRequest:
		m.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
		if slow != nil {
			m.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{SlowStartConfig: slow}}
		}
	case ir.BalanceRandom:
		m.LbPolicy = clusterv3.Cluster_RANDOM
	case ir.BalanceHash:
		m.LbPolicy = clusterv3.Cluster_RING_HASH
	}
}

// slowStart returns nil if there is none.
func slowStart(s ir.SlowStart) *clusterv3.Cluster_SlowStartConfig {
	if s == (ir.SlowStart{}) {
		return nil
	}
	return &clusterv3.Cluster_SlowStartConfig{
		SlowStartWindow:  durationpb.New(s.Window),
		Aggression:       &corev3.RuntimeDouble{DefaultValue: s.Aggression, RuntimeKey: slowStartRuntimeKey},
		MinWeightPercent: &typev3.Percent{Value: float64(s.MinWeight)},
	}
}

// hashPolicies returns what requests are distributed by.
func hashPolicies(keys []ir.HashKey) []*routev3.RouteAction_HashPolicy {
	var out []*routev3.RouteAction_HashPolicy
	for _, k := range keys {
		p := &routev3.RouteAction_HashPolicy{Terminal: k.Terminal}
		switch {
		case k.Cookie != "":
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_Cookie_{Cookie: &routev3.RouteAction_HashPolicy_Cookie{
				Name: k.Cookie, Ttl: durationpb.New(0), Path: "/", // a lifetime of 0 is that of the session
			}}
		case k.Header != "":
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: k.Header}}
		case k.Query != "":
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_QueryParameter_{QueryParameter: &routev3.RouteAction_HashPolicy_QueryParameter{Name: k.Query}}
		default:
			p.PolicySpecifier = &routev3.RouteAction_HashPolicy_ConnectionProperties_{
				ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
			}
		}
		out = append(out, p)
	}
	return out
}
