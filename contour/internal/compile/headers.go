package compile

import (
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// addHeaders adds the changes to headers of the configuration to the routes of a root, unless it is of the Gateway API: to each backend of a route that
// forwards requests, where the changes of the route follow them and win, and to the responses of other routes. They cost the
// root nothing.
func addHeaders(k kobj.Key, root *contrib.Root, d config.Headers) {
	switch none := len(d.Requests.Set)+len(d.Requests.Remove)+len(d.Responses.Set)+len(d.Responses.Remove) == 0; {
	case none, k.Kind == kobj.Ingress && !d.Ingress, k.Kind == kobj.HTTPRoute, k.Kind == kobj.GRPCRoute:
		return
	}
	h := headers{config: d, forwards: map[forwardKey]*ir.Forward{}}
	for i := range root.Contributions {
		for j := range root.Contributions[i].Routes {
			h.addTo(&root.Contributions[i].Routes[j])
		}
	}
}

// headers is the work on one root. The values of routes may be shared with other roots, so they are replaced; routes of
// the root that share one share the new one.
type headers struct {
	config   config.Headers
	forwards map[forwardKey]*ir.Forward
}

// forwardKey is a value with the namespace of the object that has it.
type forwardKey struct {
	of        *ir.Forward
	namespace string
}

func (h headers) addTo(rt *ir.Route) {
	if rt.Forward == nil {
		rt.ResponseHeaders = withDefaults(rt.ResponseHeaders, h.config.Responses, validate.Variables{Namespace: rt.Origin.Namespace})
		return
	}
	k := forwardKey{of: rt.Forward, namespace: rt.Origin.Namespace}
	if h.forwards[k] == nil {
		h.forwards[k] = h.forward(*rt.Forward, k.namespace)
	}
	rt.Forward = h.forwards[k]
}

func (h headers) forward(f ir.Forward, namespace string) *ir.Forward {
	f.Backends = slices.Clone(f.Backends)
	for i := range f.Backends {
		b := &f.Backends[i]
		v := validate.Variables{Namespace: namespace, Service: b.Cluster.Endpoints.Service.Name, Port: int(b.Cluster.Port)}
		b.RequestHeaders = withDefaults(b.RequestHeaders, h.config.Requests, v)
		b.ResponseHeaders = withDefaults(b.ResponseHeaders, h.config.Responses, v)
	}
	return &f
}

// withDefaults returns the changes with those of the configuration to headers that they do not set.
func withDefaults(own, defaults ir.HeaderEdits, v validate.Variables) ir.HeaderEdits {
	out := ir.HeaderEdits{Set: slices.Clip(own.Set), Remove: slices.Clip(own.Remove)}
	for _, d := range defaults.Set {
		if !slices.ContainsFunc(own.Set, func(h ir.Header) bool { return h.Name == d.Name }) {
			out.Set = append(out.Set, ir.Header{Name: d.Name, Value: v.Expand(d.Value)})
		}
	}
	for _, name := range defaults.Remove {
		if !slices.Contains(own.Remove, name) {
			out.Remove = append(out.Remove, name)
		}
	}
	return out
}
