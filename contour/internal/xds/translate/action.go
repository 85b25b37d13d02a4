package translate

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// setAction sets the action of r. A route without an action, or without a backend, responds with an error: if it were
// omitted, its requests would match a less specific route.
func setAction(e *encoder, r *routev3.Route, of ir.Route, hostname string) {
	switch {
	case of.Direct != nil:
		r.Action = &routev3.Route_DirectResponse{DirectResponse: directResponse(e, *of.Direct)}
	case of.Redirect != nil:
		r.Action = &routev3.Route_Redirect{Redirect: redirect(*of.Redirect, of.Match.Path, hostname)}
	case of.Forward != nil && len(of.Forward.Backends) > 0:
		r.Action = &routev3.Route_Route{Route: forward(e, *of.Forward, of.Match.Path)}
	case of.Forward != nil:
		r.Action = &routev3.Route_DirectResponse{DirectResponse: directResponse(e, ir.Direct{Code: 503})}
	default:
		r.Action = &routev3.Route_DirectResponse{DirectResponse: directResponse(e, ir.Direct{Code: 500})}
	}
}

// maxDirectBody is the size in bytes up to which Envoy accepts the body of a direct response; its default is 4 KiB.
const maxDirectBody = 1 << 20

func directResponse(e *encoder, d ir.Direct) *routev3.DirectResponseAction {
	if len(d.Body) > maxDirectBody {
		e.addInvalid(fmt.Sprintf("the body of a direct response has %d bytes, more than %d", len(d.Body), maxDirectBody))
	}
	action := &routev3.DirectResponseAction{Status: d.Code}
	if d.Body != "" && hasContent(d.Code) {
		action.Body = &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: d.Body}}
	}
	return action
}

// hasContent reports whether responses with the status code may have a body (RFC 9110, section 15): Envoy sends any that it has, and clients
// take it for the next response on the connection.
func hasContent(code uint32) bool {
	const noContent, resetContent, notModified = 204, 205, 304
	return code != noContent && code != resetContent && code != notModified
}

// forward returns the action that sends a request to one cluster, or to one of several by weight.
func forward(e *encoder, f ir.Forward, path ir.PathMatch) *routev3.RouteAction {
	action := &routev3.RouteAction{
		Timeout:     timeout(f.Timeout),
		IdleTimeout: timeout(f.Idle),
		RetryPolicy: retryPolicy(f.Retry),
	}
	if b := f.Backends; len(b) == 1 && unmodified(b[0]) {
		action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: backendName(e, b[0])}
	} else {
		action.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: weightedClusters(e, b)}
	}
	if f.Websocket {
		action.UpgradeConfigs = []*routev3.RouteAction_UpgradeConfig{{UpgradeType: "websocket"}}
	}
	action.ClusterNotFoundResponseCode = unresolvedCode(f.Unresolved)
	setHost(action, f.Host)
	setSpecial(e, action, f.Special)
	switch {
	case f.Rewrite == nil:
	case f.Rewrite.Full != "":
		action.RegexRewrite = &matcherv3.RegexMatchAndSubstitute{Pattern: re2("^/.*$"), Substitution: literalSubstitution(f.Rewrite.Full)}
	default:
		action.PrefixRewrite, action.RegexRewrite = rewrite(path, f.Rewrite.Prefix)
	}
	return action
}

