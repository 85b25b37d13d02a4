package semantic

import (
	"errors"
	"fmt"
	"maps"
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
	scheme := x.scheme
	switch {
	case r.GetHttpsRedirect():
		scheme = "https"
	case r.GetSchemeRedirect() != "":
		scheme = r.GetSchemeRedirect()
	}
	host := r.GetHostRedirect()
	if host == "" {
		host = x.redirectHost(scheme, r.GetPortRedirect() != 0)
	}
	if p := r.GetPortRedirect(); p != 0 {
		host = fmt.Sprintf("%s:%d", host, p)
	}
	path, err := x.redirectPath(r, m)
	return scheme + "://" + host + path, err
}

// redirectHost returns the :authority of the request. Its port is removed if the redirect sets a port, or if it is the
// standard port of the scheme in x-forwarded-proto and the redirect has another scheme.
func (x *exchange) redirectHost(scheme string, newPort bool) string {
	_, port, err := net.SplitHostPort(x.authority)
	if err != nil {
		return x.authority
	}
	received := x.headers[forwardedProto]
	standard := map[string]string{"http": "80", "https": "443"}[strings.ToLower(received)] == port
	if newPort || received != scheme && standard {
		return strings.TrimSuffix(x.authority, ":"+port) // an IPv6 address keeps its brackets
	}
	return x.authority
}

// redirectPath returns the path of a redirect, with the query. The headers of the response may refer to a path that is rewritten.
func (x *exchange) redirectPath(r *routev3.RedirectAction, m *routev3.RouteMatch) (string, error) {
	switch p := r.GetPathRewriteSpecifier().(type) {
	case *routev3.RedirectAction_PathRedirect:
		if strings.Contains(p.PathRedirect, "?") {
			return p.PathRedirect, nil
		}
		return p.PathRedirect + x.query, nil
	case *routev3.RedirectAction_PrefixRewrite:
		path, err := x.rewritePrefix(m, p.PrefixRewrite)
		x.setPath(path)
		return path + x.query, err
	case *routev3.RedirectAction_RegexRewrite:
		path, err := substitute(p.RegexRewrite, x.path)
		x.setPath(path)
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

// substitute replaces all matches of an expression; the substitution refers to groups as RE2 does, by a backslash and a digit.
func substitute(r *matcherv3.RegexMatchAndSubstitute, path string) (string, error) {
	re, err := regexp.Compile(r.GetPattern().GetRegex())
	if err != nil {
		return "", fmt.Errorf("expression: %w", err)
	}
	var out strings.Builder
	end := 0
	for _, at := range re.FindAllStringSubmatchIndex(path, -1) {
		out.WriteString(path[end:at[0]])
		end = at[1]
		for i := 0; i < len(r.GetSubstitution()); i++ {
			c := r.GetSubstitution()[i]
			if c != '\\' || i+1 == len(r.GetSubstitution()) {
				out.WriteByte(c)
				continue
			}
			i++
			switch group := 2 * int(r.GetSubstitution()[i]-'0'); {
			case r.GetSubstitution()[i] == '\\':
				out.WriteByte('\\')
			case group < 0 || group >= len(at):
				return "", errors.New("the model does not support this reference to a group")
			case at[group] >= 0:
				out.WriteString(path[at[group]:at[group+1]])
			}
		}
	}
	return out.String() + path[end:], nil
}

// forward sends the request to a cluster, or to one of several.
func (x *exchange) forward(a Answer, rc *routev3.RouteConfiguration, r *routev3.Route, f *routev3.RouteAction) (Answer, error) {
	if err := checkFields(f, `cluster weighted_clusters timeout idle_timeout retry_policy upgrade_configs host_rewrite_literal
		host_rewrite_header prefix_rewrite regex_rewrite hash_policy request_mirror_policies internal_redirect_policy
		cluster_not_found_response_code`); err != nil {
		return a, err
	}
	if x.Upgrade != "" && !upgradable(f, x.Upgrade) {
		return x.reply(a, 403, r)
	}
	clusters := clustersOf(f)
	var unavailable []Changes // to the replies for clusters without endpoints
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
			unavailable = append(unavailable, u.Response)
		}
	}
	var err error
	if a.Mirrors, err = x.mirrors(f.GetRequestMirrorPolicies()); err != nil {
		return a, err
	}
	switch {
	case len(a.From) == 0:
		a.Lost = 0
		a.Status = x.envoy.unavailable(f, clusters)
		return a.changedBy(unavailable), nil
	case x.Upgrade != "" && x.bridged:
		return a, errors.New("the filter for gRPC-Web withholds the answer of the backend to an upgrade until the backend ends the connection")
	case x.Upgrade != "":
		a.Status = 101
	default:
		a.Status = 200
	}
	return a, nil
}

