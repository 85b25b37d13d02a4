// Package ingress compiles networking.k8s.io/v1 Ingresses to contributions to hosts.
//
// The input is one Ingress, and through the Reader the Services and Secrets that it names and
// the configuration. The output is for each host of its rules the routes on the HTTP and
// the HTTPS listener, the certificate for hosts under spec.tls, and diagnostics on the
// Ingress. What is wrong with a rule, path, annotation or Secret harms only itself.
//
// An Ingress contributes to the TLS listener for every host of its rules, with TLS nil
// where it has no certificate: Ingresses share hosts, and the certificate that one of
// them brings is for the routes of all. A host without any certificate is compile's to drop.
//
// It must not resolve conflicts between Ingresses and must not order routes.
package ingress

import (
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/compile/class"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Env is what an Ingress is read with.
type Env struct {
	Store *store.Store
	Ref   *ref.Resolver
}

// Root is what the Ingress contributes. It is empty, without even a visit, if the Ingress
// does not exist or is of a class that is not ours.
func Root(r *memo.Reader, env Env, name kobj.Name) contrib.Root {
	ing, ok := env.Store.Ingresses.Get(r, name)
	if !ok {
		return contrib.Root{}
	}
	if !class.Matches(ing.Annotations, className(ing), env.Store.Settings.Objects.Get(r).IngressClassNames) {
		return contrib.Root{}
	}
	b := builder{
		reader: r, env: env, ingress: ing,
		key:    kobj.Key{Kind: kobj.Ingress, Name: name},
		byName: map[string]*host{},
	}
	return b.root()
}

func className(ing *networkingv1.Ingress) string {
	if ing.Spec.IngressClassName == nil {
		return ""
	}
	return *ing.Spec.IngressClassName
}

// builder reads one Ingress.
type builder struct {
	reader  *memo.Reader
	env     Env
	ingress *networkingv1.Ingress
	key     kobj.Key

	settings settings
	hosts    []*host // in the order they first appear
	byName   map[string]*host
	report   report.Report
}

// host is a hostname with its routes and TLS settings.
type host struct {
	name    string
	hasRule bool // a rule or the default backend names it, not only spec.tls
	routes  []ir.Route
	tls     *ir.TLS
}

func (b *builder) root() contrib.Root {
	b.report.Visit(b.key)
	b.readAnnotations()
	b.readRules()
	b.readTLS()
	var root contrib.Root
	for _, h := range b.hosts {
		root.Contributions = append(root.Contributions, b.contributions(h)...)
	}
	b.report.Seal()
	root.Report = b.report
	return root
}

// host finds or adds a host by its valid name.
func (b *builder) host(name string) *host {
	h, ok := b.byName[name]
	if !ok {
		h = &host{name: name}
		b.byName[name] = h
		b.hosts = append(b.hosts, h)
	}
	return h
}

// contributions are those to a host, listener by listener. The host "*" is served without TLS only.
func (b *builder) contributions(h *host) []contrib.Contribution {
	var out []contrib.Contribution
	if h.hasRule && (b.settings.http || b.settings.redirect) {
		out = append(out, b.contribution(classic.HTTP(), h, b.httpRoutes(h.routes)))
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
		Rank:    contrib.RankIngress,
		Routes:  routes,
	}
}

// created is the age of the Ingress, in UTC so that equal instants are equal values.
func (b *builder) created() time.Time { return b.ingress.CreationTimestamp.UTC() }

// httpRoutes are the routes as on the HTTP listener: redirects to HTTPS if that is forced.
func (b *builder) httpRoutes(routes []ir.Route) []ir.Route {
	if !b.settings.redirect {
		return routes
	}
	out := make([]ir.Route, 0, len(routes))
	for _, r := range routes {
		out = append(out, ir.Route{Match: r.Match, Redirect: &ir.Redirect{HTTPS: true, Code: 301}, Origin: r.Origin})
	}
	return out
}
