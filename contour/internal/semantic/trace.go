package semantic

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// Trace is what led to an answer. A part that the request did not reach is empty.
type Trace struct {
	Listener string                  // its name
	Chain    *listenerv3.FilterChain // nil: no chain is for the connection
	Table    string                  // the name of the route table that was used last
	Host     *routev3.VirtualHost    // nil: the table has none for the host
	Route    *routev3.Route          // nil: none matches
	Passed   []Passed                // the routes of Host before Route, in their order
	Asked    []string                // the kinds of services that were asked and allow the request by assumption (Request.Allowed)
	// Rejected is what of the request the listener does not permit, or redirects, before it looks for a host; "" if nothing.
	Rejected string
	// ByFilter: the answer is that of a filter, not of Route.
	ByFilter bool
}

// Passed is a route that does not match the request.
type Passed struct {
	Route *routev3.Route
	Unmet Condition // the first condition that the request does not meet
}

// Condition is a condition of a route.
type Condition struct {
	Kind string // path, header, query parameter or connection
	Name string // of a header or query parameter
}

// find begins the search of a route: routing starts again where a script changes the route table.
func (t *Trace) find(rc *routev3.RouteConfiguration, vh *routev3.VirtualHost) {
	t.Table, t.Host, t.Route, t.Passed = rc.GetName(), vh, nil, nil
}

func (t *Trace) pass(r *routev3.Route, unmet Condition) {
	t.Passed = append(t.Passed, Passed{r, unmet})
}
