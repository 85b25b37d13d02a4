package compile

import (
	"fmt"
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// merge makes the virtual host k of the contributions to its hostname on the listeners of its fleet.
func merge(k ir.HostKey, claims []*contrib.Contribution) Host {
	claims = slices.DeleteFunc(claims, func(c *contrib.Contribution) bool { return c.Key != k && !c.EveryListener })
	slices.SortStableFunc(claims, (*contrib.Contribution).Compare)
	m := merger{key: k}
	admitted := m.admit(claims)
	m.host.Policies = policies(admitted)
	for _, c := range admitted {
		if c.Key == k && joins(c, admitted) && m.open(c, admitted) {
			m.add(c)
		}
	}
	host := m.result()
	m.report.Seal()
	return Host{VirtualHost: host, Report: m.report}
}

// merger gathers a virtual host, strongest contribution first.
type merger struct {
	key     ir.HostKey
	host    ir.VirtualHost
	tlsBy   kobj.Key
	tlsRank contrib.Rank
	served  []*contrib.Contribution // those whose routes are served
	origins []kobj.Key
	report  report.Report
}

// admit leaves out the exclusive claims that lose against a stronger one of the same rank.
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
			m.lostHost(c.Object, winner)
			continue
		}
		admitted = append(admitted, c)
	}
	return admitted
}

// joins reports whether what c needs of others to be served is there.
func joins(c *contrib.Contribution, all []*contrib.Contribution) bool {
	return !c.JoinsTLS || slices.ContainsFunc(all, func(o *contrib.Contribution) bool {
		return o.Key == c.Key && o.Rank == c.Rank && o.TLS != nil
	})
}

// open reports whether c may be served on its host: not where a stronger API asks for a protection of the whole
// host that cannot be served.
func (m *merger) open(c *contrib.Contribution, all []*contrib.Contribution) bool {
	i := slices.IndexFunc(all, func(o *contrib.Contribution) bool { return o.Closed && o.Rank > c.Rank })
	if i < 0 {
		return true
	}
	m.report.Add(report.Diagnostic{
		Object: c.Object, Type: typeOf(c.Object), Reason: report.FeatureNotSupported, Field: "spec",
		Message: fmt.Sprintf("Nothing is served for host %q, which %s protects by what this version cannot serve.", m.key.Hostname, all[i].Object),
	})
	return false
}

// policies is the policies of the host: those of the strongest contribution that has any.
func policies(admitted []*contrib.Contribution) *ir.Policies {
	for _, c := range admitted {
		if c.Policies != nil {
			return c.Policies
		}
	}
	return nil
}

func (m *merger) lostHost(loser, winner kobj.Key) {
	m.report.Add(report.Diagnostic{
		Object: loser, Type: report.TypeVirtualHost, Reason: report.DuplicateVhost, Field: "spec.virtualhost.fqdn",
		Message: fmt.Sprintf("Host %q is already served by the older %s.", m.key.Hostname, winner),
	})
}

func (m *merger) add(c *contrib.Contribution) {
	m.origins = append(m.origins, c.Object)
	if m.settleTLS(c) {
		m.served = append(m.served, c)
	}
}

// settleTLS takes over the TLS settings of the strongest contribution that has any; within an API those that can be
// served are stronger than those that cannot. It reports whether routes of c can be added: where a TCP proxy has the
// host they cannot.
func (m *merger) settleTLS(c *contrib.Contribution) bool {
	switch {
	case m.host.TLS == nil || m.host.TLS.Refused && c.Rank == m.tlsRank && c.TLS != nil:
		m.host.TLS, m.host.TCP, m.tlsBy, m.tlsRank = c.TLS, c.TCP, c.Object, c.Rank
	case c.TLS != nil && c.TLS.Refused: // it has been told why
	case c.TLS != nil && *c.TLS != *m.host.TLS:
		m.conflict(c.Object, "spec.tls", fmt.Sprintf("The TLS settings of host %q are those of the older %s.", m.key.Hostname, m.tlsBy))
	}
	if m.host.TCP != nil && c.TCP == nil {
		m.conflict(c.Object, "spec", fmt.Sprintf("The TLS connections of host %q go to the TCP proxy of %s.", m.key.Hostname, m.tlsBy))
	}
	return m.host.TCP == nil
}

// owned is a route with the object that contributes it.
type owned struct {
	*ir.Route
	by kobj.Key
}

// routes is what is served, in order of precedence. Of two routes with equal matches the stronger contribution has
// its own. The routes of a contribution that is alone are shared with it.
func (m *merger) routes() []ir.Route {
	if len(m.served) == 1 {
		return ordered(m.served[0].Routes)
	}
	var all []owned
	for _, c := range m.served {
		own := ordered(c.Routes)
		for i := range own {
			all = append(all, owned{&own[i], c.Object})
		}
	}
	slices.SortStableFunc(all, func(a, b owned) int { return comparePrecedence(&a.Match, &b.Match) })
	var out []ir.Route
	var winner owned
	for _, o := range all {
		if winner.Route != nil && comparePrecedence(&winner.Match, &o.Match) == 0 {
			m.lostRoute(o, winner.by)
			continue
		}
		winner = o
		out = append(out, *o.Route)
	}
	return slices.Clip(out)
}

// lostRoute tells the loser, unless it is of a weaker API: that gives way silently.
func (m *merger) lostRoute(loser owned, winner kobj.Key) {
	if winner.Kind == loser.by.Kind {
		m.conflict(loser.by, "spec", fmt.Sprintf("Requests for %s%s are already served by the older %s.", m.key.Hostname, loser.Match.Path.Value, winner))
	}
}

func (m *merger) conflict(loser kobj.Key, field, message string) {
	m.report.Add(report.Diagnostic{
		Object: loser, Severity: report.Warning, Type: typeOf(loser), Reason: report.RouteConflict, Field: field, Message: message,
	})
}

func typeOf(k kobj.Key) report.Type {
	if k.Kind == kobj.Ingress {
		return report.TypeIngress
	}
	return report.TypeRoute
}

// result is the virtual host, nil if nothing was admitted.
func (m *merger) result() *ir.VirtualHost {
	if len(m.origins) == 0 {
		return nil
	}
	host := m.host
	host.Key = m.key
	host.Origins = slices.Clip(kobj.Sort(m.origins))
	if host.Routes = m.routes(); host.TLS != nil && host.TLS.Refused {
		host.Routes = nil
	}
	return &host
}