// clustersOf returns the clusters of a route, one without weight if it is the only one.
func clustersOf(f *routev3.RouteAction) []*routev3.WeightedCluster_ClusterWeight {
	if c := f.GetCluster(); c != "" {
		return []*routev3.WeightedCluster_ClusterWeight{{Name: c}}
	}
	return f.GetWeightedClusters().GetClusters()
}

// reply returns the local reply to a request whose route forwards: it has the headers of the route and of the cluster that Envoy selected, and
// those of the filter that answers.
func (x *exchange) reply(a Answer, status int, r *routev3.Route) (Answer, error) {
	a.Status = status
	var all []Changes
	for _, w := range clustersOf(r.GetRoute()) {
		if r.GetRoute().GetCluster() == "" && w.GetWeight().GetValue() == 0 {
			continue
		}
		c, err := responseChanges(x.headers, r, w)
		if err != nil {
			return a, err
		}
		all = append(all, c)
	}
	return a.changedBy(all), nil
}

// changedBy returns a local reply with the changes of the cluster that Envoy selected, which is one of several.
func (a Answer) changedBy(all []Changes) Answer {
	if len(all) == 0 {
		return a
	}
	a.Changes = a.Changes.after(all[0])
	a.ChangesVary = slices.ContainsFunc(all[1:], func(c Changes) bool {
		return !maps.Equal(c.Set, all[0].Set) || !slices.Equal(c.Removed, all[0].Removed)
	})
	return a
}

// responseChanges returns the changes of a cluster and of its route to the response to a request with the headers.
func responseChanges(headers map[string]string, r *routev3.Route, w *routev3.WeightedCluster_ClusterWeight) (Changes, error) {
	c := newResponseEditor(headers)
	err := errors.Join(
		c.edit(w.GetResponseHeadersToRemove(), w.GetResponseHeadersToAdd()), c.edit(r.GetResponseHeadersToRemove(), r.GetResponseHeadersToAdd()),
	)
	return c.changes, err
}

// unavailable returns the status code of a route none of whose backends can answer.
func (e *Envoy) unavailable(f *routev3.RouteAction, clusters []*routev3.WeightedCluster_ClusterWeight) int {
	missing := func(w *routev3.WeightedCluster_ClusterWeight) bool {
		selected := f.GetCluster() != "" || w.GetWeight().GetValue() > 0
		return selected && e.cluster(w.GetName()) == nil
	}
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

// sendTo returns the request that one of the clusters receives, and the changes to the response; false if it has no endpoint. Headers of the
// response refer to the request as Envoy changes it for the cluster, except where the cluster does not exist.
func (x *exchange) sendTo(
	rc *routev3.RouteConfiguration, r *routev3.Route, f *routev3.RouteAction, w *routev3.WeightedCluster_ClusterWeight,
) (Upstream, bool, error) {
	if err := checkFields(w, `name weight request_headers_to_add request_headers_to_remove response_headers_to_add
		response_headers_to_remove host_rewrite_literal typed_per_filter_config`); err != nil {
		return Upstream{}, false, err
	}
	u, ready, err := x.envoy.upstream(w.GetName(), false)
	if err != nil {
		return u, false, err
	}
	if x.envoy.clusters[w.GetName()] == nil {
		u.Response, err = responseChanges(x.headers, r, w)
		return u, false, err
	}
	u.Weight = w.GetWeight().GetValue()
	u.Timeout, u.Idle, u.Retry = duration(f.GetTimeout()), duration(f.GetIdleTimeout()), retry(f.GetRetryPolicy())
	if u.Hash, err = hashKeys(f.GetHashPolicy()); err != nil {
		return u, false, err
	}
	if u.Path, err = x.upstreamPath(f, r.GetMatch()); err != nil {
		return u, false, err
	}
	request := newEditor(x.headers)
	request.changes = x.clientChanges()
	err = errors.Join(
		request.edit(w.GetRequestHeadersToRemove(), w.GetRequestHeadersToAdd()),
		request.edit(r.GetRequestHeadersToRemove(), r.GetRequestHeadersToAdd()),
		request.edit(x.removeInternal(rc.GetRequestHeadersToRemove()), rc.GetRequestHeadersToAdd()),
	)
	if err != nil {
		return u, false, err
	}
	u.Host = x.upstreamHost(f, w, request.headers)
	request.headers[":path"], request.headers[":authority"] = u.Path, u.Host
	u.Request = request.changes
	if u.Response, err = responseChanges(request.headers, r, w); err == nil && ready {
		err = x.rewriteCookie(&u.Response, levels{x.matched.GetTypedPerFilterConfig(), r.GetTypedPerFilterConfig(), w.GetTypedPerFilterConfig()})
	}
	return u, ready, err
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
