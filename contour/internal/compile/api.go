package compile

import (
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/httpproxy"
	"contour.example/contour/internal/compile/ingress"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// Env is what APIs read from.
type Env struct {
	Store *store.Store
	Ref   *ref.Resolver
}

// API is one kind of root objects, and what they contribute to hosts and listeners.
type API struct {
	Kind kobj.Kind // of the objects
	// Root is what the object of that name contributes; it is a derivation.
	Root func(r *memo.Reader, env Env, n kobj.Name) contrib.Root
	// Hold makes the table hold the key of each object that may be a root.
	Hold func(s *store.Store, roots *memo.Table[kobj.Key, contrib.Root])
}

// builtin is the APIs that are always there. Their objects are held by store.HoldRoots.
func builtin() []API {
	return []API{
		{
			Kind: "", // the configuration, as an object without a name
			Root: func(r *memo.Reader, env Env, _ kobj.Name) contrib.Root {
				s := env.Store.Settings
				return classic.Root(config.Config{
					Listeners: s.Listeners.Get(r), TLS: s.TLS.Get(r), AccessLog: s.AccessLog.Get(r), RouteTables: s.RouteTables.Get(r), XDS: s.XDS.Get(r),
				})
			},
			Hold: func(_ *store.Store, roots *memo.Table[kobj.Key, contrib.Root]) { roots.Demand(kobj.Key{}) },
		},
		{
			Kind: kobj.HTTPProxy,
			Root: func(r *memo.Reader, env Env, n kobj.Name) contrib.Root {
				return httpproxy.Root(r, httpproxy.Env{Store: env.Store, Ref: env.Ref}, n)
			},
			Hold: store.HoldProxyRoots[contrib.Root],
		},
		{
			Kind: kobj.Ingress,
			Root: func(r *memo.Reader, env Env, n kobj.Name) contrib.Root {
				return ingress.Root(r, ingress.Env{Store: env.Store, Ref: env.Ref}, n)
			},
			Hold: store.HoldIngresses[contrib.Root],
		},
	}
}
