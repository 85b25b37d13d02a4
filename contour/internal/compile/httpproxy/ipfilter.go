package httpproxy

import (
	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// maxIPSources bounds the address ranges of an IP filter.
const maxIPSources = 1000

// ipPolicies contains the two lists of a virtual host or route, and the field that contains them.
type ipPolicies struct {
	allow, deny []contourv1.IPFilterPolicy
	at          path
}

// ipFilter converts the IP filter of a virtual host or route; nil if there is none, false if it is invalid.
func (p *proxy) ipFilter(from ipPolicies) (*ir.IPFilter, bool) {
	rules, at, deny := from.allow, from.at.dot("ipAllowPolicy"), false
	switch {
	case len(from.allow) > 0 && len(from.deny) > 0:
		p.errorf(subCondition{report.TypeIPFilter, report.IncompatibleIPAddressFilters}, from.at, "Both ipAllowPolicy and ipDenyPolicy are set; at most one is allowed.")
		return nil, false
	case len(from.deny) > 0:
		rules, at, deny = from.deny, from.at.dot("ipDenyPolicy"), true
	case len(from.allow) == 0:
		return nil, true
	}
	if len(rules) > maxIPSources {
		p.errorf(subCondition{report.TypeIPFilter, report.IPFilterPolicyNotValid}, at, "There are %d address ranges; at most %d are allowed.", len(rules), maxIPSources)
		return nil, false
	}
	out, ok := &ir.IPFilter{Deny: deny, Sources: make([]ir.IPSource, 0, len(rules))}, true
	for i, rule := range rules {
		source, valid := p.ipSource(rule, at.at(i))
		out.Sources, ok = append(out.Sources, source), ok && valid
	}
	if !ok {
		return nil, false
	}
	return out, true
}

func (p *proxy) ipSource(rule contourv1.IPFilterPolicy, at path) (ir.IPSource, bool) {
	prefix, problem := validate.AddressRange(rule.CIDR)
	if problem != "" {
		p.errorf(subCondition{report.TypeIPFilter, report.InvalidCIDR}, at.dot("cidr"), "%s %s.", quoted(rule.CIDR), problem)
	}
	ok := problem == ""
	if rule.Source != contourv1.IPFilterSourcePeer && rule.Source != contourv1.IPFilterSourceRemote {
		p.errorf(subCondition{report.TypeIPFilter, report.IPFilterPolicyNotValid}, at.dot("source"), "The source %s is not one of Peer and Remote.", quoted(string(rule.Source)))
		ok = false
	}
	return ir.IPSource{Prefix: prefix, Peer: rule.Source == contourv1.IPFilterSourcePeer}, ok
}
