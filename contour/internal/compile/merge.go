package compile

import (
	"cmp"
	"fmt"
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// merge combines the contributions to the hostname of k, on the listeners of its fleet, to the virtual host k. Its report contains more, too.
func merge(k ir.HostKey, claims []*contrib.Contribution, more ...report.Diagnostic) Host {
	claims = slices.DeleteFunc(claims, func(c *contrib.Contribution) bool { return c.Key != k && !c.EveryListener })
	slices.SortStableFunc(claims, (*contrib.Contribution).Compare)
	m := merger{key: k, compare: compareOwned}
	if slices.ContainsFunc(claims, func(c *contrib.Contribution) bool { return c.ByAge }) {
		m.byAge, m.compare = true, compareByAge
	}
	admitted := m.admit(claims)
	m.look(admitted)
	for _, c := range admitted {
		if c.Key == k && m.hasRequiredTLS(c) {
			m.add(c)
		}
	}
	m.addPolicies(admitted)
	host := m.result()
	rep := m.report
	if rep.Add(more...); len(rep.Diagnostics) == 0 {
		return Host{VirtualHost: host}
	}
	rep.Seal()
	return Host{VirtualHost: host, Report: &rep}
}

// merger merges contributions to a virtual host, in order of precedence. It looks at each a constant number of times, and
// compares their routes as often as sorting needs: anybody may contribute to a host that namespaces share.
type merger struct {
	key     ir.HostKey
	host    ir.VirtualHost
	tlsBy   kobj.Key
	tlsRank contrib.Rank
	tls     map[contrib.Rank]bool   // the ranks with TLS settings for the host on this listener
	served  []*contrib.Contribution // whose routes are served
	origins []kobj.Key
	report  report.Report
	byAge   bool                      // see contrib.Contribution.ByAge
	compare func(a, b ownedRoute) int // compareOwned or compareByAge, except in a test
}

// admit removes the exclusive contributions of every object except the first one of each rank.
func (m *merger) admit(claims []*contrib.Contribution) []*contrib.Contribution {
	owner := map[contrib.Rank]kobj.Key{}
	var admitted []*contrib.Contribution
	for _, c := range claims {
		if !c.Exclusive {
			admitted = append(admitted, c)
			continue
		}
		if _, taken := owner[c.Rank]; !taken {
			owner[c.Rank] = c.Object
		}
		if winner := owner[c.Rank]; winner != c.Object {
			m.reportHostConflict(c.Object, winner)
			continue
		}
		admitted = append(admitted, c)
	}
	return admitted
}

// look collects what decides about other contributions.
func (m *merger) look(admitted []*contrib.Contribution) {
	m.tls = map[contrib.Rank]bool{}
	for _, c := range admitted {
		if c.TLS != nil && c.Key == m.key {
			m.tls[c.Rank] = true
		}
	}
}

// hasRequiredTLS reports whether c, which is to the virtual host, needs no TLS settings of others, or some contribution of its
// rank has them.
func (m *merger) hasRequiredTLS(c *contrib.Contribution) bool { return !c.JoinsTLS || m.tls[c.Rank] }

func (m *merger) reportHostConflict(loser, winner kobj.Key) {
	m.report.Add(report.Diagnostic{
		Object: loser, Type: report.TypeVirtualHost, Reason: report.DuplicateVhost, Field: "spec.virtualhost.fqdn",
		Message: fmt.Sprintf("Host %q is already served by the older %s.", m.key.Hostname, winner),
	})
}

func (m *merger) add(c *contrib.Contribution) {
	if c.TCP != nil && c.TLS == nil && m.host.TCP != nil {
		m.warnConflict(c, "spec", fmt.Sprintf("%s are already forwarded by the older %s.", connectionsTo(m.key), m.tlsBy))
		return
	}
	m.origins = append(m.origins, c.Object)
	m.host.Chain = cmp.Or(m.host.Chain, c.Chain)
	if m.chooseTLS(c) {
		m.served = append(m.served, c)
	}
}

// connectionsTo returns the subject of a sentence about the connections to a host.
func connectionsTo(k ir.HostKey) string {
	if k.Hostname == "" {
		return "Connections or flows of the listener"
	}
	return fmt.Sprintf("TLS connections to %q", k.Hostname)
}

// chooseTLS selects the TLS settings of the first contribution in order of precedence that has any; within a rank,
// settings that can be served precede settings that close connections. It reports whether the routes of c can be added:
// a host with a TCP proxy has no routes.
func (m *merger) chooseTLS(c *contrib.Contribution) bool {
	switch {
	case m.host.TLS == nil || m.host.TLS.CloseConnections && c.Rank == m.tlsRank && c.TLS != nil:
		m.host.TLS, m.host.TCP, m.tlsBy, m.tlsRank = c.TLS, c.TCP, c.Object, c.Rank
	case c.TLS != nil && c.TLS.CloseConnections: // the API has reported the reason
	case c.TLS != nil && *c.TLS != *m.host.TLS:
		m.warnConflict(c, "spec.tls", fmt.Sprintf("The TLS settings of host %q are those of %s, which takes precedence.", m.key.Hostname, m.tlsBy))
	}
	if m.host.TCP != nil && c.TCP == nil {
		m.warnConflict(c, "spec", fmt.Sprintf("The tcpproxy of %s receives the TLS connections of host %q; the routes are not served over TLS.", m.tlsBy, m.key.Hostname))
	}
	return m.host.TCP == nil
}

// ownedRoute is a route with its contribution. The path, by which most routes differ, is stored here for sorting.
type ownedRoute struct {
	*ir.Route
	of    *contrib.Contribution
	path  ir.PathMatch
	index int // in the order of the contributions
}

// compareOwned orders routes by precedence, those with equal matches by contribution.
func compareOwned(a, b ownedRoute) int {
	if c := comparePath(a.path, b.path); c != 0 {
		return c
	}
	return cmp.Or(comparePrecedence(&a.Match, &b.Match), cmp.Compare(a.index, b.index))
}

// compareByAge orders routes by the precedence of matches, those of equal precedence by contribution.
func compareByAge(a, b ownedRoute) int {
	if c := comparePath(a.path, b.path); c != 0 {
		return c
	}
	return cmp.Or(compareCounts(&a.Match, &b.Match), cmp.Compare(a.index, b.index))
}

// routes returns the routes of the host in order of precedence. Of two routes with equal matches, the route of the first
// contribution is served. The routes of a single contribution are not copied.
func (m *merger) routes() []ir.Route {
	if len(m.served) == 1 {
		return orderedBy(m.byAge, m.served[0].Routes)
	}
	n := 0
	for _, c := range m.served {
		n += len(c.Routes)
	}
	all := make([]ownedRoute, 0, n)
	for _, c := range m.served {
		own := orderedBy(m.byAge, c.Routes)
		for i := range own {
			all = append(all, ownedRoute{&own[i], c, own[i].Match.Path, len(all)})
		}
	}
	slices.SortFunc(all, m.compare)
	out := make([]ir.Route, 0, len(all))
	equal := equalMatches(m.byAge)
	for _, o := range all {
		if winner := equal(o); winner != nil {
			m.reportRouteConflict(o, winner)
			continue
		}
		out = append(out, *o.Route)
	}
	if len(out) == 0 {
		return nil
	}
	return slices.Clip(out)
}

// equalMatches returns a function that is called for routes in order, and returns the contribution of the first one with an equal
// match; nil if there is none. Unless they are ordered by age, those with equal matches follow each other.
func equalMatches(byAge bool) func(ownedRoute) *contrib.Contribution {
	var last ownedRoute
	var alike matchSet[*contrib.Contribution]
	return func(o ownedRoute) *contrib.Contribution {
		if byAge {
			winner, _ := alike.add(&o.Match, o.of)
			return winner
		}
		if last.Route != nil && comparePrecedence(&last.Match, &o.Match) == 0 {
			return last.of
		}
		last = o
		return nil
	}
}

// reportRouteConflict adds a warning about the loser, if it is of the API of the winner: precedence between APIs is documented.
func (m *merger) reportRouteConflict(loser ownedRoute, winner *contrib.Contribution) {
	if winner.Rank == loser.of.Rank {
		m.warnConflict(loser.of, "spec", fmt.Sprintf("Requests for %s%s are already served by the older %s.", m.key.Hostname, loser.Match.Path.Value, winner.Object))
	}
}

func (m *merger) warnConflict(loser *contrib.Contribution, field, message string) {
	m.report.Add(report.Diagnostic{
		Object: loser.Object, Severity: report.Warning, Type: loser.ConflictType, Reason: report.RouteConflict, Field: field, Message: message,
	})
}

// result returns the virtual host; nil if nothing was admitted.
func (m *merger) result() *ir.VirtualHost {
	if len(m.origins) == 0 {
		return nil
	}
	host := m.host
	host.Key = m.key
	host.Origins = slices.Clip(kobj.Sort(m.origins))
	if host.Routes = m.routes(); host.TLS != nil && host.TLS.CloseConnections {
		host.Routes = nil
	}
	return &host
}
