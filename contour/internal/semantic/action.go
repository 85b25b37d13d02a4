package semantic

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

// location returns the target of a redirect.
func (x *exchange) location(r *routev3.RedirectAction, m *routev3.RouteMatch) (string, error) {
	if err := checkFields(r, `host_redirect port_redirect response_code https_redirect scheme_redirect path_redirect
		prefix_rewrite regex_rewrite`); err != nil {
		return "", err
	}
	received := "http"
	if x.TLS {
		received = "https"
	}
	scheme := received
	switch {
	case r.GetHttpsRedirect():
		scheme = "https"
	case r.GetSchemeRedirect() != "":
		scheme = r.GetSchemeRedirect()
	}
	host := r.GetHostRedirect()
	if host == "" {
		host = x.redirectHost(received, scheme, r.GetPortRedirect() != 0)
	}
	if p := r.GetPortRedirect(); p != 0 {
		host = fmt.Sprintf("%s:%d", host, p)
	}
	path, err := x.redirectPath(r, m)
	return scheme + "://" + host + path, err
}

// redirectHost returns the :authority of the request. Its port is removed if the redirect sets a port, or if it is the
// standard port of the received scheme and the scheme changes.
func (x *exchange) redirectHost(received, scheme string, newPort bool) string {
	host, port, err := net.SplitHostPort(x.authority)
	if err != nil {
		return x.authority
	}
	standard := map[string]string{"http": "80", "https": "443"}[received] == port
	if newPort || received != scheme && standard {
		return host
	}
	return x.authority
}

func (x *exchange) redirectPath(r *routev3.RedirectAction, m *routev3.RouteMatch) (string, error) {
	switch p := r.GetPathRewriteSpecifier().(type) {
	case *routev3.RedirectAction_PathRedirect:
		if strings.Contains(p.PathRedirect, "?") {
			return p.PathRedirect, nil
		}
		return p.PathRedirect + x.query, nil
	case *routev3.RedirectAction_PrefixRewrite:
		path, err := x.rewritePrefix(m, p.PrefixRewrite)
		return path + x.query, err
	case *routev3.RedirectAction_RegexRewrite:
		path, err := substitute(p.RegexRewrite, x.path)
		return path + x.query, err
	}
	return x.path + x.query, nil
}

// rewritePrefix replaces the part of the path that the route matched: its prefix, or the whole path.
func (x *exchange) rewritePrefix(m *routev3.RouteMatch, to string) (string, error) {
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		return to + x.path[len(p.Prefix):], nil
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return to + x.path[len(p.PathSeparatedPrefix):], nil
	case *routev3.RouteMatch_Path, *routev3.RouteMatch_SafeRegex:
		return to, nil
	}
	return "", errors.New("the model does not support the rewrite of this path match")
}

