package console

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// printHosts prints the pending hosts, except those that Envoy rejects: they stay pending.
func (c *Console) printHosts() {
	first := !c.started
	c.started = true
	lines := 0
	rejected := map[ir.HostKey]*ir.VirtualHost{}
	for _, k := range sortedKeys(c.hosts, compareHostKeys) {
		if v := c.hosts[k]; c.rejected(v) {
			rejected[k] = v
		} else {
			lines += c.printHost(k, v)
		}
	}
	switch {
	case first && len(c.served) == 0:
		fmt.Fprintf(c.options.Out, "serving no host: %s has no HTTPProxy or Ingress that can be served\n", c.options.Manifests)
	case !first && lines == 0 && c.resources > 0:
		fmt.Fprintf(c.options.Out, "applied a change that leaves the routes of all hosts as they are (%d resources of Envoy)\n", c.resources)
	}
	c.hosts, c.resources = rejected, 0
}

// printHost prints a host, nil if it is not served any more, and returns the number of lines.
func (c *Console) printHost(k ir.HostKey, v *ir.VirtualHost) int {
	former, had := c.served[k]
	if v == nil {
		if !had {
			return 0
		}
		delete(c.served, k)
		fmt.Fprintln(c.options.Out, "no longer serving "+former)
		return 1
	}
	verb := "serving "
	if had {
		verb = "changed "
	}
	c.served[k] = c.url(v)
	fmt.Fprintln(c.options.Out, verb+c.url(v)+" from "+c.origins(v))
	return 1
}

// rejected reports whether Envoy rejects something that the host, as it is now, needs.
func (c *Console) rejected(v *ir.VirtualHost) bool {
	return v != nil && slices.ContainsFunc(c.latest.rejections, func(r table.Rejection) bool {
		own := slices.ContainsFunc(r.Origins, func(k kobj.Key) bool { return slices.Contains(v.Origins, k) })
		if r.Ref.Type == table.Listener {
			return r.Ref.Name == v.Key.Listener.Name && (own || len(r.Origins) == 0)
		}
		return r.Ref.Type == table.Route && own && strings.HasPrefix(r.Ref.Name, "https/") == (v.Key.Listener == classic.HTTPS())
	})
}

func (c *Console) url(v *ir.VirtualHost) string {
	scheme, at := "http", c.options.HTTP.Address
	if v.Key.Listener == classic.HTTPS() {
		scheme, at = "https", c.options.HTTPS.Address
	}
	if v.TCP != nil {
		scheme = "tls"
	}
	u := scheme + "://" + v.Key.Hostname + ":" + strconv.Itoa(int(at.Port()))
	if onlyRedirects(v) {
		u += " (redirects to HTTPS)"
	}
	return u
}

// onlyRedirects reports whether every route of the host redirects to HTTPS.
func onlyRedirects(v *ir.VirtualHost) bool {
	for i := range v.Routes {
		if r := v.Routes[i].Redirect; r == nil || !r.HTTPS {
			return false
		}
	}
	return len(v.Routes) > 0
}

// origins lists the objects that the host is made of, with the file and line of each.
func (c *Console) origins(v *ir.VirtualHost) string {
	var from []string
	for _, o := range v.Origins {
		text := o.String()
		if at, ok := c.latest.positions.Position(o, ""); ok {
			text += " in " + at.String()
		}
		from = append(from, text)
	}
	return strings.Join(from, ", ")
}

func compareHostKeys(a, b ir.HostKey) int {
	return cmp.Or(strings.Compare(a.Hostname, b.Hostname), a.Compare(b))
}
