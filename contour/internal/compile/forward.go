package compile

import (
	"reflect"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// servicePort is a port of a Service.
type servicePort struct {
	service kobj.Name
	number  int32
}

// addForwards adds the table of shared Forward values, one for each port of a Service: most routes forward to a port
// without further settings, and share the value.
func (c *Compile) addForwards(e *memo.Engine) {
	c.forwards = memo.NewTable(e, memo.Options[servicePort, *ir.Forward]{
		Name: "compile/forward", Derive: c.deriveForward, Equal: equalValue[*ir.Forward],
	})
}

func (c *Compile) deriveForward(r *memo.Reader, k servicePort) *ir.Forward {
	port, failure := c.Ref.Service(r, k.service, k.number)
	if failure != nil {
		return nil
	}
	return &ir.Forward{Backends: []ir.Backend{{Weight: 1, Cluster: port.Cluster()}}}
}

// share replaces each Forward that equals the shared value of its port by that value.
func (c *Compile) share(r *memo.Reader, routes []ir.Route) {
	for i := range routes {
		f := routes[i].Forward
		if f == nil || len(f.Backends) != 1 {
			continue
		}
		to := &f.Backends[0].Cluster
		shared := c.forwards.Get(r, servicePort{to.Endpoints.Service, to.Port})
		if reflect.DeepEqual(f, shared) {
			routes[i].Forward = shared
		}
	}
}
