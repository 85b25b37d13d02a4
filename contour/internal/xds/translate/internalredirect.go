package translate

import (
	"strconv"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	upstreamcodecv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/upstream_codec/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	previousroutesv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/internal_redirect/previous_routes/v3"
	safecrossschemev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/internal_redirect/safe_cross_scheme/v3"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// Envoy follows a redirect of a backend by routing the request again, without the early header mutation that gives a request its
// scope (docs/design/0019-internal-redirects.md). The clusters of such routes have a filter that compares the Location
// with the authority of the request, and gives the response the key of the scope of the host, or noScope. Envoy copies this
// header to the request; with noScope there is no route, and the client receives the redirect.
//
// The filter overwrites whatever the backend sends, and routes remove the header from responses to clients.
const (
	redirectKey      = "redirect" // metadata of routes of which Envoy follows redirects
	redirectScopeKey = "scope"    // the key of the scope of the host
	noScope          = "-"        // no scope has this key
	sameHTTPHeader   = "x-contour-same-http"
	sameHTTPSHeader  = "x-contour-same-https"
)

// redirectsOf returns the redirects of a route that Envoy follows; nil if there are none.
func redirectsOf(r *ir.Route) *ir.InternalRedirects {
	if !reachesBackend(r) || r.Forward.Special == nil {
		return nil
	}
	return r.Forward.Special.Redirects
}

// internalRedirectPolicy converts the redirects that Envoy follows; nil remains nil.
func internalRedirectPolicy(e *encoder, r *ir.InternalRedirects) *routev3.InternalRedirectPolicy {
	if r == nil {
		return nil
	}
	p := &routev3.InternalRedirectPolicy{
		MaxInternalRedirects:     wrapperspb.UInt32(r.Max),
		RedirectResponseCodes:    r.Codes,
		AllowCrossSchemeRedirect: r.CrossScheme != ir.CrossSchemeNever,
		ResponseHeadersToCopy:    []string{shardHeader},
	}
	predicate := func(name string, m message) {
		p.Predicates = append(p.Predicates, &corev3.TypedExtensionConfig{Name: name, TypedConfig: e.pack(m)})
	}
	if r.CrossScheme == ir.CrossSchemeSafe {
		predicate("envoy.internal_redirect_predicates.safe_cross_scheme", &safecrossschemev3.SafeCrossSchemeConfig{})
	}
	if r.DenyRepeated {
		predicate("envoy.internal_redirect_predicates.previous_routes", &previousroutesv3.PreviousRoutesConfig{})
	}
	return p
}

// setRedirectScope gives a route the key of the scope of its host, which the filter of its clusters reads.
func setRedirectScope(r *routev3.Route, host *ir.VirtualHost) {
	key := routeTable(host.Key)
	if host.TLS == nil {
		key = hostScopeName(host.Key.Listener, host.Key.Hostname)
	}
	if r.Metadata == nil {
		r.Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{}}
	}
	r.Metadata.FilterMetadata[redirectKey] = &structpb.Struct{Fields: map[string]*structpb.Value{redirectScopeKey: structpb.NewStringValue(key)}}
	r.ResponseHeadersToRemove = append(r.ResponseHeadersToRemove[:len(r.ResponseHeadersToRemove):len(r.ResponseHeadersToRemove)], shardHeader)
}

// upstreamFilters returns the HTTP filters of a cluster, which end with the codec; nil for Envoy's default.
func upstreamFilters(e *encoder, c ir.Cluster) []*hcmv3.HttpFilter {
	if !c.Tuning.Value().FollowRedirects {
		return nil
	}
	return []*hcmv3.HttpFilter{
		httpFilter(e, "redirects", &headermutationv3.HeaderMutation{Mutations: &headermutationv3.Mutations{ResponseMutations: redirectMutations()}}),
		httpFilter(e, "envoy.filters.http.upstream_codec", &upstreamcodecv3.UpstreamCodec{}),
	}
}

// redirectMutations sets the scope of a redirect to the same authority: Envoy's expressions cannot concatenate, so headers
// contain the beginnings of a Location with the authority of the client's request.
func redirectMutations() []*mutationv3.HeaderMutation {
	const (
		authority = "%REQ(X-ENVOY-ORIGINAL-HOST?:AUTHORITY)%" // Envoy removes the header from requests of clients
		same      = "%CEL(response.headers['location'].startsWith(response.headers['" + sameHTTPHeader + "']) || " +
			"response.headers['location'].startsWith(response.headers['" + sameHTTPSHeader + "']) ? " +
			"response.headers['" + shardHeader + "'] : '" + noScope + "')%"
	)
	set := func(name, value string) *mutationv3.HeaderMutation {
		return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: name, Value: value},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}}}
	}
	remove := func(name string) *mutationv3.HeaderMutation {
		return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Remove{Remove: name}}
	}
	return []*mutationv3.HeaderMutation{
		set(sameHTTPHeader, "http://"+authority+"/"), set(sameHTTPSHeader, "https://"+authority+"/"),
		set(shardHeader, "%METADATA(ROUTE:"+redirectKey+":"+redirectScopeKey+")%"), set(shardHeader, same),
		remove(sameHTTPHeader), remove(sameHTTPSHeader),
	}
}

// redirected is what routes of a virtual host need so that Envoy can follow redirects to them.
type redirected struct {
	any      bool // Envoy follows redirects of routes of the virtual host
	excludes bool // routes must exclude requests with noScope, since no scope selects the route table
	named    bool // names distinguish the routes
}

// redirectsTo returns what the routes of the virtual host need.
func redirectsTo(v *ir.VirtualHost) (out redirected) {
	for i := range v.Routes {
		if r := redirectsOf(&v.Routes[i]); r != nil {
			out.any = true
			out.named = out.named || r.DenyRepeated
		}
	}
	out.excludes = out.any && v.TLS != nil
	return out
}

// prepare changes the i-th route of the virtual host.
func (d redirected) prepare(r *routev3.Route, i int) {
	if d.excludes {
		r.Match.Headers = append(r.Match.Headers, headerMatcher(ir.HeaderMatch{
			Name: shardHeader, Kind: ir.StringExact, Value: noScope, Invert: true, MissingAsEmpty: true,
		}))
	}
	if d.named {
		name := strconv.Itoa(i)
		if r.GetName() != "" {
			name = r.GetName() + "/" + name
		}
		r.Name = name
	}
}

// excludeRedirected makes the virtual host for misdirected requests, which is the first of the route table, exclude those that Envoy
// redirects: without a route, the client receives the redirect.
func excludeRedirected(_ *encoder, rc *routev3.RouteConfiguration) {
	for _, r := range rc.GetVirtualHosts()[0].GetRoutes() {
		r.Match.Headers = append(r.Match.Headers, headerMatcher(ir.HeaderMatch{Name: shardHeader, Kind: ir.StringPresent, Invert: true}))
	}
}
