package debug

import (
	"bytes"
	"fmt"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/ir/irtext"
)

// maxRoutes bounds the routes of a host in the graph.
const maxRoutes = 500

// graph is the form of a page in the DOT language.
func graph() form {
	return form{
		contentType: "text/vnd.graphviz; charset=utf-8",
		head:        "digraph DAG {\nrankdir=LR\nnode [shape=box]\n",
		tail:        "}\n",
	}
}

// dag shows the hosts as a graph: listener, host, route, cluster, Service.
func (s Sources) dag() list[*ir.VirtualHost] {
	return list[*ir.VirtualHost]{each: s.hosts().each, form: graph(), render: func(name string, v *ir.VirtualHost) ([]byte, error) {
		return hostGraph(name, v), nil
	}}
}

// dot writes statements of the DOT language. Nodes that are written twice are one.
type dot struct{ bytes.Buffer }

func (d *dot) node(id, label string) {
	fmt.Fprintf(d, "%s [label=%s]\n", quoted(id), quoted(label))
}

func (d *dot) edge(from, to string) { fmt.Fprintf(d, "%s -> %s\n", quoted(from), quoted(to)) }

// quoted returns a string of the DOT language; users choose what is in it.
func quoted(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func hostGraph(name string, v *ir.VirtualHost) []byte {
	if v == nil {
		return nil
	}
	d := &dot{}
	listener := "listener " + string(v.Key.Listener.Fleet) + "/" + v.Key.Listener.Name
	host := "host " + name
	d.node(listener, "listener\n"+v.Key.Listener.Name)
	d.node(host, hostText(v))
	d.edge(listener, host)
	if v.TLS != nil && v.TLS.Certificate.Name != "" {
		secret := "secret " + v.TLS.Certificate.String()
		d.node(secret, "Secret "+v.TLS.Certificate.String())
		d.edge(host, secret)
	}
	if v.TCP != nil {
		d.backends(host, v.TCP.Backends)
	}
	for i := range v.Routes[:min(len(v.Routes), maxRoutes)] {
		d.route(host, i, &v.Routes[i])
	}
	if more := len(v.Routes) - maxRoutes; more > 0 {
		rest := host + " more"
		d.node(rest, fmt.Sprintf("and %d more routes", more))
		d.edge(host, rest)
	}
	return d.Bytes()
}

func hostText(v *ir.VirtualHost) string {
	text := "host " + v.Key.Hostname
	for _, o := range v.Origins[:min(len(v.Origins), 3)] {
		text += " of " + o.String()
	}
	return text
}

// route writes a route and what it does.
func (d *dot) route(host string, i int, r *ir.Route) {
	id := fmt.Sprintf("route %s %d", host, i)
	text := irtext.Match(&r.Match)
	switch {
	case r.Redirect != nil:
		text += fmt.Sprintf(": redirect %d", r.Redirect.Code)
	case r.Direct != nil:
		text += fmt.Sprintf(": answer %d", r.Direct.Code)
	}
	d.node(id, text+" of "+r.Origin.String())
	d.edge(host, id)
	if r.Forward == nil {
		return
	}
	d.backends(id, r.Forward.Services())
	if r.Forward.Special != nil {
		for j := range r.Forward.Special.Mirrors {
			d.cluster(id, &r.Forward.Special.Mirrors[j].Cluster, "mirror")
		}
	}
}

func (d *dot) backends(from string, backends []ir.Backend) {
	for i := range backends {
		if backends[i].Unresolved {
			continue
		}
		d.cluster(from, &backends[i].Cluster, fmt.Sprintf("weight %d", backends[i].Weight))
	}
}

// cluster writes a cluster, with the Service that it has the endpoints of.
func (d *dot) cluster(from string, c *ir.Cluster, how string) {
	service := c.Endpoints.Service.String()
	port := fmt.Sprintf("%s:%d", service, c.Port)
	d.node("cluster "+port, "cluster "+port)
	fmt.Fprintf(d, "%s -> %s [label=%s]\n", quoted(from), quoted("cluster "+port), quoted(how))
	d.node("service "+service, "Service "+service)
	d.edge("cluster "+port, "service "+service)
}