func substitute(r *matcherv3.RegexMatchAndSubstitute, path string) (string, error) {
	re, err := regexp.Compile(r.GetPattern().GetRegex())
	if err != nil {
		return "", fmt.Errorf("expression: %w", err)
	}
	if strings.ContainsAny(r.GetSubstitution(), `\`) {
		return "", errors.New("the model does not support references to groups")
	}
	return re.ReplaceAllLiteralString(path, r.GetSubstitution()), nil
}

// forward sends the request to a cluster, or to one of several.
func (x *exchange) forward(a Answer, rc *routev3.RouteConfiguration, r *routev3.Route, f *routev3.RouteAction) (Answer, error) {
	if err := checkFields(f, `cluster weighted_clusters timeout idle_timeout retry_policy upgrade_configs host_rewrite_literal
		host_rewrite_header prefix_rewrite regex_rewrite hash_policy request_mirror_policies internal_redirect_policy
		cluster_not_found_response_code`); err != nil {
		return a, err
	}
	if x.Upgrade != "" && !upgradable(f, x.Upgrade) {
		a.Status = 403
		return a, nil
	}
	clusters := f.GetWeightedClusters().GetClusters()
	if c := f.GetCluster(); c != "" {
		clusters = []*routev3.WeightedCluster_ClusterWeight{{Name: c}}
	}
	for _, w := range clusters {
		u, ready, err := x.sendTo(rc, r, f, w)
		if err != nil {
			return a, err
		}
		switch weight := w.GetWeight().GetValue(); {
		case f.GetCluster() == "" && weight == 0: // receives no requests
		case ready:
			a.From = append(a.From, x.among(w.GetName(), u)...)
		default:
			a.Lost += weight
		}
	}
	var err error
	if a.Mirrors, err = x.mirrors(f.GetRequestMirrorPolicies()); err != nil {
		return a, err
	}
	switch {
	case len(a.From) == 0:
		a.Status, a.Lost = x.envoy.unavailable(f, clusters), 0
	case x.Upgrade != "":
		a.Status = 101
	default:
		a.Status = 200
	}
	return a, nil
}

// unavailable returns the status code of a route none of whose backends can answer.
func (e *Envoy) unavailable(f *routev3.RouteAction, clusters []*routev3.WeightedCluster_ClusterWeight) int {
	missing := func(w *routev3.WeightedCluster_ClusterWeight) bool { return e.clusters[w.GetName()] == nil }
	if f.GetClusterNotFoundResponseCode() == routev3.RouteAction_INTERNAL_SERVER_ERROR && slices.ContainsFunc(clusters, missing) {
		return 500
	}
	return 503
}

func upgradable(f *routev3.RouteAction, to string) bool {
	for _, u := range f.GetUpgradeConfigs() {
		if strings.EqualFold(u.GetUpgradeType(), to) && (u.GetEnabled() == nil || u.GetEnabled().GetValue()) {
			return true
		}
	}
	return false
}

// sendTo returns the request that one of the clusters receives; false if it has no endpoint.
func (x *exchange) sendTo(
	rc *routev3.RouteConfiguration, r *routev3.Route, f *routev3.RouteAction, w *routev3.WeightedCluster_ClusterWeight,
) (Upstream, bool, error) {
	if err := checkFields(w, `name weight request_headers_to_add request_headers_to_remove response_headers_to_add
		response_headers_to_remove host_rewrite_literal typed_per_filter_config`); err != nil {
		return Upstream{}, false, err
	}
	u, ready, err := x.envoy.upstream(w.GetName(), false)
	if err != nil || !ready {
		return u, ready, err
	}
	u.Weight = w.GetWeight().GetValue()
	u.Timeout, u.Idle, u.Retry = duration(f.GetTimeout()), duration(f.GetIdleTimeout()), retry(f.GetRetryPolicy())
	if u.Hash, err = hashKeys(f.GetHashPolicy()); err != nil {
		return u, false, err
	}
	if u.Path, err = x.upstreamPath(f, r.GetMatch()); err != nil {
		return u, false, err
	}
	request, response := newEditor(x.headers), newEditor(nil)
	request.changes = x.clientChanges()
	err = errors.Join(
		request.edit(w.GetRequestHeadersToRemove(), w.GetRequestHeadersToAdd()),
		request.edit(r.GetRequestHeadersToRemove(), r.GetRequestHeadersToAdd()),
		request.edit(x.removeInternal(rc.GetRequestHeadersToRemove()), rc.GetRequestHeadersToAdd()),
		response.edit(w.GetResponseHeadersToRemove(), w.GetResponseHeadersToAdd()),
		response.edit(r.GetResponseHeadersToRemove(), r.GetResponseHeadersToAdd()),
	)
	u.Request, u.Response = request.changes, response.changes
	if err == nil {
		err = x.rewriteCookie(&u.Response, levels{x.matched.GetTypedPerFilterConfig(), r.GetTypedPerFilterConfig(), w.GetTypedPerFilterConfig()})
	}
	u.Host = x.upstreamHost(f, w, request.headers)
	return u, true, err
}

func (x *exchange) upstreamPath(f *routev3.RouteAction, m *routev3.RouteMatch) (string, error) {
	path := x.path
	var err error
	switch {
	case f.GetRegexRewrite() != nil:
		path, err = substitute(f.GetRegexRewrite(), x.path)
	case f.GetPrefixRewrite() != "":
		path, err = x.rewritePrefix(m, f.GetPrefixRewrite())
	}
	return path + x.query, err
}

// upstreamHost returns the Host header that the backend receives: the rewrite of the route precedes that of the cluster.
func (x *exchange) upstreamHost(f *routev3.RouteAction, w *routev3.WeightedCluster_ClusterWeight, headers map[string]string) string {
	switch h := f.GetHostRewriteSpecifier().(type) {
	case *routev3.RouteAction_HostRewriteLiteral:
		return h.HostRewriteLiteral
	case *routev3.RouteAction_HostRewriteHeader:
		if value := headers[strings.ToLower(h.HostRewriteHeader)]; value != "" {
			return value
		}
	}
	if literal := w.GetHostRewriteLiteral(); literal != "" {
		return literal
	}
	return x.authority
}

func duration(d *durationpb.Duration) string {
	switch {
	case d == nil:
		return ""
	case d.AsDuration() == 0:
		return "none"
	}
	return d.AsDuration().String()
}

func retry(p *routev3.RetryPolicy) string {
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("%s x%d", p.GetRetryOn(), p.GetNumRetries().GetValue())
	if len(p.GetRetriableStatusCodes()) > 0 {
		text += fmt.Sprintf(" for %d", p.GetRetriableStatusCodes())
	}
	if d := p.GetPerTryTimeout().AsDuration(); d != 0 {
		text += " within " + d.Round(time.Millisecond).String()
	}
	if d := p.GetRetryBackOff().GetBaseInterval().AsDuration(); d != 0 {
		text += " after " + d.Round(time.Millisecond).String()
	}
	return text
}
