package memo

import "testing"

// A change of an input that is read everywhere runs every derivation of that table again, and of no other one; reads of other
// tables are recorded as ever.
func TestReadEverywhere(t *testing.T) {
	t.Parallel()
	e := New(nil)
	equal := func(a, b int) bool { return a == b }
	setting := NewInput[struct{}](e, "setting", equal)
	values := NewInput[int](e, "values", equal)
	table := func(name string) *Table[int, int] {
		return NewTable(e, Options[int, int]{Name: name, Equal: equal, Derive: func(r *Reader, k int) int {
			s, _ := setting.Get(r, struct{}{})
			v, _ := values.Get(r, k)
			return s * v
		}})
	}
	everywhere, recorded := table("everywhere"), table("recorded")
	ReadEverywhere(setting, everywhere)
	setting.Set(struct{}{}, 2)
	for k := range 3 {
		values.Set(k, k)
		everywhere.Demand(k)
	}
	recorded.Demand(2)
	check := func(factor int, runs uint64) {
		t.Helper()
		before := e.Runs()
		e.Run()
		for k := range 3 {
			if v, _ := everywhere.Peek(k); v != factor*k {
				t.Errorf("%d times %d is %d", factor, k, v)
			}
		}
		if v, _ := recorded.Peek(2); v != factor*2 {
			t.Errorf("%d times 2 is %d", factor, v)
		}
		if got := e.Runs() - before; got != runs {
			t.Errorf("%d derivations ran, want %d", got, runs)
		}
	}
	check(2, 4)
	setting.Set(struct{}{}, 3)
	check(3, 4)
	setting.Set(struct{}{}, 3)
	check(3, 0)
	if d, _ := everywhere.entries.get(1); len(d.deps) != 1 {
		t.Errorf("%d reads are recorded", len(d.deps))
	}
}
