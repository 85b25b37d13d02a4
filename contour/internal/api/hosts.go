package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/preview"
)

func (a *API) scanHosts(ctx context.Context, add func(ir.HostKey, *ir.VirtualHost)) bool {
	return scan(ctx, a, func(v View) scanned[ir.HostKey, *ir.VirtualHost] { return v.Compile.VirtualHosts }, add)
}

func hostKey(k ir.HostKey) string {
	return joined(string(k.Listener.Fleet), k.Listener.Name, k.Hostname)
}

func hostAt(key string) (ir.HostKey, *failure) {
	p, ok := parts(key, 3)
	if !ok {
		return ir.HostKey{}, badRequest("continue: not a value of a page of this list")
	}
	return ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.Fleet(p[0]), Name: p[1]}, Hostname: p[2]}, nil
}

func hostName(k ir.HostKey) apiv1.HostName {
	return apiv1.HostName{Fleet: string(k.Listener.Fleet), Listener: k.Listener.Name, Host: cmp.Or(k.Hostname, "*")}
}

// matchHost returns what selects the hosts that a query asks for: of a namespace are those of its objects.
func matchHost(q query) func(ir.HostKey, *ir.VirtualHost) bool {
	host, search := strings.ToLower(q.Get("host")), strings.ToLower(q.Get("search"))
	fleet, namespace := ir.Fleet(q.Get("fleet")), q.Get("namespace")
	return func(k ir.HostKey, v *ir.VirtualHost) bool {
		return v != nil && (len(v.Routes) > 0 || v.TCP != nil || len(v.Origins) > 0) &&
			(host == "" || cmp.Or(k.Hostname, "*") == host) &&
			(fleet == "" || k.Listener.Fleet == fleet) &&
			(namespace == "" || slices.ContainsFunc(v.Origins, func(o kobj.Key) bool { return o.Namespace == namespace })) &&
			(search == "" || strings.Contains(k.Hostname, search))
	}
}

func (a *API) hostsAfter(r *http.Request, q query) (found []indexed[ir.HostKey, *ir.VirtualHost], next *position, fault *failure) {
	var after *ir.HostKey
	if q.from.Key != "" {
		k, fault := hostAt(q.from.Key)
		if fault != nil {
			return nil, nil, fault
		}
		after = &k
	}
	found, last, ok := a.hosts.page(r.Context(), after, q.limit, matchHost(q))
	if !ok {
		return nil, nil, stopping()
	}
	if last != nil {
		next = &position{Key: hostKey(*last)}
	}
	return found, next, nil
}

func (a *API) listHosts(r *http.Request, q query) (items []item, next *position, fault *failure) {
	found, next, fault := a.hostsAfter(r, q)
	for _, e := range found {
		items = append(items, item{key: hostKey(e.key), make: func() any { return hostOfList(e.key, e.value) }})
	}
	return items, next, fault
}

func hostOfList(k ir.HostKey, v *ir.VirtualHost) apiv1.Host {
	out := apiv1.Host{HostName: hostName(k), TLS: v.TLS != nil, Routes: len(v.Routes), Objects: apiv1.ObjectsOf(v.Origins, maxNamedObjects)}
	if v.TLS != nil && v.TLS.Certificate != (kobj.Name{}) {
		out.Certificate = v.TLS.Certificate.String()
	}
	for i := range v.Routes {
		if d := v.Routes[i].Direct; d != nil && d.Code >= http.StatusInternalServerError {
			out.Failing++
		}
	}
	return out
}

// listRoutes lists hosts with their routes.
func (a *API) listRoutes(r *http.Request, q query) (items []item, next *position, fault *failure) {
	found, next, fault := a.hostsAfter(r, q)
	if fault != nil {
		return nil, nil, fault
	}
	listeners, ok := a.listenersOf(r.Context(), found)
	if !ok {
		return nil, nil, stopping()
	}
	for _, e := range found {
		items = append(items, item{key: hostKey(e.key), make: func() any {
			of := preview.Of(preview.Live{Hosts: map[ir.HostKey]*ir.VirtualHost{e.key: e.value}, Listeners: listeners})
			return apiv1.HostRoutesOf(of.Routes())[0]
		}})
	}
	return items, next, nil
}

// listenersOf returns the listeners of the hosts of a page. The pipeline waits for it once.
func (a *API) listenersOf(ctx context.Context, of []indexed[ir.HostKey, *ir.VirtualHost]) (map[ir.ListenerKey]*ir.Listener, bool) {
	out := map[ir.ListenerKey]*ir.Listener{}
	for _, e := range of {
		out[e.key.Listener] = nil
	}
	ok := a.Inspect(ctx, func(v View) {
		for k := range out {
			out[k], _ = v.Compile.Listeners.Peek(k)
		}
	})
	return out, ok
}
