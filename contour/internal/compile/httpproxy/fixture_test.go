package httpproxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// fixture is a store with a table of roots.
type fixture struct {
	engine *memo.Engine
	store  *store.Store
	roots  *memo.Table[kobj.Name, contrib.Root]
}

func newFixture(t testing.TB, c config.Config) *fixture {
	t.Helper()
	f := &fixture{engine: memo.New(func(f memo.Fault) { t.Errorf("%s of %v: %s\n%s", f.Table, f.Key, f.Reason, f.Stack) })}
	f.store = store.New(f.engine, c)
	env := Env{Store: f.store, Ref: ref.New(f.engine, f.store), Expressions: validate.NewExpressions(f.engine)}
	extensions := extension.New(f.engine, f.store, env.Ref)
	env.Authorization, env.RateLimits = authorization.New(f.engine, f.store, extensions), ratelimit.New(f.engine, f.store, extensions)
	f.roots = memo.NewTable(f.engine, memo.Options[kobj.Name, contrib.Root]{
		Name:   "root",
		Derive: func(r *memo.Reader, n kobj.Name) contrib.Root { return Root(r, env, n) },
		Equal:  func(a, b contrib.Root) bool { return cmp.Equal(a, b) },
	})
	return f
}

// compile returns the result for every root of the batch, in its order.
func (f *fixture) compile(t testing.TB, batch []store.Change) []compiled {
	t.Helper()
	f.store.Apply(batch)
	var names []kobj.Name
	for _, c := range batch {
		if p, ok := c.Object.(*contourv1.HTTPProxy); ok && p.Spec.VirtualHost != nil {
			names = append(names, c.Key.Name)
			f.roots.Demand(c.Key.Name)
		}
	}
	f.engine.Run()
	out := make([]compiled, 0, len(names))
	for _, n := range names {
		r, ok := f.roots.Peek(n)
		if !ok {
			t.Fatalf("no result for %s", n)
		}
		out = append(out, compiled{Root: n, Contributions: r.Contributions, Visited: r.Report.Visited, Diagnostics: r.Report.Diagnostics})
	}
	return out
}

// compiled is the result for a root.
type compiled struct {
	Root          kobj.Name
	Contributions []contrib.Contribution
	Visited       []kobj.Key
	Diagnostics   []report.Diagnostic
}