// literalSubstitution returns the substitution for a text: a backslash begins a reference to a group.
func literalSubstitution(text string) string { return strings.ReplaceAll(text, `\`, `\\`) }

// unresolvedCode returns the code for requests to a cluster that does not exist; Envoy's default is 503.
func unresolvedCode(code uint16) routev3.RouteAction_ClusterNotFoundResponseCode {
	if code == 500 {
		return routev3.RouteAction_INTERNAL_SERVER_ERROR
	}
	return routev3.RouteAction_SERVICE_UNAVAILABLE
}

// setSpecial sets what few routes have.
func setSpecial(e *encoder, action *routev3.RouteAction, s *ir.Special) {
	if s == nil {
		return
	}
	action.HashPolicy = hashPolicies(s.Hash)
	action.InternalRedirectPolicy = internalRedirectPolicy(e, s.Redirects)
	for _, m := range s.Mirrors {
		action.RequestMirrorPolicies = append(action.RequestMirrorPolicies, &routev3.RouteAction_RequestMirrorPolicy{
			Cluster:                       e.cluster(m.Cluster),
			RuntimeFraction:               &corev3.RuntimeFractionalPercent{DefaultValue: fraction(m.PerMillion)},
			DisableShadowHostSuffixAppend: m.KeepHost,
		})
	}
}

// fraction returns a share, in percent if it is a whole number of them.
func fraction(perMillion uint32) *typev3.FractionalPercent {
	const percent = 10_000 // per million
	if perMillion%percent == 0 {
		return &typev3.FractionalPercent{Numerator: perMillion / percent, Denominator: typev3.FractionalPercent_HUNDRED}
	}
	return &typev3.FractionalPercent{Numerator: perMillion, Denominator: typev3.FractionalPercent_MILLION}
}

// unmodified reports whether requests to the backend and its responses are forwarded unmodified.
func unmodified(b ir.Backend) bool {
	return b.Host == "" && b.Cookies == nil && !edits(b.RequestHeaders) && !edits(b.ResponseHeaders)
}

func setHost(action *routev3.RouteAction, h *ir.HostRewrite) {
	switch {
	case h == nil:
	case h.Header != "":
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteHeader{HostRewriteHeader: h.Header}
	case h.Literal != "":
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: h.Literal}
	}
}

func weightedClusters(e *encoder, backends []ir.Backend) *routev3.WeightedCluster {
	wc := &routev3.WeightedCluster{}
	for i, w := range weights(backends) {
		wc.Clusters = append(wc.Clusters, weightedCluster(e, backends[i], w))
	}
	return wc
}

func weightedCluster(e *encoder, b ir.Backend, weight uint32) *routev3.WeightedCluster_ClusterWeight {
	cw := &routev3.WeightedCluster_ClusterWeight{
		Name:                    backendName(e, b),
		Weight:                  wrapperspb.UInt32(weight),
		RequestHeadersToAdd:     setHeaders(b.RequestHeaders.Set),
		RequestHeadersToRemove:  b.RequestHeaders.Remove,
		ResponseHeadersToAdd:    setHeaders(b.ResponseHeaders.Set),
		ResponseHeadersToRemove: b.ResponseHeaders.Remove,
	}
	if b.Host != "" {
		cw.HostRewriteSpecifier = &routev3.WeightedCluster_ClusterWeight_HostRewriteLiteral{HostRewriteLiteral: b.Host}
	}
	return cw
}

// weights returns the weight of each backend, 1 if all weights are zero. The sum must fit into 32 bits: larger weights are
// scaled down and keep their shares as far as integers allow.
func weights(backends []ir.Backend) []uint32 {
	var sum uint64
	for _, b := range backends {
		sum += uint64(b.Weight)
	}
	scale := sum/math.MaxUint32 + 1
	out := make([]uint32, len(backends))
	for i, b := range backends {
		if sum == 0 {
			out[i] = 1
			continue
		}
		out[i] = uint32(uint64(b.Weight) / scale)
	}
	return out
}

// rewrite replaces the matched prefix of the path: with Envoy's prefix rewrite, or with a regular expression if that would
// result in two successive slashes.
func rewrite(path ir.PathMatch, to string) (prefix string, regex *matcherv3.RegexMatchAndSubstitute) {
	if path.Kind != ir.PathSegment {
		return rooted(to), nil
	}
	from, to := segments(path.Value), segments(to)
	switch {
	case from == "":
		return to + "/", nil
	case to == "":
		return "", &matcherv3.RegexMatchAndSubstitute{Pattern: re2("^" + regexp.QuoteMeta(from) + "/*"), Substitution: "/"}
	}
	return rooted(to), nil
}

// rooted returns the path with a leading slash: for Envoy, an empty path means no rewrite.
func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}
