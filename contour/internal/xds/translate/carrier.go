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

// Route tables configure the filters of policies, so that policies never change a listener. A carrier on the listener runs
// them. Neither carrier can replace the other (measurements in docs/design/0012):
//   - filter_chain runs the chain of the first selected route, so it cannot follow the script that selects the shard of the
//     route table.
//   - composite selects the route again, but runs only one filter: it skips the rest of a list after a filter that waits.
//     So the listener has several, which would multiply the size of a TLS filter chain by ten.
const (
	chainName   = "policies"
	policySlots = 9 // maximum number of filters of the policies of one virtual host on an HTTP listener
)

// carrier is the kind of filters that runs the filters of policies.
type carrier uint8

const (
	carrierChain carrier = iota // one filter with a list
	carrierSlots                // several filters with one each
)

// carrierOf returns the carrier of a listener, with TLS or without.
func carrierOf(secure bool) carrier {
	if secure {
		return carrierChain
	}
	return carrierSlots
}

// filters returns the filters of the carrier on the listener. They do nothing for routes without filters of policies.
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

// policyFilter is a filter of a policy; slot is its number among those of its virtual host. Without config, which only
// slots may have, the slot runs no filter.
type policyFilter struct {
	name   string
	slot   int
	config *anypb.Any
}

// add adds the filters, which are in order, to the configuration of a virtual host or route.
func (c carrier) add(e *encoder, filters []policyFilter, into map[string]*anypb.Any) {
	if len(filters) == 0 {
		return
	}
	if c == carrierChain {
		into[chainName] = filterChainOf(e, filters)
		return
	}
	for _, f := range filters {
		if f.slot >= policySlots {
			e.addInvalid(fmt.Sprintf("the policies configure more than %d filters", policySlots))
			continue
		}
		into[slotName(f.slot)] = runAlways(e, f)
	}
}

// filterChainOf returns the filters as a list for filter_chain.
func filterChainOf(e *encoder, filters []policyFilter) *anypb.Any {
	chain := &filterchainv3.FilterChain{}
	for _, f := range filters {
		chain.Filters = append(chain.Filters, f.extension())
	}
	return e.pack(&filterchainv3.FilterChainConfigPerRoute{FilterChain: chain})
}

// runAlways returns a configuration of composite that runs one filter, or none, for every request.
func runAlways(e *encoder, f policyFilter) *anypb.Any {
	if f.config == nil {
		return e.pack(&compositev3.CompositePerRoute{Matcher: &xdsmatcherv3.Matcher{}})
	}
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
