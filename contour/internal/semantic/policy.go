package semantic

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/composite/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	localratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/local_ratelimit/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// client returns the address from which all clients connect.
func client() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// levels contains the per-filter configuration of a virtual host and of its route.
type levels []map[string]*anypb.Any

// filterResult is the effect of the filters of the listener on a request.
type filterResult struct {
	answered bool // a filter has answered the request
	answer   Answer
	response Changes // to the response, of a backend or of Envoy
	request  Changes // to the request that a backend receives
}

// policies runs the filters of the listener that the virtual host or the route configures.
func (x *exchange) policies(vh *routev3.VirtualHost, r *routev3.Route) (filterResult, error) {
	var p filterResult
	all := levels{vh.GetTypedPerFilterConfig(), r.GetTypedPerFilterConfig()}
	filters, err := enabled(x.filters, x.first)
	if err != nil {
		return p, err
	}
	if err := checkFilters(filters, all); err != nil {
		return p, err
	}
	x.forwarded = r.GetRoute() != nil
	for _, f := range filters {
		if err := x.policy(&p, f, all, r); err != nil {
			return p, fmt.Errorf("filter %s: %w", f.GetName(), err)
		}
		if p.answered {
			break
		}
	}
	return p, nil
}

// checkFilters returns an error if there is configuration of a filter that the request does not have, apart from the script: Envoy ignores it.
func checkFilters(filters []*hcmv3.HttpFilter, all levels) error {
	for _, level := range all {
		for name, packed := range level {
			if name == scriptFilter || switches(packed) { // it only enables the script of a listener that has it
				continue
			}
			if slices.ContainsFunc(filters, func(f *hcmv3.HttpFilter) bool { return f.GetName() == name }) {
				continue
			}
			if chained, err := chains(filters, all, name); err != nil || !chained {
				return errors.Join(err, fmt.Errorf("neither the request nor a chain has a filter %q", name))
			}
		}
	}
	return nil
}

// chains reports whether the chain that a filter runs has a filter of that name: Envoy finds what routes configure for it by its name
// in the chain.
func chains(filters []*hcmv3.HttpFilter, all levels, name string) (bool, error) {
	for _, f := range filters {
		if f.GetTypedConfig().MessageName().Name() != "FilterChainConfig" {
			continue
		}
		chain, err := mergeChains(all.configs(f.GetName()))
		if err != nil || slices.ContainsFunc(chain, func(c *corev3.TypedExtensionConfig) bool { return c.GetName() == name }) {
			return err == nil, err
		}
	}
	return false, nil
}

// configs returns the configurations of the filter, the most specific one last, without those that only enable or disable it.
func (l levels) configs(name string) []*anypb.Any {
	var out []*anypb.Any
	for _, level := range l {
		if c := level[name]; c != nil && !switches(c) {
			out = append(out, c)
		}
	}
	return out
}

func (x *exchange) policy(p *filterResult, f *hcmv3.HttpFilter, all levels, r *routev3.Route) error {
	configs := all.configs(f.GetName())
	if f.GetTypedConfig().MessageName().Name() == "ExtAuthz" {
		return x.authorize(p, f.GetTypedConfig(), configs)
	}
	if len(configs) == 0 {
		return nil
	}
	last := configs[len(configs)-1]
	switch f.GetTypedConfig().MessageName().Name() {
	case "Cors":
		if r.GetRoute() == nil {
			return nil
		}
		return x.cors(p, last)
	case "FilterChainConfig":
		if x.rerouted {
			return nil
		}
		chain, err := mergeChains(configs)
		for _, extension := range chain {
			if err == nil && !p.answered {
				err = x.runFilter(p, extension, all)
			}
		}
		return err
	case "Composite":
		extension, err := slotFilter(last)
		if err != nil || extension == nil {
			return err
		}
		return x.runFilter(p, extension, nil) // it finds nothing under its own name, as it has that of the slot
	}
	return errors.New("the model does not support configuration of this filter by routes")
}

// mergeChains returns the filters of all chains; a filter of several chains runs in the last one.
func mergeChains(configs []*anypb.Any) ([]*corev3.TypedExtensionConfig, error) {
	var out []*corev3.TypedExtensionConfig
	for _, c := range configs {
		m, err := unpack(c, &filterchainv3.FilterChainConfigPerRoute{})
		if err != nil {
			return nil, err
		}
		for _, f := range m.GetFilterChain().GetFilters() {
			out = slices.DeleteFunc(out, func(o *corev3.TypedExtensionConfig) bool { return o.GetName() == f.GetName() })
		}
		out = append(out, m.GetFilterChain().GetFilters()...)
	}
	return out, nil
}

// slotFilter returns the filter that a composite filter runs for every request; nil if it runs none.
func slotFilter(packed *anypb.Any) (*corev3.TypedExtensionConfig, error) {
	c, err := unpack(packed, &compositev3.CompositePerRoute{})
	if err != nil {
		return nil, err
	}
	if err := checkFields(c.GetMatcher(), "on_no_match"); err != nil {
		return nil, err
	}
	if c.GetMatcher() != nil && c.GetMatcher().GetOnNoMatch() == nil {
		return nil, nil
	}
	on, ok := c.GetMatcher().GetOnNoMatch().GetOnMatch().(*xdsmatcherv3.Matcher_OnMatch_Action)
	if !ok {
		return nil, errors.New("the composite filter has no action")
	}
	action, err := unpack(on.Action.GetTypedConfig(), &compositev3.ExecuteFilterAction{})
	if err != nil {
		return nil, err
	}
	return action.GetTypedConfig(), checkFields(action, "typed_config")
}

