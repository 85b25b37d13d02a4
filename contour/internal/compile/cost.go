package compile

import (
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
)

// charge computes the cost and the age of a root from its contributions.
func (c *Compile) charge(r *memo.Reader, root *contrib.Root) {
	var clusters clusterSet
	var extensions []ir.ExtensionCluster
	root.Cost.Routes = root.Unread
	for i := range root.Contributions {
		own := &root.Contributions[i]
		root.Created = own.Created
		if own.JoinsTLS && own.TLS == nil { // served only where another object has the TLS host
			continue
		}
		root.Cost.VirtualHosts++
		if own.TLS != nil {
			root.Cost.TLSHosts += 1 + own.Validation
		}
		root.Cost.Expressions += own.Expressions
		if own.Policies != nil && own.Policies.JWT != nil {
			root.Cost.Routes += own.Policies.JWT.Providers.Size() >> 10
		}
		if asked := c.ownService(r, own.Policies); asked != nil && !slices.Contains(extensions, asked.Cluster) {
			extensions = append(extensions, asked.Cluster)
		}
		for j := range own.Routes {
			root.Cost.Routes += 1 + (routeSize(&own.Routes[j])+keysSize(own, own.Routes[j].Policies))>>10
			if f := own.Routes[j].Forward; f != nil {
				clusters.add(f.Backends)
				if f.Special != nil {
					for _, m := range f.Special.Mirrors {
						clusters.addCluster(m.Cluster)
					}
				}
			}
		}
		if own.TCP != nil {
			clusters.add(own.TCP.Backends)
		}
	}
	root.Cost.Clusters = len(clusters.list) + len(extensions)
	for i := range clusters.list {
		root.Cost.Endpoints += c.Ref.ManyEndpoints(r, clusters.list[i].Endpoints.Service)
	}
	for _, e := range extensions {
		root.Cost.Endpoints += c.Extensions.ManyEndpoints(r, e.Object)
	}
}

// ownService returns the authorization service that the policies name; nil if they name none, or have that of the
// configuration, which costs no object anything.
func (c *Compile) ownService(r *memo.Reader, p *ir.Policies) *ir.AuthorizationService {
	if p == nil || !p.Authorization.Asks() {
		return nil
	}
	own := p.Authorization.Service
	if global := c.env.Authorization.Global(r).Policies; global != nil && global.Authorization.Asks() && global.Authorization.Service == own {
		return nil
	}
	return own
}

// clusterSet is the clusters of a root, each once, in the order of the routes.
type clusterSet struct {
	list []ir.Cluster
	seen map[ir.Cluster]bool // nil while the list is short enough to be searched
}

func (s *clusterSet) add(backends []ir.Backend) {
	for i := range backends {
		s.addCluster(backends[i].Cluster)
	}
}

func (s *clusterSet) addCluster(k ir.Cluster) {
	const few = 8
	if s.seen[k] || s.seen == nil && slices.Contains(s.list, k) {
		return
	}
	s.list = append(s.list, k)
	if s.seen == nil && len(s.list) > few {
		s.seen = map[ir.Cluster]bool{}
		for _, former := range s.list {
			s.seen[former] = true
		}
	}
	if s.seen != nil {
		s.seen[k] = true
	}
}

// routeSize is about how many bytes of text a route has.
func routeSize(rt *ir.Route) int {
	n := len(rt.Match.Path.Value) + editsSize(rt.RequestHeaders) + editsSize(rt.ResponseHeaders)
	for _, h := range rt.Match.Headers {
		n += len(h.Name) + len(h.Value)
	}
	for _, q := range rt.Match.Query {
		n += len(q.Name) + len(q.Value)
	}
	if f := rt.Forward; f != nil {
		for i := range f.Backends {
			b := &f.Backends[i]
			n += cookiesSize(b.Cookies) + len(b.Cluster.Tuning.Value().Health.Path) + len(b.Cluster.Endpoints.Service.Name) + len(b.Host) + editsSize(b.RequestHeaders) + editsSize(b.ResponseHeaders)
		}
		n += specialSize(f.Special)
	}
	if rt.Direct != nil {
		n += len(rt.Direct.Body)
	}
	if d := rt.Redirect; d != nil {
		n += len(d.Hostname) + len(d.Path) + len(d.Prefix)
	}
	return n + policiesSize(rt.Policies)
}

func policiesSize(p *ir.Policies) int {
	if p == nil {
		return 0
	}
	n := cookiesSize(p.Cookies)
	if p.IPFilter != nil {
		const each = 32
		n += each * len(p.IPFilter.Sources)
	}
	if p.Authorization != nil {
		for _, e := range p.Authorization.Context {
			n += len(e.Key) + len(e.Value)
		}
	}
	return n
}

// keysSize is how many bytes of keys a route has of its own: on a listener without TLS, those of the provider that it
// requires; on one with TLS, the routes refer to those of the host.
func keysSize(of *contrib.Contribution, p *ir.Policies) int {
	if of.TLS != nil || p == nil {
		return 0
	}
	if provider := p.JWT.Provider(); provider != nil {
		return len(provider.Keys)
	}
	return 0
}

func cookiesSize(c *ir.CookieRewrites) int {
	n := 0
	if c != nil {
		const each = 64 // of the messages around the texts
		for _, r := range c.Cookies {
			n += each + len(r.Name) + len(r.Path) + len(r.Domain)
		}
	}
	return n
}

func specialSize(s *ir.Special) int {
	n := 0
	if s != nil {
		for _, k := range s.Hash {
			n += len(k.Cookie) + len(k.Header) + len(k.Query)
		}
	}
	return n
}

func editsSize(e ir.HeaderEdits) int {
	n := 0
	for _, h := range e.Set {
		n += len(h.Name) + len(h.Value)
	}
	for _, name := range e.Remove {
		n += len(name)
	}
	return n
}
