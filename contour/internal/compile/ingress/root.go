// Package ingress compiles networking.k8s.io/v1 Ingresses to contributions to hosts.
//
// The input is one Ingress and, through the Reader, the Services and Secrets that it refers to
// and the configuration. The output is, for each host of its rules, the routes on the HTTP and
// the HTTPS listener, the certificate of hosts in spec.tls, and diagnostics about the
// Ingress. An error in a rule, path, annotation or Secret affects nothing else.
//
// An Ingress contributes to the HTTPS listener for every host of its rules, with TLS nil
// if it has no certificate: Ingresses share hosts, and the certificate of one applies to the
// routes of all. Package compile drops hosts without a certificate.
//
// The package must not resolve conflicts between Ingresses and must not order routes.
package ingress

import (
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

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

// Root compiles the Ingress with that name. The result is empty, without a visit, if the Ingress
// does not exist or is of a class that is not served.
func Root(r *memo.Reader, env Env, name kobj.Name) contrib.Root {
	ing, ok := env.Store.Ingresses.Get(r, name)
	if !ok {
		return contrib.Root{}
	}
	objects := env.Store.Settings.Objects.Get(r)
	if !class.Matches(ing.Annotations, Class(ing), objects.IngressClassNames) {
		return contrib.Root{}
	}
	b := builder{
		reader: r, env: env, ingress: ing,
		key:     kobj.Key{Kind: kobj.Ingress, Name: name},
		budgets: env.Store.Settings.Budgets.Get(r),
		byName:  map[string]*host{},
	}
	if !mayClaim(objects, name.Namespace) {
		return b.forbidden()
	}
	return b.root()
}

// mayClaim reports whether Ingresses of the namespace may claim hosts.
func mayClaim(objects config.Objects, namespace string) bool {
	allowed := objects.RootNamespaces
	return !objects.RootNamespacesBindIngress || len(allowed) == 0 || slices.Contains(allowed, namespace)
}

// forbidden is the result for an Ingress whose namespace may not claim hosts.
func (b *builder) forbidden() contrib.Root {
	b.report.Visit(b.key)
	b.fail(report.RootProxyNotAllowedInNamespace, "metadata.namespace",
		"Namespace %s is not one of those that may claim hosts.", quote(b.key.Namespace))
	return contrib.Root{Report: b.report.Finish(report.TypeIngress)}
}

// Class returns the class in the spec of an Ingress; "" if there is none.
func Class(ing *networkingv1.Ingress) string {
	if ing.Spec.IngressClassName == nil {
		return ""
	}
	return *ing.Spec.IngressClassName
}

// builder compiles one Ingress.
type builder struct {
	reader  *memo.Reader
	env     Env
	ingress *networkingv1.Ingress
	key     kobj.Key
	budgets config.Budgets

	settings settings
	effort   validate.Effort
	hosts    []*host // in order of first appearance
	byName   map[string]*host
	report   report.Collector
}

// host is a hostname with its routes and TLS settings.
type host struct {
	name    string
	hasRule bool // of a rule or the default backend, not only of spec.tls
	routes  []ir.Route
	refused []ir.Route // in the place of paths that cannot be served: where one has the same match as a route, it counts
	tls     *ir.TLS

	expressions int // cost of the regular expressions of routes
}

func (b *builder) root() contrib.Root {
	b.report.Visit(b.key)
	b.readAnnotations()
	b.readRules()
	b.readTLS()
	b.reportAuthorization()
	var root contrib.Root
	for _, h := range b.hosts {
		h.routes = append(h.routes, h.refused...)
		root.Contributions = append(root.Contributions, b.contributions(h)...)
	}
	root.Report = b.report.Finish(report.TypeIngress)
	return root
}

// host returns the host with the valid name, and adds it if needed.
func (b *builder) host(name string) *host {
	h, ok := b.byName[name]
	if !ok {
		h = &host{name: name}
		b.byName[name] = h
		b.hosts = append(b.hosts, h)
	}
	return h
}

// contributions returns the contributions to a host, by listener. The host "*" is served without TLS only.
func (b *builder) contributions(h *host) []contrib.Contribution {
	var out []contrib.Contribution
	if h.hasRule && (b.settings.http || b.settings.redirect) {
		c := b.contribution(classic.HTTP(), h, b.httpRoutes(h.routes))
		c.OpensChallenges = true
		out = append(out, c)
	}
	if h.name != anyHost {
		c := b.contribution(classic.HTTPS(), h, h.routes)
		c.TLS, c.JoinsTLS = h.tls, true
		out = append(out, c)
	}
	return out
}

func (b *builder) contribution(l ir.ListenerKey, h *host, routes []ir.Route) contrib.Contribution {
	return contrib.Contribution{
		Key:     ir.HostKey{Listener: l, Hostname: h.name},
		Object:  b.key,
		Created: b.created(),
		Routes:  routes,

		Expressions: h.expressions,
		Policies:    b.env.Authorization.Global(b.reader).Policies,
	}
}

// created returns the creation time of the Ingress, in UTC so that equal instants are equal values.
func (b *builder) created() time.Time { return b.ingress.CreationTimestamp.UTC() }

// httpRoutes returns the routes for the HTTP listener: redirects to HTTPS if the annotation requires them.
func (b *builder) httpRoutes(routes []ir.Route) []ir.Route {
	if !b.settings.redirect {
		return routes
	}
	out := make([]ir.Route, 0, len(routes))
	for _, r := range routes {
		out = append(out, ir.Route{Match: r.Match, Redirect: &ir.Redirect{HTTPS: true, Code: 301}, Origin: r.Origin, Source: r.Source})
	}
	return out
}

// reportAuthorization reports why the authorization of the configuration, which applies to all hosts, cannot be asked.
func (b *builder) reportAuthorization() {
	for _, problem := range b.env.Authorization.Global(b.reader).Problems {
		b.fail(problem.Reason, "spec", "The global authorization cannot be asked, so the routes are not served: %s", problem.Message)
	}
}
