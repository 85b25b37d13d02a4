// Package httpproxy compiles HTTPProxies: from a root and the proxies that it includes it derives
// the contributions of the root to its host, on the HTTP and the HTTPS listener.
//
// The input is objects of the store and the resolver, read through a memo Reader; the output
// is routes, TLS settings and a report for each proxy that was reached. An error in a
// proxy is a diagnostic, and affects the smallest possible part: an invalid route keeps its
// match and answers with an error, so that its requests never reach a broader route.
//
// The package does not compare roots: package compile resolves conflicts, finds orphans and
// orders routes.
package httpproxy

import (
	"slices"
	"strings"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/compile/class"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Env contains the inputs of the derivations of this package.
type Env struct {
	Store       *store.Store
	Ref         *ref.Resolver
	Expressions *validate.Expressions

	Authorization *authorization.Resolver
	RateLimits    *ratelimit.Resolver
}

// Root compiles the HTTPProxy with that name, if it is a root of a class that is served; otherwise the result is empty.
func Root(r *memo.Reader, env Env, name kobj.Name) contrib.Root {
	c := &compiler{reader: r, env: env, objects: env.Store.Settings.Objects.Get(r), budgets: env.Store.Settings.Budgets.Get(r)}
	obj, ok := c.lookup(name)
	if !ok || obj.Spec.VirtualHost == nil {
		return contrib.Root{}
	}
	c.host = obj.Spec.VirtualHost
	root := c.visit(obj, name, nil)
	contributions := root.contributions(obj.CreationTimestamp.Time)
	return contrib.Root{Contributions: contributions, Report: c.report.Finish(report.TypeSpec), Unread: c.unread}
}

// compiler compiles one root.
type compiler struct {
	reader  *memo.Reader
	env     Env
	objects config.Objects
	budgets config.Budgets
	host    *contourv1.VirtualHost // of the root
	asked   *ir.Authorization      // of the host; nil: none
	limited *ir.GlobalRateLimit    // of the host; nil: none
	report  report.Collector

	unread      int // routes, if they exceed a budget by themselves and are not compiled
	inclusions  inclusions
	expressions expressions
	tokens      tokens // of the JWT providers
}

// lookup returns an HTTPProxy of a class that is served.
func (c *compiler) lookup(name kobj.Name) (*contourv1.HTTPProxy, bool) {
	obj, ok := c.env.Store.HTTPProxies.Get(c.reader, name)
	if !ok || !class.Matches(obj.Annotations, Class(obj), c.objects.IngressClassNames) {
		return nil, false
	}
	return obj, true
}

// visit records that the object was reached, by inclusion from above; above is nil for a root.
func (c *compiler) visit(obj *contourv1.HTTPProxy, name kobj.Name, above *proxy) *proxy {
	key := kobj.Key{Kind: kobj.HTTPProxy, Name: name}
	c.report.Visit(key)
	return &proxy{compiler: c, key: key, spec: &obj.Spec, above: above}
}

// proxy is one HTTPProxy as reached along one chain of inclusions.
type proxy struct {
	*compiler
	key   kobj.Key
	spec  *contourv1.HTTPProxySpec
	above *proxy // the proxy that includes it; nil for a root
}

// contributions returns the contributions of a root to its host.
func (p *proxy) contributions(created time.Time) []contrib.Contribution {
	hostname, ok := p.hostname()
	if !ok || !p.inRootNamespace() || !p.hasContent() {
		return nil
	}
	p.expressions.ofHost = validate.WildcardCost(hostname)
	tls, tcp := p.tls(), p.rootTCP()
	p.tokens = p.jwtProviders()
	policies := p.hostPolicies()

	var out []contrib.Contribution
	add := func(l ir.ListenerKey, c contrib.Contribution) {
		c.Key = ir.HostKey{Listener: l, Hostname: hostname}
		c.Object, c.Created = p.key, created
		// A root that loses the HTTP host does not get the HTTPS host either.
		c.Exclusive, c.Policies, c.EveryListener = true, policies, true
		c.Expressions = p.expressions.cost
		out = append(out, c)
	}
	routes := p.rootRoutes()
	if len(p.spec.Routes)+len(p.spec.Includes) > 0 {
		add(classic.HTTP(), contrib.Contribution{Routes: p.httpRoutes(routes)})
	}
	switch {
	case tls != nil && p.spec.TCPProxy == nil:
		add(classic.HTTPS(), contrib.Contribution{TLS: tls, Validation: p.validationSize(tls), Routes: unwrap(routes)})
	case tls != nil && tcp != nil:
		add(classic.HTTPS(), contrib.Contribution{TLS: tls, Validation: p.validationSize(tls), TCP: tcp})
	case p.host.TLS != nil || p.spec.TCPProxy != nil: // the root claims the host nevertheless, so that neither a younger root nor a wildcard host serves it
		add(classic.HTTPS(), contrib.Contribution{TLS: &ir.TLS{CloseConnections: true}})
	}
	return out
}

// hostname returns the hostname of a root in lower case, if it is valid.
func (p *proxy) hostname() (string, bool) {
	at := path("spec.virtualhost.fqdn")
	name, problem := validate.Hostname(p.host.Fqdn)
	switch {
	case strings.TrimSpace(p.host.Fqdn) == "":
		p.errorf(subCondition{report.TypeVirtualHost, report.FQDNNotSpecified}, at, "The fqdn is empty; a hostname is required.")
		return "", false
	case problem != "":
		p.errorf(subCondition{report.TypeVirtualHost, report.HostNotValid}, at, "%s %s.", quoted(p.host.Fqdn), problem)
		return "", false
	}
	return name, true
}

func (p *proxy) inRootNamespace() bool {
	allowed := p.objects.RootNamespaces
	if len(allowed) == 0 || slices.Contains(allowed, p.key.Namespace) {
		return true
	}
	p.errorf(subCondition{report.TypeRootNamespace, report.RootProxyNotAllowedInNamespace}, "spec.virtualhost",
		"Namespace %s is not a root namespace, in which an HTTPProxy may have a virtualhost.", quoted(p.key.Namespace))
	return false
}

func (p *proxy) hasContent() bool {
	if len(p.spec.Routes) > 0 || len(p.spec.Includes) > 0 || p.spec.TCPProxy != nil {
		return true
	}
	p.errorf(subCondition{report.TypeSpec, report.NothingDefined}, "spec", "The HTTPProxy has no routes, includes or tcpproxy; at least one is required.")
	return false
}

// rootRoutes returns the routes of the host for the HTTPS listener.
func (p *proxy) rootRoutes() []route {
	if !p.inclusions.root(p.spec) {
		p.errorf(subCondition{report.TypeSpec, report.TooMany}, "spec", "The HTTPProxy has more than %d routes and includes.", maxParts)
		return []route{p.failing(ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}}, 500)}
	}
	if n, most := p.written(), p.budgets.RootRoutes(); n > most {
		p.unread = n
		return nil
	}
	routes := p.routes(conditions{})
	slices.SortStableFunc(routes, func(a, b route) int { return compareBools(b.placeholder, a.placeholder) })
	return expand(routes)
}

// httpRoutes returns the routes for the HTTP listener: on a host with TLS they redirect to HTTPS, unless they permit
// insecure requests. Their policies apply to the redirects too, except that no token is required.
func (p *proxy) httpRoutes(routes []route) []ir.Route {
	out := unwrap(routes)
	if p.host.TLS == nil {
		return out
	}
	for i, rt := range routes {
		if !rt.insecure || p.objects.DisablePermitInsecure {
			out[i] = ir.Route{Match: rt.Match, Origin: rt.Origin, Source: rt.Source, Policies: p.tokens.withoutToken(rt.Policies), Redirect: &ir.Redirect{HTTPS: true, Code: 301}}
		}
	}
	return out
}

func unwrap(routes []route) []ir.Route {
	out := make([]ir.Route, len(routes))
	for i, rt := range routes {
		out[i] = rt.Route
	}
	return out
}
