package translate

import (
	"bytes"
	"iter"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// hostRoutes is the virtual host of a hostname, as a part of its route table.
type hostRoutes struct {
	part   table.Part
	common []byte // if not nil: the part without its name and domains
	// filtered: the routes configure filters of the listener, which is a need: Envoy ignores the configuration of a filter
	// that the listener does not have, and would serve the routes without it.
	filtered   bool
	redirected bool // Envoy follows redirects to the routes
}

func equalHostRoutes(a, b hostRoutes) bool {
	return equalPart(a.part, b.part) && bytes.Equal(a.common, b.common) && a.redirected == b.redirected
}

// virtualHost translates the routes of the host.
func virtualHost(v *ir.VirtualHost) hostRoutes {
	e := &encoder{}
	vh := &routev3.VirtualHost{Name: v.Key.Hostname, Domains: []string{v.Key.Hostname}}
	policies := policiesOf(v)
	vh.TypedPerFilterConfig = policies.atHost(e)
	if v.Chain != "" {
		vh.Routes = append(vh.Routes, chainGuard(e, v.Chain))
	}
	if policies.inChain() && !wildcard(v.Key.Hostname) {
		vh.Routes = append(vh.Routes, coalescedGuard(e, v.Key.Listener))
	}
	redirected := redirectsTo(v)
	for _, r := range routes(e, v, policies, redirected) {
		vh.Routes = append(vh.Routes, r)
	}
	body := e.bytes(vh)
	h := hostRoutes{part: table.Part{
		Name: v.Key.Hostname, Body: body, Needs: clusterNeeds(v), Origins: origins(v), Invalid: e.invalid(),
	}, filtered: policies.filtered(), redirected: redirected.any}
	if h.part.Invalid == "" && onlyRedirects(v) && mayShareVirtualHost(v) {
		h.common = e.fragment(&routev3.VirtualHost{Routes: vh.Routes, TypedPerFilterConfig: vh.TypedPerFilterConfig})
	}
	return h
}

// routes visits the translated routes of the host in their order, each with the index of the route that it is made of.
func routes(e *encoder, v *ir.VirtualHost, p *hostPolicies, redirected redirected) iter.Seq2[int, *routev3.Route] {
	return func(yield func(int, *routev3.Route) bool) {
		for i := range v.Routes {
			of := &v.Routes[i]
			r := route(e, *of, v)
			redirected.prepare(r, i)
			r.TypedPerFilterConfig = p.atRoute(e, of)
			for j, c := range r.GetRoute().GetWeightedClusters().GetClusters() {
				c.TypedPerFilterConfig = p.atBackend(e, &of.Forward.Backends[j])
			}
			if other := withPort(r, of, v.Key.Hostname); other != nil && !yield(i, other) {
				return
			}
			if other := withToken(r, of, v.Policies); other != nil && !yield(i, other) {
				return
			}
			if !yield(i, r) {
				return
			}
		}
	}
}

// SourceRoutes returns a function that returns the route of the host that an Envoy has as its argument: of equal ones the first, which is
// the one that matches; nil if there is none.
func SourceRoutes(v *ir.VirtualHost) func(*routev3.Route) *ir.Route {
	e := &encoder{}
	sources := map[string]*ir.Route{}
	for i, translated := range routes(e, v, policiesOf(v), redirectsTo(v)) {
		if key := string(e.fragment(translated)); sources[key] == nil {
			sources[key] = &v.Routes[i]
		}
	}
	return func(r *routev3.Route) *ir.Route { return sources[string((&encoder{}).fragment(r))] }
}

// hostRoutes returns the virtual host of v with all its needs.
func (t *Tables) hostRoutes(r *memo.Reader, v *ir.VirtualHost) hostRoutes {
	h := virtualHost(v)
	if !h.filtered {
		return h
	}
	if socket := t.socketOf.Get(r, v.Key.Listener); socket != "" {
		h.part.Needs = append(h.part.Needs, table.Ref{Type: table.Listener, Name: socket})
	}
	return h
}

// onlyRedirects reports whether all routes of the host redirect.
func onlyRedirects(v *ir.VirtualHost) bool {
	return len(v.Routes) > 0 && !slices.ContainsFunc(v.Routes, func(r ir.Route) bool { return r.Redirect == nil || r.Direct != nil })
}

// shareHosts returns the parts of n hosts: those that only redirect, with equal routes, are combined into one virtual host with many domains, at
// the position of the first: a domain costs Envoy a fraction of a virtual host. Hosts that forward requests are not combined, so that a
// rejection of one does not affect others.
func shareHosts(n int, hosts iter.Seq[hostRoutes]) []table.Part {
	parts := make([]table.Part, 0, n)
	type shared struct {
		at    int // in parts
		hosts []table.Part
	}
	alike := map[string]*shared{}
	for h := range hosts {
		if h.common != nil {
			if same := alike[string(h.common)]; same != nil {
				same.hosts = append(same.hosts, h.part)
				continue
			}
			alike[string(h.common)] = &shared{len(parts), []table.Part{h.part}}
		}
		parts = append(parts, h.part)
	}
	for common, same := range alike {
		if len(same.hosts) > 1 {
			parts[same.at] = sharedHost([]byte(common), same.hosts)
		}
	}
	return parts
}

// sharedHost returns the virtual host of all the hosts; routes is an encoded virtual host without name and domains.
func sharedHost(routes []byte, hosts []table.Part) table.Part {
	e := &encoder{}
	vh := &routev3.VirtualHost{Name: "redirect/" + hash(clusterHashSize, string(routes))}
	part := table.Part{Name: vh.Name}
	for _, h := range hosts {
		vh.Domains = append(vh.Domains, h.Name)
		part.Origins = append(part.Origins, h.Origins...)
		part.Needs = h.Needs // equal for all hosts, as their policies are
	}
	part.Origins = kobj.Sort(part.Origins)
	part.Body = append(e.bytes(vh), routes...)
	part.Invalid = e.invalid()
	return part
}

// clusterNeeds returns the clusters to which a virtual host sends requests or connections, or which it asks about them.
func clusterNeeds(v *ir.VirtualHost) []table.Ref {
	var needs []table.Ref
	for _, c := range clustersOf(v) {
		needs = append(needs, table.Ref{Type: table.Cluster, Name: clusterName(c)})
	}
	for _, c := range extensionsOf(v) {
		needs = append(needs, table.Ref{Type: table.Cluster, Name: extensionName(c)})
	}
	slices.SortFunc(needs, table.Ref.Compare)
	return slices.Compact(needs)
}

// backends visits every backend of a virtual host. A route with a direct response or redirect has none.
func backends(v *ir.VirtualHost) func(yield func(*ir.Backend) bool) {
	return func(yield func(*ir.Backend) bool) {
		for i := range v.Routes {
			if r := &v.Routes[i]; reachesBackend(r) && !each(r.Forward.Backends, yield) {
				return
			}
		}
		if v.TCP != nil && !v.TCP.Datagrams { // see udpproxy.go
			each(v.TCP.Backends, yield)
		}
	}
}

// reachesBackend reports whether a route forwards requests to backends.
func reachesBackend(r *ir.Route) bool {
	return r.Forward != nil && r.Direct == nil && r.Redirect == nil
}

// clusters visits every cluster of a virtual host, including those of mirrors.
func clusters(v *ir.VirtualHost) func(yield func(*ir.Cluster) bool) {
	return func(yield func(*ir.Cluster) bool) {
		for b := range backends(v) {
			if !b.Unresolved && !yield(&b.Cluster) {
				return
			}
		}
		for i := range v.Routes {
			mirrors := mirrorsOf(&v.Routes[i])
			for j := range mirrors {
				if !yield(&mirrors[j].Cluster) {
					return
				}
			}
		}
	}
}

// mirrorsOf returns the mirrors of a route. A route with a direct response or redirect has none.
func mirrorsOf(r *ir.Route) []ir.Mirror {
	if f := r.Forward; f != nil && f.Special != nil && r.Direct == nil && r.Redirect == nil {
		return f.Special.Mirrors
	}
	return nil
}

func each(backends []ir.Backend, yield func(*ir.Backend) bool) bool {
	for i := range backends {
		if !yield(&backends[i]) {
			return false
		}
	}
	return true
}

// origins returns the objects that report a rejection of a virtual host: its roots, and the objects that define its routes.
func origins(v *ir.VirtualHost) []kobj.Key {
	keys := slices.Clip(v.Origins)
	for i := range v.Routes {
		if k := v.Routes[i].Origin; k != (kobj.Key{}) && (len(keys) == 0 || keys[len(keys)-1] != k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == len(v.Origins) {
		return v.Origins // shared: it is sorted and without duplicates
	}
	return kobj.Sort(keys)
}
