package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// merge makes the virtual host k of the contributions to its hostname on all listeners.
func merge(k ir.HostKey, claims []*contrib.Contribution) Host {
	slices.SortStableFunc(claims, (*contrib.Contribution).Compare)
	m := merger{key: k}
	admitted := m.admit(claims)
	for _, c := range admitted {
		if c.Key == k && joins(c, admitted) && m.open(c, admitted) {
			m.add(c)
		}
	}
	m.report.Seal()
	return Host{VirtualHost: m.result(), Report: m.report}
}

// merger gathers a virtual host, strongest contribution first.
type merger struct {
	key     ir.HostKey
	host    ir.VirtualHost
	tlsBy   kobj.Key
	tlsRank contrib.Rank
	taken   map[string]kobj.Key // by the text of a match: who has it
	origins []kobj.Key
	report  report.Report
}

// admit leaves out the exclusive claims that lose against a stronger one of the same rank. It looks at the
// hostname on all listeners: who loses the plain-text host does not get the TLS host either.
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

// joins reports whether c belongs to its host: on the TLS listener an object that asks for no TLS itself joins
// only what another of its own API has asked TLS for. Nobody gets onto a TLS host of another API by writing a rule.
func joins(c *contrib.Contribution, all []*contrib.Contribution) bool {
	return c.Key.Listener != ir.HTTPS || slices.ContainsFunc(all, func(o *contrib.Contribution) bool {
		return o.Key == c.Key && o.Rank == c.Rank && o.TLS != nil
	})
}

// open reports whether c may be served on its host: not where a stronger API asks for a protection of the whole
// host, on whatever listener, that cannot be served.
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

func (m *merger) lostHost(loser, winner kobj.Key) {
	m.report.Add(report.Diagnostic{
		Object: loser, Type: report.TypeVirtualHost, Reason: report.DuplicateVhost, Field: "spec.virtualhost.fqdn",
		Message: fmt.Sprintf("Host %q is already served by the older %s.", m.key.Hostname, winner),
	})
}

func (m *merger) add(c *contrib.Contribution) {
	m.origins = append(m.origins, c.Object)
	if !m.settleTLS(c) {
		return
	}
	for _, r := range distinct(c.Routes) {
		m.addRoute(c.Object, r)
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

func (m *merger) addRoute(object kobj.Key, r ir.Route) {
	if m.taken == nil {
		m.taken = map[string]kobj.Key{}
	}
	text := matchText(&r.Match)
	if winner, ok := m.taken[text]; ok {
		if winner.Kind == object.Kind { // a weaker API gives way silently
			m.conflict(object, "spec", fmt.Sprintf("Requests for %s%s are already served by the older %s.", m.key.Hostname, r.Match.Path.Value, winner))
		}
		return
	}
	m.taken[text] = object
	m.host.Routes = append(m.host.Routes, r)
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

// result is the virtual host, nil if nothing was admitted, or if nobody who wants TLS has a certificate.
func (m *merger) result() *ir.VirtualHost {
	if len(m.origins) == 0 || m.key.Listener == ir.HTTPS && m.host.TLS == nil {
		return nil
	}
	if m.host.TLS != nil && m.host.TLS.Refused {
		m.host.Routes = nil
	}
	m.host.Key = m.key
	m.host.Origins = kobj.Sort(m.origins)
	slices.SortStableFunc(m.host.Routes, func(a, b ir.Route) int { return comparePrecedence(&a.Match, &b.Match) })
	return &m.host
}

// distinct leaves one route for each match, the last one, with its conditions in canonical order.
func distinct(routes []ir.Route) []ir.Route {
	last := make(map[string]int, len(routes))
	out := make([]ir.Route, 0, len(routes))
	for _, r := range routes {
		r.Match = canonical(r.Match)
		text := matchText(&r.Match)
		if i, ok := last[text]; ok {
			out[i] = r
			continue
		}
		last[text] = len(out)
		out = append(out, r)
	}
	return out
}

// canonical orders the conditions of a match: they are all to hold, so their order says nothing.
func canonical(m ir.Match) ir.Match {
	m.Headers = slices.Clone(m.Headers)
	slices.SortFunc(m.Headers, compareHeader)
	m.Query = slices.Clone(m.Query)
	slices.SortFunc(m.Query, compareQuery)
	return m
}

// matchText is a text that two matches share only if they are equal.
func matchText(m *ir.Match) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q", m.Path.Kind, m.Path.Value)
	for _, h := range m.Headers {
		fmt.Fprintf(&b, " h %q %d %q %t %t %t", h.Name, h.Kind, h.Value, h.IgnoreCase, h.Invert, h.MissingAsEmpty)
	}
	for _, q := range m.Query {
		fmt.Fprintf(&b, " q %q %d %q %t", q.Name, q.Kind, q.Value, q.IgnoreCase)
	}
	return b.String()
}

func compareHosts(a, b ir.HostKey) int {
	return cmp.Or(cmp.Compare(a.Fleet, b.Fleet), cmp.Compare(a.Listener, b.Listener), cmp.Compare(a.Hostname, b.Hostname))
}
