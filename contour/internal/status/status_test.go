package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
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
	f.status = status.New(f.engine, f.store, apis(), objects)
	f.status.Desired.Watch()
	return f
}

// apis returns the APIs of every Compile.
func apis() func(kobj.Kind) (compile.API, bool) {
	e := memo.New(func(f memo.Fault) { panic(f) })
	return compile.New(e, store.New(e, config.Default())).API
}

// Each kind with a status has an API that derives it, of the type that the descriptor writes, and types for the diagnostics
// of compile.
func TestEveryKindWithAStatusHasADerivation(t *testing.T) {
	t.Parallel()
	addresses := []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}
	for _, d := range kind.All() {
		api, registered := apis()(d.Kind)
		if derived := api.Status != nil; derived != (d.Status != nil) {
			t.Errorf("%s has a status: %t, and an API that derives it: %t", d.Kind, d.Status != nil, derived)
			continue
		}
		if registered && (api.Types.Conflict == "" || api.Types.Fault == "") {
			t.Errorf("%s: the API has the types %+v", d.Kind, api.Types)
		}
		if d.Status == nil {
			continue
		}
		if api.Status.From != nil { // it reads tables; the cases of the pipeline compare what it returns
			continue
		}
		if d.Status.Next(api.Status.Of(1, nil, addresses), d.New(), time.Time{}) == nil {
			t.Errorf("%s: the descriptor does not write the status that the API derives", d.Kind)
		}
		if api.Status.Class != nil && api.Status.Class(d.New()) != "" {
			t.Errorf("%s: an object without a class has class %q", d.Kind, api.Status.Class(d.New()))
		}
	}
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
