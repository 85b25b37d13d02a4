package translate

import (
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// listeners are the listeners of the configuration.
type listeners struct{ http, https, stats ir.Listener }

// classicListeners returns the listeners of the default configuration.
func classicListeners(edit ...func(*listeners)) listeners {
	of := classic.Root(config.Default()).Listeners
	l := listeners{of[0], of[1], of[2]}
	for _, f := range edit {
		f(&l)
	}
	return l
}

func onDemand(l *listeners) { l.https.CertificatesOnDemand = true }

// tables sets the number of HTTP hosts up to which there is one route table.
func tables(limit int) func(*listeners) {
	return func(l *listeners) { l.http.RouteTableHosts = limit }
}

// each calls f with each listener.
func (l *listeners) each(f func(*ir.Listener)) {
	for _, of := range []*ir.Listener{&l.http, &l.https, &l.stats} {
		f(of)
	}
}

// listen sets the listeners.
func (fx *fixture) listen(l listeners) {
	fx.at = l
	l.each(func(of *ir.Listener) { fx.listeners.Set(of.Key, of) })
}

// all returns the resources of the default fleet.
func (fx *fixture) all() []*table.Resource { return fx.tables.All(ir.DefaultFleet)[ir.DefaultFleet] }

// changes returns the changes of the default fleet.
func (fx *fixture) changes() ([]*table.Resource, []table.Ref) {
	c := fx.tables.Changes()[ir.DefaultFleet]
	if c == nil {
		return nil, nil
	}
	return c.Set, c.Removed
}
