package contrib

// Cost is what objects make Envoy and the controller hold, or how much of it they may.
type Cost struct {
	Routes       int // on all listeners; a route counts once for each KiB of its text
	VirtualHosts int // on all listeners
	Listeners    int // of Gateways, one for each port
	Addresses    int // of Gateways with Envoys of their own: Services
	TLSHosts     int // on listeners for TLS, and filter chains of Gateways; more for large authorities and revocation lists of clients
	Clusters     int // each once for an object
	Endpoints    int // of clusters with many of them, once for each cluster
	HealthChecks int // per minute, of one Envoy
	Expressions  int // cost of regular expressions, see validate.Expression
}

// Plus returns the sum.
func (c Cost) Plus(o Cost) Cost {
	return Cost{
		Routes: c.Routes + o.Routes, VirtualHosts: c.VirtualHosts + o.VirtualHosts, Listeners: c.Listeners + o.Listeners, Addresses: c.Addresses + o.Addresses, TLSHosts: c.TLSHosts + o.TLSHosts,
		Clusters: c.Clusters + o.Clusters, Endpoints: c.Endpoints + o.Endpoints,
		HealthChecks: c.HealthChecks + o.HealthChecks, Expressions: c.Expressions + o.Expressions,
	}
}

// Minus returns the difference.
func (c Cost) Minus(o Cost) Cost { return c.Plus(o.Times(-1)) }

// Times returns n times the cost.
func (c Cost) Times(n int) Cost {
	return Cost{n * c.Routes, n * c.VirtualHosts, n * c.Listeners, n * c.Addresses, n * c.TLSHosts, n * c.Clusters, n * c.Endpoints, n * c.HealthChecks, n * c.Expressions}
}

// Within reports whether nothing exceeds its limit; a limit that is 0 permits any amount.
func (c Cost) Within(limit Cost) bool {
	for _, x := range [...]struct{ n, most int }{
		{c.Routes, limit.Routes},
		{c.VirtualHosts, limit.VirtualHosts},
		{c.Listeners, limit.Listeners},
		{c.Addresses, limit.Addresses},
		{c.TLSHosts, limit.TLSHosts},
		{c.Clusters, limit.Clusters},
		{c.Endpoints, limit.Endpoints},
		{c.HealthChecks, limit.HealthChecks},
		{c.Expressions, limit.Expressions},
	} {
		if x.most > 0 && x.n > x.most {
			return false
		}
	}
	return true
}
