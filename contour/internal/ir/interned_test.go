package ir_test

import (
	"reflect"
	"testing"
	"time"
	"unsafe"

	"contour.example/contour/internal/ir"
)

func TestInternedValuesAreComparable(t *testing.T) {
	t.Parallel()
	tuning := func(d time.Duration) ir.Interned[ir.Tuning] {
		return ir.Intern(ir.Tuning{Idle: ir.Timeout{Duration: d}, Health: ir.HealthCheck{Kind: ir.HealthHTTP, Path: "/" + d.String()}})
	}
	a, b, other := tuning(time.Second), tuning(time.Second), tuning(time.Minute)
	if a != b || !reflect.DeepEqual(a, b) || a == other {
		t.Errorf("equal: %t, %t; different: %t", a == b, reflect.DeepEqual(a, b), a == other)
	}
	if got := a.Value().Health.Path; got != "/1s" {
		t.Errorf("the path is %q", got)
	}
	none := ir.Interned[ir.Tuning]{}
	if ir.Intern(ir.Tuning{}) != none || none.Value() != (ir.Tuning{}) {
		t.Error("the zero value is not the zero handle")
	}
}

// A route with one backend is the most frequent value of the model: with a Backend of more than 256 bytes, it would take the
// next size class of the allocator.
func TestSizeOfBackend(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(ir.Backend{}); size > 256 {
		t.Errorf("a backend has %d bytes, more than 256", size)
	}
	if size := unsafe.Sizeof(ir.Forward{}); size > 96 {
		t.Errorf("a forward has %d bytes, more than 96", size)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	var s ir.Statuses
	for _, r := range [][2]int{{200, 300}, {404, 405}, {300, 302}, {599, 600}, {100, 101}} {
		s = s.With(r[0], r[1])
	}
	if got, want := s.String(), "100 200-301 404 599"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := s.Ranges(), []ir.StatusRange{{100, 101}, {200, 302}, {404, 405}, {599, 600}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if (ir.Statuses{}).With(0, 99).With(600, 1<<20) != (ir.Statuses{}) || len(ir.Statuses{}.Ranges()) != 0 {
		t.Error("codes outside 100 to 599 are members")
	}
}
