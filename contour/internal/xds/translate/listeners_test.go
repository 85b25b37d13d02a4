package translate

import (
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// listeners is the listeners that the configuration brings.
type listeners struct{ http, https, stats ir.Listener }

// classicListeners is those of the default configuration.
func classicListeners(edit ...func(*listeners)) listeners {
	of := classic.Root(config.Default()).Listeners
	l := listeners{of[0], of[1], of[2]}
	for _, f := range edit {
		f(&l)
	}
	return l
}

func onDemand(l *listeners) { l.https.CertificatesOnDemand = true }

// tables has a single route table for so many HTTP hosts.
func tables(limit int) func(*listeners) {
	return func(l *listeners) { l.http.RouteTableHosts = limit }
}

// each calls f with each listener.
func (l *listeners) each(f func(*ir.Listener)) {
	for _, of := range []*ir.Listener{&l.http, &l.https, &l.stats} {
		f(of)
	}
}

// listen makes them the listeners of the world.
func (w *world) listen(l listeners) {
	w.at = l
	l.each(func(of *ir.Listener) { w.listeners.Set(of.Key, of) })
}

// all is the resources of the default fleet.
func (w *world) all() []*table.Resource { return w.tables.All(ir.DefaultFleet)[ir.DefaultFleet] }

// changes is what differs for the default fleet.
func (w *world) changes() ([]*table.Resource, []table.Ref) {
	c := w.tables.Changes()[ir.DefaultFleet]
	if c == nil {
		return nil, nil
	}
	return c.Set, c.Removed
}
