package compile

import (
	"slices"
	"time"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// charge computes the cost and the age of a root from its contributions.
func (c *Compile) charge(r *memo.Reader, root *contrib.Root) {
	var clusters clusterSet
	var extensions []ir.ExtensionCluster
	root.Cost.Routes, root.Cost.Listeners, root.Cost.Addresses, root.Cost.TLSHosts = root.Unread, len(root.Listeners), root.Addresses, len(root.Chains)
	weights := map[weighed]int{}
	for i := range root.Contributions {
		own := &root.Contributions[i]
		root.Created, own.Weight = own.Created, weighOnce(weights, own)
		if own.JoinsTLS && own.TLS == nil { // served only where another object has the TLS host
			continue
		}
		root.Cost.VirtualHosts++
		if own.TLS != nil || own.TCP != nil && !own.TCP.Datagrams { // a filter chain
			root.Cost.TLSHosts++
		}
		root.Cost.TLSHosts += own.Validation
		root.Cost.Expressions += own.Expressions
		root.Cost.Routes += c.hostPoliciesSize(r, own.Policies) >> 10
		if asked := c.ownService(r, own.Policies); asked != nil && !slices.Contains(extensions, asked.Cluster) {
			extensions = append(extensions, asked.Cluster)
		}
		root.Cost.Routes += own.Weight
		clusters.addRoutes(own.Routes)
		if own.TCP != nil {
			clusters.add(own.TCP.Backends)
		}
	}
	root.Cost.Clusters = len(clusters.list) + len(extensions)
	for i := range clusters.list {
		many := 0
		for _, s := range clusters.list[i].Services() {
			many += c.Ref.ManyEndpoints(r, s.Service)
		}
		root.Cost.Endpoints += many
		root.Cost.TLSHosts += c.Ref.AuthoritiesSize(r, &clusters.list[i])
		root.Cost.HealthChecks += healthChecks(clusters.list[i].Tuning.Value().Health, many)
	}
	for _, e := range extensions {
		root.Cost.Endpoints += c.Extensions.ManyEndpoints(r, e.Object)
	}
}

// healthChecks returns how many health checks an Envoy makes in a minute, with the number of endpoints as of ManyEndpoints; at most,
// since a cluster with few endpoints is taken to have store.FewEndpoints.
func healthChecks(h ir.HealthCheck, endpoints int) int {
	if h.Interval <= 0 {
		return 0
	}
	return int(int64(max(endpoints, store.FewEndpoints)) * int64(time.Minute) / int64(h.Interval))
}

// weighed is what the weight of a contribution depends on.
type weighed struct {
	sharedRoutes
	policies *ir.Policies
	tls      bool
}

// weighOnce returns the weight of a contribution. Those that share routes are weighed once.
func weighOnce(weights map[weighed]int, own *contrib.Contribution) int {
	if len(own.Routes) == 0 {
		return 0
	}
	k := weighed{sharedRoutes{&own.Routes[0], len(own.Routes)}, own.Policies, own.TLS != nil}
	if _, known := weights[k]; !known {
		weights[k] = weigh(own)
	}
	return weights[k]
}

// weigh returns the number of routes, where one counts once more for each KiB of its text.
func weigh(own *contrib.Contribution) int {
	n := 0
	for i := range own.Routes {
		p := own.Routes[i].Policies
		n += 1 + (routeSize(&own.Routes[i])+keysSize(own, p)+repeatedSize(own, p))>>10
	}
	return n
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
	last *ir.Route           // the first one of the last routes: many contributions can share them
}

func (s *clusterSet) addRoutes(routes []ir.Route) {
	if len(routes) == 0 || s.last == &routes[0] {
		return
	}
	s.last = &routes[0]
	for i := range routes {
		if f := routes[i].Forward; f != nil {
			s.add(f.Backends)
			if f.Special != nil {
				for _, m := range f.Special.Mirrors {
					s.addCluster(m.Cluster)
				}
			}
		}
	}
}

func (s *clusterSet) add(backends []ir.Backend) {
	for i := range backends {
		if !backends[i].Unresolved {
			s.addCluster(backends[i].Cluster)
		}
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
		n += specialSize(f.Special) + rewritesSize(f)
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
	n := cookiesSize(p.Cookies) + descriptorsSize(p.GlobalRateLimit) + corsSize(p.CORS)
	if p.Session != nil {
		n += sessionSize + len(p.Session.Name) + len(p.Session.Path)
	}
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

// hostPoliciesSize is about how many bytes of keys and descriptors a virtual host has, without those of the configuration.
func (c *Compile) hostPoliciesSize(r *memo.Reader, p *ir.Policies) int {
	if p == nil {
		return 0
	}
	n := 0
	if p.JWT != nil {
		n = p.JWT.Providers.Size()
	}
	if p.GlobalRateLimit != c.env.RateLimits.Service(r).Default {
		n += descriptorsSize(p.GlobalRateLimit)
	}
	return n
}

// repeatedSize is how many bytes of the host's descriptors a route with policies of its own repeats, at most.
func repeatedSize(of *contrib.Contribution, p *ir.Policies) int {
	if p == nil || of.Policies == nil || p.GlobalRateLimit != nil {
		return 0
	}
	return descriptorsSize(of.Policies.GlobalRateLimit)
}

func descriptorsSize(g *ir.GlobalRateLimit) int {
	n := 0
	if g != nil {
		const each = 32 // of the messages around the texts
		for _, d := range g.Descriptors {
			for i := range d {
				n += each + len(d[i].Key) + len(d[i].Value) + len(d[i].Header)
				for _, h := range d[i].Headers {
					n += each + len(h.Name) + len(h.Value)
				}
			}
		}
	}
	return n
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

// corsSize is about how many bytes a CORS policy has: it is repeated for each route of a rule.
func corsSize(c *ir.CORS) int {
	n := 0
	if c != nil {
		const each = 16 // of the messages around the texts
		for _, o := range c.Origins {
			n += each + len(o.Value)
		}
		for _, texts := range [][]string{c.Methods, c.Headers, c.Expose} {
			for _, t := range texts {
				n += each + len(t)
			}
		}
	}
	return n
}

// rewritesSize is about how many bytes what a route replaces has, with the status codes that it retries.
func rewritesSize(f *ir.Forward) int {
	n := 0
	if f.Rewrite != nil {
		n += len(f.Rewrite.Prefix) + len(f.Rewrite.Full)
	}
	if f.Host != nil {
		n += len(f.Host.Literal) + len(f.Host.Header)
	}
	if f.Retry != nil {
		n += 2 * len(f.Retry.StatusCode)
	}
	return n
}

// mirrorSize is the size of a mirror, without the name of its Service.
const mirrorSize = 100

// sessionSize is the size of what a route has of sessions, without the texts.
const sessionSize = 300

// redirectsSize is the size of what a route has so that Envoy follows redirects.
const redirectsSize = 300

func specialSize(s *ir.Special) int {
	n := 0
	if s != nil {
		for _, k := range s.Hash {
			n += len(k.Cookie) + len(k.Header) + len(k.Query)
		}
		for i := range s.Mirrors {
			n += mirrorSize + len(s.Mirrors[i].Cluster.Endpoints.Service.Name)
		}
		if s.Redirects != nil {
			n += redirectsSize
		}
		for i := range s.Targets {
			n += len(s.Targets[i].Endpoints.Service.Name)
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
