package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// virtualHost is what a hostname answers, as a part of its route table.
func virtualHost(v *ir.VirtualHost) table.Part {
	e := &encoder{}
	vh := &routev3.VirtualHost{Name: v.Key.Hostname, Domains: []string{v.Key.Hostname}}
	for _, r := range v.Routes {
		vh.Routes = append(vh.Routes, route(e, r, v.Key.Hostname))
	}
	body := e.bytes(vh)
	return table.Part{Name: v.Key.Hostname, Body: body, Needs: clusterNeeds(v), Origins: origins(v), Invalid: e.invalid()}
}

// clusterNeeds is the clusters that a virtual host sends requests or connections to.
func clusterNeeds(v *ir.VirtualHost) []table.Ref {
	var needs []table.Ref
	for b := range backends(v) {
		needs = append(needs, table.Ref{Type: table.Cluster, Name: clusterName(b.Cluster)})
	}
	slices.SortFunc(needs, table.Ref.Compare)
	return slices.Compact(needs)
}

// backends visits every backend of a virtual host; those of a route that answers by itself are none.
func backends(v *ir.VirtualHost) func(yield func(*ir.Backend) bool) {
	return func(yield func(*ir.Backend) bool) {
		for i := range v.Routes {
			if r := &v.Routes[i]; r.Forward != nil && r.Direct == nil && r.Redirect == nil && !each(r.Forward.Backends, yield) {
				return
			}
		}
		if v.TCP != nil {
			each(v.TCP.Backends, yield)
		}
	}
}

func each(backends []ir.Backend, yield func(*ir.Backend) bool) bool {
	for i := range backends {
		if !yield(&backends[i]) {
			return false
		}
	}
	return true
}

// origins is the objects to blame for a virtual host: its roots, and those that its routes were written in.
func origins(v *ir.VirtualHost) []kobj.Key {
	keys := slices.Clone(v.Origins)
	for i := range v.Routes {
		if k := v.Routes[i].Origin; k != (kobj.Key{}) && (len(keys) == 0 || keys[len(keys)-1] != k) {
			keys = append(keys, k)
		}
	}
	return kobj.Sort(keys)
}
