package translate

import (
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

// The places. Between placeCORS and placeGRPCWeb are those of the filters that policies bring.
const (
	placeDispatch   place = iota // on the listener without TLS: finds the route table
	placeMisdirect               // on wildcard hosts with TLS: answers 421
	placeCompress                // compresses the final body
	placeCORS                    // answers preflights, which carry no credentials
	placeIPFilter                // answers 403 by address, before more expensive filters
	placeLocalLimit              // protects what follows from floods
	placeGRPCWeb
	placeGRPCStats
	placeRouter
)

// filter is an HTTP filter. One with a listener function is on the listener, for all requests, and a policy changes
// what it does; one without is brought by a policy, through a carrier.
type filter struct {
	name  string
	place place
	// listener is the filter for the requests of a filter chain; nil: it has none.
	listener func(*encoder, httpChain) *hcmv3.HttpFilter
	// policy is the configuration for requests with the policies; nil: they ask for none.
	policy func(*encoder, ir.Policies) message
	// shared: the filter has state, such as a count, that the routes of a virtual host share unless they bring their own.
	shared bool
	// forwarding: the filter does nothing on routes that do not forward requests.
	forwarding bool
}

// httpFilters is every HTTP filter, in order. Their names are ours, and short: each filter chain of a TLS host repeats them.
func httpFilters() []filter {
	return []filter{
		{name: dispatchFilter, place: placeDispatch, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			if h.listener.Protocol.Secure() {
				return nil
			}
			return script(e, dispatchFilter, dispatchScript(h.listener.Key))
		}},
		{name: misdirectedName, place: placeMisdirect, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			if !h.checkSNI {
				return nil
			}
			return misdirectedFilter(e)
		}},
		{name: compressorName, place: placeCompress, listener: func(e *encoder, h httpChain) *hcmv3.HttpFilter {
			if h.listener.Client.HTTP.Compression == ir.CompressNone {
				return nil
			}
			return httpFilter(e, compressorName, compressor(e, h.listener.Client.HTTP.Compression))
		}},
		{
			name: corsName, place: placeCORS, policy: corsPolicy, forwarding: true,
			listener: func(e *encoder, _ httpChain) *hcmv3.HttpFilter { return httpFilter(e, corsName, &corsv3.Cors{}) },
		},
		{name: "ip_filter", place: placeIPFilter, policy: ipFilter},
		{name: "local_rate_limit", place: placeLocalLimit, policy: localRateLimit, shared: true},
		always("grpc_web", placeGRPCWeb, func(*encoder) message { return &grpcwebv3.GrpcWeb{} }),
		always("grpc_stats", placeGRPCStats, func(*encoder) message { return &grpcstatsv3.FilterConfig{EmitFilterState: true} }),
		always("router", placeRouter, func(*encoder) message { return &routerv3.Router{} }),
	}
}

// always is a filter that every filter chain has, whatever the policies.
func always(name string, at place, config func(*encoder) message) filter {
	return filter{name: name, place: at, listener: func(e *encoder, _ httpChain) *hcmv3.HttpFilter {
		return httpFilter(e, name, config(e))
	}}
}

// carried reports whether policies bring the filter.
func (f *filter) carried() bool { return f.listener == nil }

// filters is the HTTP filters of the filter chain in order. The carrier stands where the filters that policies bring
// belong; it is there whether any policy brings one or not, so that policies never change a listener.
func (h httpChain) filters(e *encoder) []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	carried := false
	for _, f := range httpFilters() {
		switch {
		case f.carried() && !carried:
			carried = true
			out = append(out, carrierOf(h.listener.Protocol.Secure()).filters(e)...)
		case f.carried():
		default:
			if on := f.listener(e, h); on != nil {
				out = append(out, on)
			}
		}
	}
	return out
}
