package semantic

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// route selects the virtual host and the route, and continues with its action. Without a route the answer is 404.
func (x *exchange) route(a Answer, rc *routev3.RouteConfiguration) (Answer, error) {
	a.Status = 404
	r, err := x.find(rc)
	if r == nil || err != nil {
		return a, err
	}
	if a, err = x.runRoute(a, rc, x.matched, r); err != nil {
		return a, fmt.Errorf("route table %s: %w", rc.GetName(), err)
	}
	return a, nil
}

// find returns the route that matches the request, nil if there is none.
func (x *exchange) find(rc *routev3.RouteConfiguration) (*routev3.Route, error) {
	if rc == nil {
		return nil, nil
	}
	if err := checkFields(rc, `name virtual_hosts ignore_port_in_host_matching max_direct_response_body_size_bytes request_headers_to_add
		request_headers_to_remove typed_per_filter_config`); err != nil {
		return nil, err
	}
	vh := x.virtualHost(rc.GetVirtualHosts())
	x.trace.find(rc, vh)
	if vh == nil {
		return nil, nil
	}
	if !rc.GetIgnorePortInHostMatching() && !slices.Equal(vh.GetDomains(), []string{"*"}) {
		return nil, errors.New("the model does not support ports in domains")
	}
	if err := checkFields(vh, "name domains routes typed_per_filter_config"); err != nil {
		return nil, err
	}
	for i, r := range vh.GetRoutes() {
		unmet, err := x.unmet(r.GetMatch())
		if err != nil {
			return nil, fmt.Errorf("virtual host %s, route %d: %w", vh.GetName(), i, err)
		}
		if unmet == (Condition{}) {
			x.matched, x.trace.Route = vh, r
			return r, nil
		}
		x.trace.pass(r, unmet)
	}
	return nil, nil
}

// virtualHost returns the one with the best matching domain: exact, the longest suffix, the longest prefix, or "*".
func (x *exchange) virtualHost(hosts []*routev3.VirtualHost) *routev3.VirtualHost {
	var best *routev3.VirtualHost
	bestRank := 0
	for _, vh := range hosts {
		for _, domain := range vh.GetDomains() {
			if rank := x.domainRank(strings.ToLower(domain)); rank > bestRank {
				best, bestRank = vh, rank
			}
		}
	}
	return best
}

// domainRank returns the precedence of a domain for the host, 0 if it does not match.
func (x *exchange) domainRank(domain string) int {
	const exact, suffix, prefix = 3 << 20, 2 << 20, 1 << 20
	longer := len(x.host) >= len(domain)
	switch {
	case domain == x.host:
		return exact
	case domain == "*":
		return 1
	case strings.HasPrefix(domain, "*") && longer && strings.HasSuffix(x.host, domain[1:]):
		return suffix + len(domain)
	case strings.HasSuffix(domain, "*") && longer && strings.HasPrefix(x.host, domain[:len(domain)-1]):
		return prefix + len(domain)
	}
	return 0
}

// runRoute runs the filters that the virtual host and the route configure, and then the action of the route.
func (x *exchange) runRoute(a Answer, rc *routev3.RouteConfiguration, vh *routev3.VirtualHost, r *routev3.Route) (Answer, error) {
	x.session = nil
	if x.Upgrade != "" && !x.upgraded && !upgradable(r.GetRoute(), x.Upgrade) {
		return x.reply(a, 403, r)
	}
	p, err := x.policies(vh, r)
	if err != nil {
		return a, err
	}
	if p.answered {
		x.trace.ByFilter = true
		x.bridged = false // these filters precede the one for gRPC-Web
		p.answer.Certificate = a.Certificate
		if !x.ownReply {
			p.answer, err = x.reply(p.answer, p.answer.Status, r)
		}
		return p.add(p.answer), err
	}
	a, err = x.runAction(a, rc, r)
	return p.add(a), err
}

// runAction runs the action of the route that matched.
func (x *exchange) runAction(a Answer, rc *routev3.RouteConfiguration, r *routev3.Route) (Answer, error) {
	if err := checkFields(r, `name match metadata route redirect direct_response request_headers_to_add request_headers_to_remove
		response_headers_to_add response_headers_to_remove typed_per_filter_config`); err != nil {
		return a, err
	}
	switch action := r.GetAction().(type) {
	case *routev3.Route_DirectResponse:
		a.Status = int(action.DirectResponse.GetStatus())
		a.Body = action.DirectResponse.GetBody().GetInlineString()
		return a, x.localReply(&a, r)
	case *routev3.Route_Redirect:
		var err error
		a.Status = redirectStatus(action.Redirect.GetResponseCode())
		a.Location, err = x.location(action.Redirect, r.GetMatch())
		return a, errors.Join(err, x.localReply(&a, r))
	case *routev3.Route_Route:
		return x.forward(a, rc, r, action.Route)
	}
	return a, errors.New("the model does not support the action of the route")
}

// localReply records the changes to the headers of a local reply.
func (x *exchange) localReply(a *Answer, r *routev3.Route) error {
	c := newResponseEditor(x.headers)
	err := c.edit(r.GetResponseHeadersToRemove(), r.GetResponseHeadersToAdd())
	a.Changes = c.changes
	return err
}

func redirectStatus(c routev3.RedirectAction_RedirectResponseCode) int {
	return map[routev3.RedirectAction_RedirectResponseCode]int{
		routev3.RedirectAction_MOVED_PERMANENTLY:  301,
		routev3.RedirectAction_FOUND:              302,
		routev3.RedirectAction_SEE_OTHER:          303,
		routev3.RedirectAction_TEMPORARY_REDIRECT: 307,
		routev3.RedirectAction_PERMANENT_REDIRECT: 308,
	}[c]
}
