package compile

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/compile/httpproxy"
	"contour.example/contour/internal/compile/ingress"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Env is the inputs of APIs.
type Env struct {
	Store       *store.Store
	Ref         *ref.Resolver
	Expressions *validate.Expressions

	Authorization *authorization.Resolver
	RateLimits    *ratelimit.Resolver
}

// API is a kind of root objects and the derivation of their contributions.
type API struct {
	Kind kobj.Kind // of the objects
	// Root derives the contributions of the object with that name.
	Root func(r *memo.Reader, env Env, n kobj.Name) contrib.Root
	// References returns the references of an object to the objects that it needs, in any order, possibly with duplicates;
	// nil stands for none. Edits wait for these objects. They include every object that the derivation of a root reads.
	References func(metav1.Object) []kind.Reference
	// DemandRoots demands the key of each object that may be a root.
	DemandRoots func(s *store.Store, roots *memo.Table[kobj.Key, contrib.Root])
	// OwnsNoHosts: the contributions of the objects do not make a hostname that of their namespace.
	OwnsNoHosts bool
	// Types are the types of the diagnostics that compile itself adds to objects.
	Types Types
	// Status derives the statuses of the objects; nil if they have none. It is set if the kind has a kind.Status.
	Status *Status

	rank contrib.Rank
}

// Types are types of diagnostics about the objects of an API.
type Types struct {
	Conflict report.Type // a conflict with another object
	Fault    report.Type // a failure of the controller
}

// Status derives the statuses of the objects of an API.
type Status struct {
	// Class returns the class in the spec of an object; "" if there is none. Objects of a nil Class have no class: this
	// controller reports on all of them.
	Class func(metav1.Object) string
	// From returns the status of an object with these diagnostics, which are sorted, as kind.Status has it; nil if the object belongs to
	// another controller. It is used instead of Of if it is not nil.
	From func(r *memo.Reader, o metav1.Object, diagnostics []report.Diagnostic) any
	// Of returns the status of an object with that generation and these diagnostics, which are sorted, as kind.Status has it.
	Of func(generation int64, diagnostics []report.Diagnostic, addresses []corev1.LoadBalancerIngress) any
	// Orphaned returns the diagnostic about an object that no root visits; nil if there is none about such objects.
	Orphaned func(kobj.Key) report.Diagnostic
}

// API returns the API of a kind, if there is one.
func (c *Compile) API(k kobj.Kind) (API, bool) {
	api, ok := c.apis[k]
	return api, ok
}

// References returns the references of an object of that kind to the objects that it needs.
func (c *Compile) References(k kobj.Kind, o metav1.Object) []kind.Reference {
	if api, ok := c.apis[k]; ok && api.References != nil && o != nil {
		return api.References(o)
	}
	return nil
}

// references converts a function on one type of objects to a function on any object.
func references[T metav1.Object](of func(T) []kind.Reference) func(metav1.Object) []kind.Reference {
	return func(o metav1.Object) []kind.Reference {
		if t, ok := o.(T); ok {
			return of(t)
		}
		return nil
	}
}

// roots returns a function that demands the objects of the kind that claim hosts.
func roots(k kobj.Kind) func(*store.Store, *memo.Table[kobj.Key, contrib.Root]) {
	return func(s *store.Store, t *memo.Table[kobj.Key, contrib.Root]) { store.DemandRoots(s, t, k) }
}

// classOf converts a function on one type of objects to a function on any object.
func classOf[T metav1.Object](of func(T) string) func(metav1.Object) string {
	return func(o metav1.Object) string {
		if t, ok := o.(T); ok {
			return of(t)
		}
		return ""
	}
}

// builtin returns the APIs of every Compile, in the order of their ranks: HTTPProxy precedes Ingress, as in Contour. Gateways and their
// routes have listeners of their own.
func (c *Compile) builtin() []API {
	return slices.Concat([]API{configuration(c.Extensions), extensionAPI(c.Extensions), ingressAPI()}, gatewayAPIs(c.Gateways, c.Extensions), []API{httpProxyAPI()})
}

