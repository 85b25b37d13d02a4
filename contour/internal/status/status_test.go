package status_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
)

// world is a Status fed by hand instead of by compile.
type world struct {
	engine *memo.Engine
	store  *store.Store
	said   *memo.Input[kobj.Key, compile.Object]
	status *status.Status
}

func newWorld(c config.Config) *world {
	w := &world{}
	w.engine = memo.New(func(f memo.Fault) { panic(f) })
	w.store = store.New(w.engine, c)
	w.said = memo.NewInput[kobj.Key](w.engine, "said", func(a, b compile.Object) bool { return cmp.Equal(a, b) })
	objects := memo.NewTable(w.engine, memo.Options[kobj.Key, compile.Object]{
		Name:  "objects",
		Equal: func(a, b compile.Object) bool { return cmp.Equal(a, b) },
		Derive: func(r *memo.Reader, k kobj.Key) compile.Object {
			o, _ := w.said.Get(r, k)
			return o
		},
	})
	w.status = status.New(w.engine, w.store, objects)
	w.status.Desired.Watch()
	return w
}

// What Envoy rejects makes a proxy invalid, in the words of Envoy.
func TestRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(config.Default())
	k, c := proxy("a")
	w.store.Apply([]store.Change{c})
	w.said.Set(k, compile.Object{Visited: true})
	const message = "Envoy refused route resource ingress_http: unknown field."
	w.status.Rejected.Set(k, []report.Diagnostic{{Object: k, Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy, Message: message}})
	w.engine.Run()
	d, _ := w.status.Desired.Peek(k)
	if d.HTTPProxy().CurrentStatus != "invalid" {
		t.Errorf("current status is %q, want invalid", d.HTTPProxy().CurrentStatus)
	}
	errs := d.HTTPProxy().Conditions[0].Errors
	if len(errs) != 1 || errs[0].Type != string(report.TypeEnvoy) || errs[0].Reason != string(report.RejectedByEnvoy) || errs[0].Message != message {
		t.Errorf("sub-conditions are %+v, want the rejection alone", errs)
	}
}