// runFilter runs a filter of a policy. In a chain, all is what the virtual host and the route configure; in a slot it is nil.
func (x *exchange) runFilter(p *filterResult, f *corev3.TypedExtensionConfig, all levels) error {
	switch packed := f.GetTypedConfig(); packed.MessageName().Name() {
	case "RBAC":
		return x.rbac(p, packed)
	case "LocalRateLimit":
		return x.localRateLimit(p, packed)
	case "JwtAuthentication":
		var ofRoute *anypb.Any
		if own := all.configs(f.GetName()); len(own) > 0 {
			ofRoute = own[len(own)-1]
		}
		return x.jwtAuthn(p, packed, ofRoute)
	case "Lua": // applies to responses of backends
		return nil
	case "RateLimit":
		return x.rateLimit(p, packed)
	case "ExtAuthz":
		return x.authorize(p, packed, all.configs(f.GetName()))
	case "StatefulSession":
		return x.statefulSession(packed)
	case "Config": // of set_metadata
		return x.setMetadata(packed)
	default:
		return unsupportedMessage("HTTP filter", packed)
	}
}

// rbac admits requests by the address of the client.
func (x *exchange) rbac(p *filterResult, packed *anypb.Any) error {
	m, err := unpack(packed, &rbacv3.RBAC{})
	if err != nil {
		return err
	}
	if err := errors.Join(checkFields(m, "rules"), checkFields(m.GetRules(), "action policies")); err != nil {
		return err
	}
	matched := false
	for _, policy := range m.GetRules().GetPolicies() {
		if n := policy.GetPermissions(); len(n) != 1 || !n[0].GetAny() {
			return errors.New("the model supports only rules for any request")
		}
		for _, principal := range policy.GetPrincipals() {
			is, err := x.isClient(principal)
			if err != nil {
				return err
			}
			matched = matched || is
		}
	}
	if allow := m.GetRules().GetAction() == rbacconfigv3.RBAC_ALLOW; matched != allow {
		p.answered, p.answer = true, Answer{Status: 403, Body: "RBAC: access denied"}
	}
	return nil
}

func (x *exchange) isClient(p *rbacconfigv3.Principal) (bool, error) {
	r, address := p.GetRemoteIp(), x.remote
	if r == nil {
		r, address = p.GetDirectRemoteIp(), client()
	}
	if r == nil {
		return false, errors.New("the model supports only principals with an address")
	}
	prefix, err := netip.ParsePrefix(fmt.Sprintf("%s/%d", r.GetAddressPrefix(), r.GetPrefixLen().GetValue()))
	return err == nil && prefix.Contains(address), err
}

// localRateLimit admits as many requests at once as the bucket has tokens.
func (x *exchange) localRateLimit(p *filterResult, packed *anypb.Any) error {
	m, err := unpack(packed, &localratelimitv3.LocalRateLimit{})
	if err != nil {
		return err
	}
	if err := checkFields(m, "stat_prefix status token_bucket filter_enabled filter_enforced response_headers_to_add"); err != nil {
		return err
	}
	if enabled := m.GetFilterEnabled(); enabled != nil && enabled.GetDefaultValue().GetNumerator() == 0 {
		return nil
	}
	if m.GetFilterEnabled().GetDefaultValue().GetNumerator() != 100 || m.GetFilterEnforced().GetDefaultValue().GetNumerator() != 100 {
		return errors.New("the limit is not enforced for all requests")
	}
	if x.Nth <= int(m.GetTokenBucket().GetMaxTokens()) {
		return nil
	}
	c := newResponseEditor(x.headers)
	err = c.edit(nil, m.GetResponseHeadersToAdd())
	p.answered, p.answer = true, Answer{Status: int(m.GetStatus().GetCode()), Body: "local_rate_limited", Changes: c.changes}
	return err
}

// setRequest sets a header of the request that a backend receives.
func (p *filterResult) setRequest(name, value string) {
	if p.request.Set == nil {
		p.request.Set = map[string]string{}
	}
	p.request.Set[name] = value
}

// add adds the changes of the filters to the answer, of a backend or of Envoy.
func (p *filterResult) add(a Answer) Answer {
	for i := range a.From {
		if len(p.request.Set) > 0 {
			removed := a.From[i].Request.Removed
			a.From[i].Request = a.From[i].Request.after(p.request)
			a.From[i].Request.Removed = removed
		}
	}
	if len(p.response.Set) == 0 {
		return a
	}
	a.Changes = p.response.after(a.Changes)
	for i := range a.From {
		a.From[i].Response = p.response.after(a.From[i].Response)
	}
	return a
}

// after returns the changes before and the changes c, applied in that order.
func (c Changes) after(before Changes) Changes {
	set := map[string]string{}
	for name, value := range before.Set {
		set[name] = value
	}
	for name, value := range c.Set {
		set[strings.ToLower(name)] = value
	}
	return Changes{Set: set, Removed: before.Removed}
}
