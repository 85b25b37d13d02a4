package httpproxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// world is a store with the table of roots on top.
type world struct {
	engine *memo.Engine
	store  *store.Store
	roots  *memo.Table[kobj.Name, contrib.Root]
}

func newWorld(t testing.TB, c config.Config) *world {
	t.Helper()
	w := &world{engine: memo.New(func(f memo.Fault) { t.Errorf("%s of %v: %s\n%s", f.Table, f.Key, f.Reason, f.Stack) })}
	w.store = store.New(w.engine, c)
	env := Env{Store: w.store, Ref: ref.New(w.engine, w.store)}
	w.roots = memo.NewTable(w.engine, memo.Options[kobj.Name, contrib.Root]{
		Name:   "root",
		Derive: func(r *memo.Reader, n kobj.Name) contrib.Root { return Root(r, env, n) },
		Equal:  func(a, b contrib.Root) bool { return cmp.Equal(a, b) },
	})
	return w
}

// compile is what is said by every root of the batch, in its order.
func (w *world) compile(t testing.TB, batch []store.Change) []compiled {
	t.Helper()
	w.store.Apply(batch)
	var names []kobj.Name
	for _, c := range batch {
		if p, ok := c.Object.(*contourv1.HTTPProxy); ok && p.Spec.VirtualHost != nil {
			names = append(names, c.Key.Name)
			w.roots.Demand(c.Key.Name)
		}
	}
	w.engine.Run()
	out := make([]compiled, 0, len(names))
	for _, n := range names {
		r, ok := w.roots.Peek(n)
		if !ok {
			t.Fatalf("no result for %s", n)
		}
		out = append(out, compiled{Root: n, Contributions: r.Contributions, Visited: r.Report.Visited, Diagnostics: r.Report.Diagnostics})
	}
	return out
}

// compiled is what came of a root.
type compiled struct {
	Root          kobj.Name
	Contributions []contrib.Contribution
	Visited       []kobj.Key
	Diagnostics   []report.Diagnostic
}