// gatewayAPIs is the APIs of the kinds of the Gateway API.
func gatewayAPIs(x *gatewayapi.Compiler, extensions *extension.Table) []API {
	types := Types{Conflict: report.TypeShadowed, Fault: report.TypeEnvoy}
	route := func(k kobj.Kind, of func(metav1.Object) []kind.Reference) API {
		return API{
			Kind: k,
			Root: func(r *memo.Reader, _ Env, n kobj.Name) contrib.Root {
				return x.RouteRoot(r, kobj.Key{Kind: k, Name: n})
			},
			References: of, DemandRoots: roots(k), Types: types,
			Status: &Status{From: func(r *memo.Reader, o metav1.Object, diagnostics []report.Diagnostic) any {
				return x.RouteStatus(r, kobj.Of(k, o.GetNamespace(), o.GetName()), o.GetGeneration(), diagnostics)
			}},
		}
	}
	return []API{
		{
			Kind:        kobj.GatewayClass,
			Root:        func(*memo.Reader, Env, kobj.Name) contrib.Root { return contrib.Root{} },
			DemandRoots: func(*store.Store, *memo.Table[kobj.Key, contrib.Root]) {}, Types: types,
			Status: &Status{From: func(r *memo.Reader, o metav1.Object, _ []report.Diagnostic) any { return x.ClassStatus(r, o) }},
		},
		{
			Kind: kobj.Gateway,
			Root: func(r *memo.Reader, env Env, n kobj.Name) contrib.Root {
				return tracedToo(r, env.Store.Settings.Tracing.Get(r), extensions, x.GatewayRoot(r, n))
			},
			References: references(gatewayapi.GatewayReferences), DemandRoots: roots(kobj.Gateway), OwnsNoHosts: true, Types: types,
			Status: &Status{From: x.GatewayStatus},
		},
		{
			Kind: kobj.ListenerSet,
			Root: func(r *memo.Reader, env Env, n kobj.Name) contrib.Root {
				return tracedToo(r, env.Store.Settings.Tracing.Get(r), extensions, x.ListenerSetRoot(r, n))
			},
			References: references(gatewayapi.ListenerSetReferences), DemandRoots: roots(kobj.ListenerSet), OwnsNoHosts: true, Types: types,
			Status: &Status{From: x.ListenerSetStatus},
		},
		{
			Kind:        kobj.BackendTLSPolicy,
			Root:        func(r *memo.Reader, _ Env, n kobj.Name) contrib.Root { return x.PolicyRoot(r, n) },
			References:  references(gatewayapi.BackendTLSPolicyReferences),
			DemandRoots: roots(kobj.BackendTLSPolicy), OwnsNoHosts: true, Types: types,
			Status: &Status{From: x.PolicyStatus},
		},
		route(kobj.HTTPRoute, references(gatewayapi.HTTPRouteReferences)),
		route(kobj.GRPCRoute, references(gatewayapi.GRPCRouteReferences)),
		route(kobj.TCPRoute, references(gatewayapi.TCPRouteReferences)),
		route(kobj.UDPRoute, references(gatewayapi.UDPRouteReferences)),
		route(kobj.TLSRoute, references(gatewayapi.TLSRouteReferences)),
	}
}

// configuration is the API of the configuration, which is an object without a name.
func configuration(extensions *extension.Table) API {
	return API{
		Kind: "",
		Root: func(r *memo.Reader, env Env, _ kobj.Name) contrib.Root {
			s := env.Store.Settings
			return traced(r, s.Tracing.Get(r), extensions, classic.Root(config.Config{
				Listeners: s.Listeners.Get(r), HTTP: s.HTTP.Get(r), Timeouts: s.Timeouts.Get(r),
				TLS: s.TLS.Get(r), AccessLog: s.AccessLog.Get(r), RouteTables: s.RouteTables.Get(r), XDS: s.XDS.Get(r),
			}))
		},
		DemandRoots: func(_ *store.Store, roots *memo.Table[kobj.Key, contrib.Root]) { roots.Demand(kobj.Key{}) },
		Types:       Types{Conflict: report.TypeEnvoy, Fault: report.TypeEnvoy},
	}
}

// extensionAPI is the API of ExtensionServices, which claim no hosts.
func extensionAPI(extensions *extension.Table) API {
	return API{
		Kind: kobj.ExtensionService,
		Root: func(r *memo.Reader, _ Env, n kobj.Name) contrib.Root {
			return extensions.Root(r, n)
		},
		References:  references(extension.References),
		DemandRoots: roots(kobj.ExtensionService),
		Types:       Types{Conflict: report.TypeSpec, Fault: report.TypeEnvoy},
		Status: &Status{Of: func(generation int64, diagnostics []report.Diagnostic, addresses []corev1.LoadBalancerIngress) any {
			return extension.Status(generation, diagnostics, addresses)
		}},
	}
}

func ingressAPI() API {
	return API{
		Kind: kobj.Ingress,
		Root: func(r *memo.Reader, env Env, n kobj.Name) contrib.Root {
			return ingress.Root(r, ingress.Env(env), n)
		},
		References:  references(ingress.References),
		DemandRoots: roots(kobj.Ingress),
		Types:       Types{Conflict: report.TypeIngress, Fault: report.TypeIngress},
		Status: &Status{
			Class: classOf(ingress.Class),
			Of: func(_ int64, _ []report.Diagnostic, addresses []corev1.LoadBalancerIngress) any {
				return ingress.Status(addresses)
			},
		},
	}
}

func httpProxyAPI() API {
	return API{
		Kind: kobj.HTTPProxy,
		Root: func(r *memo.Reader, env Env, n kobj.Name) contrib.Root {
			return httpproxy.Root(r, httpproxy.Env(env), n)
		},
		References:  references(httpproxy.References),
		DemandRoots: roots(kobj.HTTPProxy),
		Types:       Types{Conflict: report.TypeRoute, Fault: report.TypeEnvoy},
		Status: &Status{
			Class: classOf(httpproxy.Class),
			Of: func(generation int64, diagnostics []report.Diagnostic, addresses []corev1.LoadBalancerIngress) any {
				return httpproxy.Status(generation, diagnostics, addresses)
			},
			Orphaned: httpproxy.Orphaned,
		},
	}
}
