package translate

import (
	"fmt"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	compositev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/composite/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// The filters that policies bring stand in the route table, so that policies never change a listener. A carrier on the
// listener runs them. Neither carrier can do the work of the other (all of it measured, docs/design/0012):
//   - filter_chain runs the chain of the first route that a request finds, so it cannot stand behind the script that
//     finds the shard of the route table.
//   - composite takes the route anew, but only one filter each: it skips the rest of a list once one filter waits. So
//     there is a row of it, which would cost a TLS filter chain ten times the bytes.
const (
	chainName   = "policies"
	policySlots = 8 // the most filters that the policies of one virtual host may bring on the listener without TLS
)

// carrier is the way in which route tables bring filters.
type carrier uint8

const (
	carrierChain carrier = iota // one filter with a list
	carrierSlots                // a row of filters with one each
)

// carrierOf is the carrier of a listener, with TLS or without.
func carrierOf(secure bool) carrier {
	if secure {
		return carrierChain
	}
	return carrierSlots
}

// filters is the carrier on the listener. It does nothing for routes that bring no filter.
func (c carrier) filters(e *encoder) []*hcmv3.HttpFilter {
	if c == carrierChain {
		return []*hcmv3.HttpFilter{httpFilter(e, chainName, &filterchainv3.FilterChainConfig{})}
	}
	out := make([]*hcmv3.HttpFilter, policySlots)
	for i := range out {
		out[i] = httpFilter(e, slotName(i), &compositev3.Composite{})
	}
	return out
}

func slotName(i int) string { return fmt.Sprint(chainName, "/", i) }

// policyFilter is a filter as policies bring it; slot is its number among all that its virtual host brings.
type policyFilter struct {
	name   string
	slot   int
	config *anypb.Any
}

// bring adds the filters, which are in order, to the configuration of a virtual host or route.
func (c carrier) bring(e *encoder, filters []policyFilter, into map[string]*anypb.Any) {
	if len(filters) == 0 {
		return
	}
	if c == carrierChain {
		into[chainName] = filterChainOf(e, filters)
		return
	}
	for _, f := range filters {
		if f.slot >= policySlots {
			e.addInvalid(fmt.Sprintf("the policies bring more than %d filters", policySlots))
			continue
		}
		into[slotName(f.slot)] = runAlways(e, f)
	}
}

// filterChainOf is the filters as a list for filter_chain.
func filterChainOf(e *encoder, filters []policyFilter) *anypb.Any {
	chain := &filterchainv3.FilterChain{}
	for _, f := range filters {
		chain.Filters = append(chain.Filters, f.extension())
	}
	return e.pack(&filterchainv3.FilterChainConfigPerRoute{FilterChain: chain})
}

// runAlways is one filter for composite, which runs it for every request.
func runAlways(e *encoder, f policyFilter) *anypb.Any {
	run := &xdscorev3.TypedExtensionConfig{
		Name: "run", TypedConfig: e.pack(&compositev3.ExecuteFilterAction{TypedConfig: f.extension()}),
	}
	return e.pack(&compositev3.CompositePerRoute{Matcher: &xdsmatcherv3.Matcher{
		OnNoMatch: &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{Action: run}},
	}})
}

func (f policyFilter) extension() *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{Name: f.name, TypedConfig: f.config}
}
