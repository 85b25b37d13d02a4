package translate

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// ipRules is the name of the policy in RBAC, which access logs show; it is Contour's.
const ipRules = "ip-rules"

func hasIPFilter(p ir.Policies) bool { return p.IPFilter != nil && !p.IPFilter.Invalid }

// ipFilter returns the filter that allows or denies requests by the address of the client.
func ipFilter(_ *encoder, p ir.Policies) message {
	if !hasIPFilter(p) {
		return nil
	}
	f := p.IPFilter
	rules := &rbacconfigv3.RBAC{Action: rbacconfigv3.RBAC_ALLOW}
	if f.Deny {
		rules.Action = rbacconfigv3.RBAC_DENY
	}
	policy := &rbacconfigv3.Policy{Permissions: []*rbacconfigv3.Permission{{Rule: &rbacconfigv3.Permission_Any{Any: true}}}}
	for _, s := range f.Sources {
		policy.Principals = append(policy.Principals, principal(s))
	}
	rules.Policies = map[string]*rbacconfigv3.Policy{ipRules: policy}
	return &rbacv3.RBAC{Rules: rules}
}

func principal(s ir.IPSource) *rbacconfigv3.Principal {
	if s.Peer {
		return &rbacconfigv3.Principal{Identifier: &rbacconfigv3.Principal_DirectRemoteIp{DirectRemoteIp: cidr(s.Prefix)}}
	}
	return &rbacconfigv3.Principal{Identifier: &rbacconfigv3.Principal_RemoteIp{RemoteIp: cidr(s.Prefix)}}
}

func cidr(p netip.Prefix) *corev3.CidrRange {
	return &corev3.CidrRange{AddressPrefix: p.Addr().String(), PrefixLen: wrapperspb.UInt32(uint32(p.Bits()))}
}
