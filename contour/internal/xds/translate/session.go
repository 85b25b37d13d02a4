package translate

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	sessionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	cookiev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/cookie/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/header/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/type/http/v3"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/endpoint"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

func hasSession(p ir.Policies) bool { return p.Session != nil }

// sessionFilter returns the filter that sends the requests of a session to its endpoint, if the cluster has it. Envoy adds HttpOnly to its
// cookie itself.
func sessionFilter(e *encoder, p ir.Policies) message {
	s := p.Session
	if s == nil {
		return nil
	}
	state := &corev3.TypedExtensionConfig{Name: "envoy.http.stateful_session.header"}
	if s.Header {
		state.TypedConfig = e.pack(&headerv3.HeaderBasedSessionState{Name: s.Name})
	} else {
		cookie := &httpv3.Cookie{
			Name: s.Name, Path: s.Path, Ttl: positive(s.Lifetime),
			Attributes: []*httpv3.CookieAttribute{{Name: "SameSite", Value: "Strict"}},
		}
		if s.Secure {
			cookie.Attributes = append(cookie.Attributes, &httpv3.CookieAttribute{Name: "Secure"})
		}
		state.Name, state.TypedConfig = "envoy.http.stateful_session.cookie", e.pack(&cookiev3.CookieBasedSessionState{Cookie: cookie})
	}
	return &sessionv3.StatefulSession{SessionState: state}
}

// withToken returns the route for requests with the token of a session, if r answers a share of the requests with an error, because of backends
// that are unresolved: a session has none of that share. It returns nil if r does not.
func withToken(r *routev3.Route, of *ir.Route, host *ir.Policies) *routev3.Route {
	s := of.Policies.WithDefaults(host).Session
	if s == nil || len(r.GetRoute().GetWeightedClusters().GetClusters()) < 2 {
		return nil
	}
	out := proto.CloneOf(r)
	clusters := out.GetRoute().GetWeightedClusters()
	clusters.Clusters = slices.DeleteFunc(clusters.GetClusters(), func(c *routev3.WeightedCluster_ClusterWeight) bool { return c.GetName() == unresolvedName })
	if len(clusters.GetClusters()) != 1 {
		return nil
	}
	clusters.Clusters[0].Weight = wrapperspb.UInt32(1)
	if s.Header {
		out.Match.Headers = append(out.Match.Headers, headerMatcher(ir.HeaderMatch{Name: s.Name, Kind: ir.StringPresent}))
	} else {
		out.Match.Cookies = append(out.Match.Cookies, &routev3.CookieMatcher{Name: s.Name, StringMatch: stringMatcher(ir.StringPrefix, "", false)})
	}
	return out
}

// Envoy selects a cluster before an endpoint, so that a session has no effect on which of several weighted clusters is selected. The Services of
// a rule with sessions are therefore one cluster: each is a locality, whose weight changes in place.

// combinedOf returns each combination of Services of which a virtual host has a cluster, once.
func combinedOf(v *ir.VirtualHost) []ir.Combined {
	return distinct(v, func(c ir.Cluster) (ir.Combined, bool) {
		of := c.Tuning.Value().Combined
		return of, of != ir.Combined{}
	})
}

// addCombined adds the table of the endpoints of combinations of Services. All hosts with a combination have it of one rule, with the same
// weights: that of the first is read.
func (t *Tables) addCombined() {
	hosts := memo.NewIndex(t.from.Hosts, "translate/hosts by combination", ir.HostKey.Compare, func(_ ir.HostKey, v *ir.VirtualHost) []ir.Combined {
		return combinedOf(v)
	})
	follow(share(t, "translate/combined endpoints", func(k ir.Combined) string { return k.Origin.Namespace }, func(r *memo.Reader, k ir.Combined) *table.Resource {
		var targets []ir.Target
		if using := hosts.Get(r, k); len(using) > 0 {
			targets = targetsOf(t.from.Hosts.Get(r, using[0]), k)
		}
		return t.combinedEndpoints(r, k, targets)
	}), t.from.Hosts, combinedOf)
}

// targetsOf returns the Services of a combination of which the virtual host has a cluster.
func targetsOf(v *ir.VirtualHost, k ir.Combined) []ir.Target {
	if v == nil {
		return nil
	}
	for i := range v.Routes {
		if r := &v.Routes[i]; reachesBackend(r) && r.Forward.Special != nil && len(r.Forward.Special.Targets) > 0 {
			for j := range r.Forward.Backends {
				if r.Forward.Backends[j].Cluster.Tuning.Value().Combined == k {
					return r.Forward.Special.Targets
				}
			}
		}
	}
	return nil
}

// combinedEndpoints returns the endpoints of a combination of Services.
func (t *Tables) combinedEndpoints(r *memo.Reader, k ir.Combined, targets []ir.Target) *table.Resource {
	e := &encoder{}
	out := &table.Resource{Ref: table.Ref{Type: table.Endpoint, Name: combinedName(k)}}
	var all []endpoint.Target
	for _, to := range targets {
		all = append(all, endpoint.Target{Weight: to.Weight, Port: endpoint.Port{
			Name: to.Endpoints.Port, Slices: t.from.Slices(r, to.Endpoints.Service), Settings: t.from.Endpoints(r),
		}, Locality: endpointName(to.Endpoints)})
	}
	out.Origins = append(out.Origins, k.Origin)
	out.Body = e.bytes(endpoint.Localities(out.Ref.Name, all))
	out.Invalid = e.invalid()
	return out
}

// limits returns the circuit breakers of a cluster: of several Services the lowest of each.
func (t *Tables) limits(r *memo.Reader, c ir.Cluster, s ir.ClusterSettings) ir.CircuitBreakers {
	services := c.Services()
	out := t.from.Limits(r, services[0].Service)
	for _, other := range services[1:] {
		out = out.WithDefaults(s.CircuitBreakers).Lowest(t.from.Limits(r, other.Service).WithDefaults(s.CircuitBreakers))
	}
	return out
}

// combinedStats returns the name in statistics of the cluster of a rule.
func combinedStats(k ir.Combined) string {
	return strings.Join([]string{"sessions", k.Origin.Namespace, k.Origin.Name.Name, decimal(uint32(k.Rule))}, "_")
}
