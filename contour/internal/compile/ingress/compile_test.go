package ingress_test

import (
	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/compile/ingress"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// compile returns the result for each Ingress of the objects.
func compile(objects []store.Change, c config.Config) map[kobj.Name]contrib.Root {
	e := memo.New(func(f memo.Fault) { panic(f.Reason + "\n" + string(f.Stack)) })
	s := store.New(e, c)
	env := ingress.Env{Store: s, Ref: ref.New(e, s), Expressions: validate.NewExpressions(e)}
	extensions := extension.New(e, s, env.Ref)
	env.Authorization, env.RateLimits = authorization.New(e, s, extensions), ratelimit.New(e, s, extensions)
	roots := memo.NewTable(e, memo.Options[kobj.Name, contrib.Root]{
		Name:   "roots",
		Derive: func(r *memo.Reader, n kobj.Name) contrib.Root { return ingress.Root(r, env, n) },
		Equal:  func(a, b contrib.Root) bool { return cmp.Equal(a, b) },
	})
	s.Apply(objects)
	for _, o := range objects {
		if o.Key.Kind == kobj.Ingress {
			roots.Demand(o.Key.Name)
		}
	}
	e.Run()
	out := map[kobj.Name]contrib.Root{}
	roots.Keys(func(n kobj.Name) bool {
		out[n], _ = roots.Peek(n)
		return true
	})
	return out
}
