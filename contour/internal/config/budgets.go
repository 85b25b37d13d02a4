package config

// Budgets bound what the objects of one namespace can make Envoy and the controller hold. What is beyond a budget is not
// served, and its object reports it. A budget that is 0 bounds nothing.
type Budgets struct {
	// Routes is the routes of a namespace on all listeners; a route counts once for each KiB of its text.
	Routes int
	// ObjectRoutes is the routes of one root object, with those of the objects that it includes, and of one host, which several
	// objects may share; they count as those of a namespace. A root is derived as a whole, and Envoy gets a host as a whole, so that
	// this bounds how long others wait for it.
	ObjectRoutes int
	// VirtualHosts is the hosts of a namespace on all listeners.
	VirtualHosts int
	// TLSHosts is the hosts of a namespace on listeners for TLS.
	TLSHosts int
	// Listeners is the listeners of the Gateways of a namespace, one for each port.
	Listeners int
	// Addresses is the addresses of the Gateways of a namespace.
	Addresses int
	// Clusters is the clusters of a namespace; what several root objects use counts once for each.
	Clusters int
	// Endpoints is the endpoints of the clusters of a namespace, without those of Services with few of them.
	Endpoints int
	// HealthChecks is the health checks per second that one Envoy makes for the clusters of a namespace, where a Service with few
	// endpoints counts as one with 16.
	HealthChecks int
	// Expressions is the cost of the regular expressions of a namespace (validate.Expression).
	Expressions int
	// HostExpressions is the cost of the regular expressions of one host of an object. It bounds the work that a
	// request can cause, together with the size of request headers.
	HostExpressions int
	// ExpressionSize is the number of instructions of the program of one regular expression.
	ExpressionSize int
	// FilterChains is the filter chains per second that a namespace may have Envoys process by changes of filter chains: each
	// change counts with all chains of the listener. What exceeds it, and what 40 seconds of it would permit at once, waits. It is 0 by
	// default: Contour delays no change.
	FilterChains int
}

// defaultBudgets are far above honest use: they bound what an object can do by accident or with intent.
func defaultBudgets() Budgets {
	return Budgets{
		Routes:          200_000,
		ObjectRoutes:    40_000,
		VirtualHosts:    120_000,
		TLSHosts:        60_000,
		Listeners:       10_000,
		Addresses:       1_000,
		Clusters:        100_000,
		Endpoints:       200_000,
		HealthChecks:    20_000,
		Expressions:     100_000,
		HostExpressions: 20_000,
		ExpressionSize:  2_000,
	}
}

// RootRoutes is how many routes a root may have by itself; 0: any number.
func (b Budgets) RootRoutes() int {
	switch {
	case b.Routes == 0:
		return b.ObjectRoutes
	case b.ObjectRoutes == 0:
		return b.Routes
	}
	return min(b.Routes, b.ObjectRoutes)
}
