package compile

import (
	"reflect"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
)

// share replaces each Forward that equals the shared value of its port by that value: most routes forward to a port without
// further settings.
func (c *Compile) share(r *memo.Reader, routes []ir.Route) {
	for i := range routes {
		f := routes[i].Forward
		if f == nil || len(f.Backends) != 1 || f.Backends[0].Unresolved {
			continue
		}
		to := &f.Backends[0].Cluster
		shared := c.Ref.Forward(r, to.Endpoints.Service, to.Port)
		if reflect.DeepEqual(f, shared) {
			routes[i].Forward = shared
		}
	}
}
