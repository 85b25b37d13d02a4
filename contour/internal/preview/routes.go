package preview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// ServedHost is a host that is served, with its routes in the order in which they are compared with requests.
type ServedHost struct {
	Listener string        `json:"listener"`
	Port     uint32        `json:"port,omitempty"`
	Host     string        `json:"host"`
	TLS      bool          `json:"tls,omitempty"`
	Objects  []kobj.Key    `json:"-"`
	Routes   []ServedRoute `json:"routes,omitempty"`
}

// ServedRoute is a route of a host.
type ServedRoute struct {
	Match  string   `json:"match"`
	Action string   `json:"action"`
	Object kobj.Key `json:"-"`
	Field  string   `json:"field,omitempty"`
	File   string   `json:"file,omitempty"`
	Line   int      `json:"line,omitempty"`
}

// Routes returns what is served, ordered by listener and host.
func (p *Preview) Routes() []ServedHost {
	var out []ServedHost
	for _, k := range slices.SortedFunc(maps.Keys(p.hosts), ir.HostKey.Compare) {
		v := p.hosts[k]
		h := ServedHost{Listener: k.Listener.Name, Host: cmp.Or(k.Hostname, "*"), TLS: v.TLS != nil, Objects: v.Origins}
		if l := p.listeners[k.Listener]; l != nil {
			h.Port, h.TLS = l.Port, h.TLS || l.Protocol.Secure()
		}
		if v.TCP != nil {
			h.Routes = append(h.Routes, p.connections(v))
		}
		for i := range v.Routes {
			r := &v.Routes[i]
			s := p.routeStep("route", r)
			h.Routes = append(h.Routes, ServedRoute{s.What, action(r), s.Object, s.Field, s.File, s.Line})
		}
		if len(h.Routes) > 0 || len(h.Objects) > 0 {
			out = append(out, h)
		}
	}
	return out
}

// connections is the TCP proxy of a host, as a route.
func (p *Preview) connections(v *ir.VirtualHost) ServedRoute {
	out := ServedRoute{Match: "any connection", Action: backendsText(v.TCP.Backends)}
	if len(v.TCP.Backends) == 0 {
		out.Action = "closed"
	}
	if len(v.Origins) > 0 {
		out.Object = v.Origins[0]
		at, _ := p.positions.Position(out.Object, "")
		out.File, out.Line = at.File, at.Line
	}
	return out
}

// action is what a route does with requests.
func action(r *ir.Route) string {
	switch {
	case r.Direct != nil:
		return fmt.Sprintf("response %d", r.Direct.Code)
	case r.Redirect != nil:
		return redirect(r.Redirect)
	case r.Forward != nil:
		return backendsText(r.Forward.Services())
	}
	return ""
}

func redirect(r *ir.Redirect) string {
	text := fmt.Sprintf("redirect %d", r.Code)
	if r.HTTPS {
		text += " to https"
	}
	for _, part := range []struct{ name, value string }{
		{"scheme", r.Scheme}, {"host", r.Hostname}, {"port", strings.TrimPrefix(fmt.Sprint(r.Port), "0")}, {"path", MaskedURL(r.Path)}, {"prefix", r.Prefix},
	} {
		if part.value != "" {
			text += " " + part.name + " " + part.value
		}
	}
	return text
}

func backendsText(of []ir.Backend) string {
	var parts []string
	for _, b := range of {
		text := "no backend"
		if e := b.Cluster.Endpoints; !b.Unresolved {
			text = strings.TrimSuffix("Service "+e.Service.String()+"/"+e.Port, "/")
		}
		if len(of) > 1 {
			text += fmt.Sprintf(" (weight %d)", b.Weight)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
