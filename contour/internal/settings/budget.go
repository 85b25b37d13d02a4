package settings

// budgetKeys is the settings of the section budgets, which Contour does not have: what one namespace, or one request, can cost
// all others.
func budgetKeys() []key {
	out := []key{
		{file: "budgets.routes", value: "200000"},
		{file: "budgets.object-routes", value: "40000"},
		{file: "budgets.virtual-hosts", value: "120000"},
		{file: "budgets.tls-hosts", value: "60000"},
		{file: "budgets.listeners", value: "10000"},
		{file: "budgets.addresses", value: "1000"},
		{file: "budgets.clusters", value: "100000"},
		{file: "budgets.endpoints", value: "200000"},
		{file: "budgets.health-checks", value: "20000"},
		{file: "budgets.expressions", value: "100000"},
		{file: "budgets.host-expressions", value: "20000"},
		{file: "budgets.expression-size", value: "2000"},
		{file: "budgets.filter-chains", value: "0"},
		{file: "budgets.request-headers-kib", value: "60"},
		{file: "budgets.request-headers", value: "100"},
	}
	for i := range out {
		out[i].ours = true
	}
	return out
}

// budgetSection is the section budgets of the file.
type budgetSection struct {
	Routes            *uint32 `json:"routes"`
	ObjectRoutes      *uint32 `json:"object-routes"`
	VirtualHosts      *uint32 `json:"virtual-hosts"`
	TLSHosts          *uint32 `json:"tls-hosts"`
	Listeners         *uint32 `json:"listeners"`
	Addresses         *uint32 `json:"addresses"`
	Clusters          *uint32 `json:"clusters"`
	Endpoints         *uint32 `json:"endpoints"`
	HealthChecks      *uint32 `json:"health-checks"`
	Expressions       *uint32 `json:"expressions"`
	HostExpressions   *uint32 `json:"host-expressions"`
	ExpressionSize    *uint32 `json:"expression-size"`
	FilterChains      *uint32 `json:"filter-chains"`
	RequestHeadersKiB *uint32 `json:"request-headers-kib"`
	RequestHeaders    *uint32 `json:"request-headers"`
}

// budgets applies the section.
func (a *applier) budgets() {
	from, b := &a.doc.own.Budgets, &a.cfg.Budgets
	for _, row := range []struct {
		from *uint32
		into *int
	}{
		{from.Routes, &b.Routes},
		{from.ObjectRoutes, &b.ObjectRoutes},
		{from.VirtualHosts, &b.VirtualHosts},
		{from.TLSHosts, &b.TLSHosts},
		{from.Listeners, &b.Listeners},
		{from.Addresses, &b.Addresses},
		{from.Clusters, &b.Clusters},
		{from.Endpoints, &b.Endpoints},
		{from.HealthChecks, &b.HealthChecks},
		{from.Expressions, &b.Expressions},
		{from.HostExpressions, &b.HostExpressions},
		{from.ExpressionSize, &b.ExpressionSize},
		{from.FilterChains, &b.FilterChains},
	} {
		if row.from != nil {
			*row.into = int(*row.from)
		}
	}
	h := &a.cfg.HTTP
	for _, limit := range []headerLimit{
		{"budgets.request-headers-kib", from.RequestHeadersKiB, &h.MaxHeaderKiB, 60, 8192},
		{"budgets.request-headers", from.RequestHeaders, &h.MaxHeaders, 100, 10_000},
	} {
		a.headerLimit(limit)
	}
}

// headerLimit is a limit of the headers of requests: that of Envoy, which the configuration has as 0, and the largest.
type headerLimit struct {
	name          string
	from, into    *uint32
	ofEnvoy, most uint32
}

func (a *applier) headerLimit(l headerLimit) {
	switch {
	case l.from == nil:
	case *l.from < 1 || *l.from > l.most:
		a.errorf(l.name, "%d is not between 1 and %d.", *l.from, l.most)
	case *l.from == l.ofEnvoy:
		*l.into = 0
	default:
		*l.into = *l.from
	}
}
