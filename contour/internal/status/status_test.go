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

// fixture is a Status whose input the test sets instead of compile.
type fixture struct {
	engine   *memo.Engine
	store    *store.Store
	compiled *memo.Input[kobj.Key, compile.Object]
	status   *status.Status
}

func newFixture(c config.Config) *fixture {
	f := &fixture{}
	f.engine = memo.New(func(fault memo.Fault) { panic(fault) })
	f.store = store.New(f.engine, c)
	f.compiled = memo.NewInput[kobj.Key](f.engine, "compiled", func(a, b compile.Object) bool { return cmp.Equal(a, b) })
	objects := memo.NewTable(f.engine, memo.Options[kobj.Key, compile.Object]{
		Name:  "objects",
		Equal: func(a, b compile.Object) bool { return cmp.Equal(a, b) },
		Derive: func(r *memo.Reader, k kobj.Key) compile.Object {
			o, _ := f.compiled.Get(r, k)
			return o
		},
	})
	f.status = status.New(f.engine, f.store, objects)
	f.status.Desired.Watch()
	return f
}

// A rejection by Envoy makes an HTTPProxy invalid; the condition contains the error detail.
func TestRejected(t *testing.T) {
	t.Parallel()
	f := newFixture(config.Default())
	k, c := proxy("a")
	f.store.Apply([]store.Change{c})
	f.compiled.Set(k, compile.Object{Visited: true})
	const message = "Envoy rejected route resource ingress_http: unknown field."
	f.status.Rejected.Set(k, []report.Diagnostic{{Object: k, Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy, Message: message}})
	f.engine.Run()
	d, _ := f.status.Desired.Peek(k)
	if d.HTTPProxy().CurrentStatus != "invalid" {
		t.Errorf("current status is %q, want invalid", d.HTTPProxy().CurrentStatus)
	}
	errs := d.HTTPProxy().Conditions[0].Errors
	if len(errs) != 1 || errs[0].Type != string(report.TypeEnvoy) || errs[0].Reason != string(report.RejectedByEnvoy) || errs[0].Message != message {
		t.Errorf("sub-conditions are %+v, want the rejection alone", errs)
	}
}
