package pipeline_test

import (
	"flag"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/status"
	xdsfleet "contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/table"
)

// The flags of the tests of this package.
var (
	update = flag.Bool("update", false, "rewrite the goldens under testdata")
	seed   = flag.Uint64("seed", 0, "seed of the random edits; 0: another one each time")
	edits  = flag.Int("edits", 10_000, "number of random edits")
	heap   = flag.String("heap", "", "directory to write heap profiles to, at each stage of BenchmarkLoad")
)

// system is a pipeline with its table.
type system struct {
	*pipeline.Pipeline
	fleets *xdsfleet.Tables
	table  *table.Table // of the default fleet
	passed time.Duration
	served kind.Served
}

// newSystem returns an empty system in which no derivation may fail.
func newSystem(t testing.TB, c config.Config, apis ...compile.API) *system {
	t.Helper()
	s := &system{fleets: xdsfleet.New(nil)}
	s.table = s.fleets.Add(ir.DefaultFleet)
	s.Pipeline = pipeline.New(pipeline.Options{
		Config: c, APIs: apis, Fleets: s.fleets, Log: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return stagetest.Now().Add(s.passed) },
		Served: func() kind.Served { return s.served },
		Fault:  func(f memo.Fault) { t.Errorf("fault in %s, key %v: %s\n%s", f.Table, f.Key, f.Reason, f.Stack) },
	})
	return s
}

// waitForShards waits until the state no longer depends on former objects: a decrease of the number of shards is delayed.
func (s *system) waitForShards() {
	for range 2 {
		s.passed += time.Hour
		s.Step(nil)
	}
}

// state is the output of all stages of a system.
type state struct {
	Hosts      map[ir.HostKey]*ir.VirtualHost
	Objects    map[kobj.Key]compile.Object
	Statuses   map[kobj.Key]*status.Desired
	Wanted     map[table.Ref]*table.Resource
	Effective  map[table.Ref]effective
	Rejections []table.Rejection
}

// effective is a version that sessions would send.
type effective struct {
	Version string
	Body    string
	Needs   []table.Ref
}

func (s *system) state() state {
	out := state{
		Hosts: values(s.Compile.VirtualHosts), Objects: values(s.Compile.Objects), Statuses: values(s.Status.Desired),
		Wanted: map[table.Ref]*table.Resource{}, Effective: map[table.Ref]effective{}, Rejections: s.table.Rejections(),
	}
	for _, r := range s.Translate.All(ir.DefaultFleet)[ir.DefaultFleet] {
		out.Wanted[r.Ref] = r
	}
	for _, v := range s.table.All() {
		out.Effective[v.Ref] = effective{Version: v.Hash, Body: string(v.Body()), Needs: slices.Concat(v.Needs)}
	}
	return out
}

// model returns a model of an Envoy with the published resources.
func (s *system) model(t testing.TB) *semantic.Envoy {
	t.Helper()
	e, err := semantic.New(semantic.Effective(s.table))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// readable is a table, or a view of one.
type readable[K comparable, V any] interface {
	Keys(f func(K) bool)
	Peek(k K) (V, bool)
}

func values[K comparable, V any](from readable[K, V]) map[K]V {
	out := map[K]V{}
	from.Keys(func(k K) bool {
		if v, ok := from.Peek(k); ok {
			out[k] = v
		}
		return true
	})
	return out
}

// sameState compares stage by stage, and reports the first that differs.
func sameState(t testing.TB, want, got state) bool {
	t.Helper()
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		a, b := w.Field(i).Interface(), g.Field(i).Interface()
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s differ (-want +got):\n%s", w.Type().Field(i).Name, cmp.Diff(a, b))
			return false
		}
	}
	return true
}
