package translate

import (
	"slices"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	grpcstatsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_stats/v3"
	grpcwebv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/grpc_web/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"contour.example/contour/internal/ir"
)

// compressorName is the name of the filter that compresses responses.
const compressorName = "compressor"

// place is the order in which requests pass HTTP filters; responses pass them in reverse.
type place uint8

// The places. Those between placeCORS and placeGRPCWeb are of the filters of policies.
const (
	placeDispatch      place = iota // on HTTP listeners: selects the route table
	placeOwnTable                   // on HTTP listeners: selects the route table of a heavy host
	placeMisdirect                  // on wildcard TLS hosts: responds with 421; on shared filter chains: selects the route table
	placeCompress                   // compresses the final body
	placeCORS                       // responds to preflights, which have no credentials
	placeIPFilter                   // responds with 403 by address, before more expensive filters
	placeLocalLimit                 // protects the following filters from floods
	placeJWT                        // responds with 401 without a valid token
	placeAuthorizeHTTP              // asks a service, which is expensive
	placeAuthorize                  // the same by gRPC
	placeAuthorizeOpen              // the same, for services that need not be reachable
	placeGlobalLimit                // asks a service about what has passed all others
	placeCookies                    // changes responses only
	placeSession                    // selects the endpoint, for requests that all others admit
	placeGRPCWeb
	placeGRPCStats
	placeRouter
)

// filter is an HTTP filter. One with a listener function is on the listener, for all requests, and policies configure it;
// one without is a filter of a policy, which a carrier runs.
type filter struct {
	name  string
	place place
	// listener returns the filter for the requests of a filter chain; nil: none.
	listener func(*encoder, httpChain) *hcmv3.HttpFilter
	// onlyInChain: the carrier of listeners for TLS runs the filter; only the others have that of the listener function.
	onlyInChain bool
	// has reports whether the policies configure the filter; nil: no policies do.
	has func(ir.Policies) bool
	// policy returns the configuration for the policies, nil exactly if has reports false.
	policy func(*encoder, ir.Policies) message
	// used reports whether a virtual host needs the filter; nil: as soon as policies of it configure the filter.
	used func(*ir.VirtualHost) bool
	// refer returns what a virtual host, a route or a backend has of the filter; nil: that of policy, if its own policies
	// configure the filter.
	refer func(*encoder, level) part
	// shared: the filter has state, such as a count, that the routes of a virtual host share if they do not configure the filter.
	shared bool
	// forwarding: the filter does nothing on routes that do not forward requests.
	forwarding bool
}

// httpFilters returns all HTTP filters, in order. Their names are short, because each filter chain of a TLS host repeats them.
func httpFilters() []filter {
	return slices.Concat(listenerFilters(), policyFilters(), []filter{
		always("grpc_web", placeGRPCWeb, func(*encoder) message { return &grpcwebv3.GrpcWeb{} }),
		always("grpc_stats", placeGRPCStats, func(*encoder) message {
			return &grpcstatsv3.FilterConfig{EmitFilterState: true, EnableUpstreamStats: true}
		}),
		always("router", placeRouter, func(*encoder) message { return &routerv3.Router{} }),
	})
}

// listenerFilters returns the filters before those that carriers run.
func listenerFilters() []filter {
	return []filter{
		{name: dispatchFilter, place: placeDispatch, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			if !h.listener.ByHost() {
				return nil
			}
			return script(e, dispatchFilter, dispatchScript(h.listener.Key))
		}},
		{name: ownTableFilter, place: placeOwnTable, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			if !h.listener.ByHost() {
				return nil
			}
			return script(e, ownTableFilter, ownTableScript())
		}},
		{name: misdirectedName, place: placeMisdirect, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			switch {
			case h.shared != nil:
				return coalescedFilter(e)
			case h.checkSNI:
				return misdirectedFilter(e)
			}
			return nil
		}},
		{name: compressorName, place: placeCompress, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			if h.listener.Client.HTTP.Compression == ir.CompressNone {
				return nil
			}
			return httpFilter(e, compressorName, compressor(e, h.listener.Client.HTTP.Compression))
		}},
		{
			name: corsName, place: placeCORS, has: hasCORS, policy: corsPolicy, forwarding: true,
			listener: func(e *encoder, _ httpChain) *hcmv3.HttpFilter { return httpFilter(e, corsName, &corsv3.Cors{}) },
		},
	}
}

// policyFilters returns the filters that carriers run.
func policyFilters() []filter {
	return slices.Concat([]filter{
		{name: "ip_filter", place: placeIPFilter, has: hasIPFilter, policy: ipFilter},
		{name: "local_rate_limit", place: placeLocalLimit, has: hasLocalRateLimit, policy: localRateLimit, shared: true},
		// Shared, so that a route with other filters of its own does not repeat the keys.
		{name: jwtName, place: placeJWT, has: hasJWT, policy: jwtFilter, used: requiresToken, refer: jwtPart, shared: true},
	}, authzFilters(), []filter{
		{name: "global_rate_limit", place: placeGlobalLimit, has: hasGlobalRateLimit, policy: globalRateLimit, forwarding: true},
		{name: "cookies", place: placeCookies, has: hasCookies, policy: cookieFilter},
		{name: "session", place: placeSession, has: hasSession, policy: sessionFilter, forwarding: true},
	})
}

// always returns a filter of every filter chain, independent of policies.
func always(name string, at place, config func(*encoder) message) filter {
	return filter{name: name, place: at, listener: func(e *encoder, _ httpChain) *hcmv3.HttpFilter {
		return httpFilter(e, name, config(e))
	}}
}

// carried reports whether the carrier runs the filter.
func (f *filter) carried(c carrier) bool {
	return f.listener == nil || f.onlyInChain && c == carrierChain
}

// filters returns the HTTP filters of the filter chain in order. The carrier has the place of the filters of policies, and
// is always present, so that policies never change a listener.
func (h httpChain) filters(e *encoder) []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	carried, on := false, carrierOf(!h.listener.ByHost())
	for _, f := range httpFilters() {
		switch {
		case f.carried(on) && !carried:
			carried = true
			out = append(out, on.filters(e)...)
		case f.carried(on):
		default:
			if of := f.listener(e, h); of != nil {
				out = append(out, of)
			}
		}
	}
	return out
}

// configurableFilters returns the names of the filters of listeners without TLS that do nothing unless a virtual host, a route or a
// backend configures them. Envoy makes them for each request, whether they act or not.
func configurableFilters() []string {
	var out []string
	for i := range policySlots {
		out = append(out, slotName(i))
	}
	for _, f := range httpFilters() {
		if f.listener != nil && f.has != nil {
			out = append(out, f.name)
		}
	}
	return out
}
