package translate

import (
	"bytes"
	"maps"
	"slices"

	"contour.example/contour/internal/ir"
)

// ListenerUpdate is a change of the filter chains of a listener: Envoy processes all of them again.
type ListenerUpdate struct {
	Chains     int      // of the listener
	Namespaces []string // of the objects whose filter chains changed, sorted
}

// ListenerUpdates returns the updates since the last call. A filter chain that a host with its certificate on demand gets or
// loses, because a wildcard host covers it or no longer does, is not a change of its own namespace. An object that only adds routes
// to a host changes no filter chain.
func (t *Tables) ListenerUpdates() []ListenerUpdate {
	changed := map[ir.ListenerKey]map[string]bool{}
	for _, ch := range t.chains.Changes() {
		var before, after chain
		if ch.Old != nil {
			before = *ch.Old
		}
		if ch.New != nil {
			after = *ch.New
		}
		if bytes.Equal(before.part.Body, after.part.Body) || before.certificate != nil && after.certificate != nil {
			continue
		}
		of := changed[ch.Key.Listener]
		if of == nil {
			of = map[string]bool{}
			changed[ch.Key.Listener] = of
		}
		for _, k := range slices.Concat(before.part.Origins, after.part.Origins) {
			of[k.Namespace] = true
		}
	}
	var out []ListenerUpdate
	for l, namespaces := range changed {
		out = append(out, ListenerUpdate{Chains: t.ownChains.Count(l), Namespaces: slices.Sorted(maps.Keys(namespaces))})
	}
	return out
}
