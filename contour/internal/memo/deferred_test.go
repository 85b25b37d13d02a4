package memo

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// wide is inputs that many keys read, directly and through another table.
type wide struct {
	engine  *Engine
	inputs  *Input[int, int]
	doubled *Table[int, int] // twice an input
	sums    *Table[int, string]
	total   *Table[int, int] // reads some of the sums
}

const wideKeys = 100

func newWide(t *testing.T, defers bool) *wide {
	w := &wide{engine: New(func(f Fault) { t.Errorf("%+v", f) })}
	w.inputs = NewInput[int](w.engine, "inputs", eq[int])
	w.doubled = NewTable(w.engine, Options[int, int]{Name: "doubled", Equal: eq[int], Derive: func(r *Reader, k int) int {
		v, _ := w.inputs.Get(r, k)
		return v / 2 * 2 // half of the changes change nothing
	}})
	sums := Options[int, string]{Name: "sums", Equal: eq[string], Derive: func(r *Reader, k int) string {
		direct, _ := w.inputs.Get(r, k%3)
		return fmt.Sprint(direct, w.doubled.Get(r, 3+k%4))
	}}
	if defers {
		sums.DeferBy = func(k int) string { return fmt.Sprint(k % 2) }
	}
	w.sums = NewTable(w.engine, sums)
	w.total = NewTable(w.engine, Options[int, int]{Name: "total", Equal: eq[int], Derive: func(r *Reader, k int) int {
		n := 0
		for i := k; i < wideKeys; i += 10 {
			n += len(w.sums.Get(r, i))
		}
		return n
	}})
	for k := range wideKeys {
		w.sums.Demand(k)
	}
	for k := range 10 {
		w.total.Demand(k)
	}
	return w
}

// Whatever is deferred, in the end all is as without deferring; and nothing is derived before its turn.
func TestDeferredKeysAreUpdatedInTheEnd(t *testing.T) {
	w, model := newWide(t, true), newWide(t, false)
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 2_000 {
		for range rnd.IntN(3) {
			k, v := rnd.IntN(7), rnd.IntN(4)
			w.inputs.Set(k, v)
			model.inputs.Set(k, v)
		}
		model.engine.Run()
		if rnd.IntN(50) != 0 {
			left := rnd.IntN(8)
			w.engine.RunWhile(func() bool { left--; return left >= 0 })
			continue
		}
		w.engine.Run()
		if w.engine.Deferred() {
			t.Fatalf("round %d: keys are deferred after Run", round)
		}
		for k := range wideKeys {
			got, _ := w.sums.Peek(k)
			if want, _ := model.sums.Peek(k); got != want {
				t.Fatalf("round %d: key %d has %q, want %q", round, k, got, want)
			}
		}
		for k := range 10 {
			got, _ := w.total.Peek(k)
			if want, _ := model.total.Peek(k); got != want {
				t.Fatalf("round %d: total %d is %d, want %d", round, k, got, want)
			}
		}
	}
}

// A change with many readers costs one call a few of them, and the change of another value does not wait for the others.
func TestOthersDoNotWaitForDeferredKeys(t *testing.T) {
	w := newWide(t, true)
	for k := range 7 {
		w.inputs.Set(k, 1)
	}
	w.engine.Run()
	own := NewTable(w.engine, Options[int, int]{Name: "own", Equal: eq[int], Derive: func(r *Reader, k int) int {
		v, _ := w.inputs.Get(r, k)
		return v
	}})
	own.Demand(99)
	w.engine.Run()
	none := func() bool { return false }

	w.inputs.Set(0, 7)
	before := w.engine.Runs()
	w.engine.RunWhile(none)
	if waiting := w.engine.deferred.queue.Len(); waiting != 34-atOnce {
		t.Errorf("%d keys wait, want all but %d of 34", waiting, atOnce)
	}
	if ran := w.engine.Runs() - before; ran > 2*atOnce {
		t.Errorf("%d derivations ran at once", ran)
	}
	w.inputs.Set(99, 3)
	before = w.engine.Runs()
	w.engine.RunWhile(none)
	if got, _ := own.Peek(99); got != 3 || w.engine.Runs()-before != 1 {
		t.Errorf("another key has %d after %d derivations, want 3 after its own", got, w.engine.Runs()-before)
	}

	w.inputs.Set(0, 8) // those that wait keep their place, and see the newest value once
	updated := 0
	w.engine.RunWhile(func() bool { updated++; return true })
	if w.engine.Deferred() || updated != 34-atOnce {
		t.Errorf("%d deferred keys were updated, want %d", updated, 34-atOnce)
	}
	if got, _ := w.sums.Peek(99); got != "8 0" {
		t.Errorf("the last key has %q", got)
	}
}

// What is dropped while it waits is not derived any more.
func TestDroppedWhileDeferred(t *testing.T) {
	w := newWide(t, true)
	w.engine.Run()
	w.inputs.Set(0, 1)
	w.engine.RunWhile(func() bool { return false })
	for k := range 10 {
		w.total.Release(k)
	}
	for k := range wideKeys {
		w.sums.Release(k)
	}
	before := w.engine.Runs()
	w.engine.Run()
	if ran := w.engine.Runs() - before; ran != 0 {
		t.Errorf("%d derivations of dropped keys", ran)
	}
}

// The deferred keys of one owner do not hold up those of another one, and a Deferral is about its own keys.
func TestDeferredKeysOfOneOwnerDoNotHoldUpAnother(t *testing.T) {
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	in := NewInput[string](e, "in", eq[int])
	type key struct {
		owner string
		n     int
	}
	tab := NewTable(e, Options[key, int]{
		Name: "tab", Equal: eq[int], DeferBy: func(k key) string { return k.owner },
		Derive: func(r *Reader, k key) int { v, _ := in.Get(r, k.owner); return v },
	})
	const large, small = 50, 3
	for n := range large {
		tab.Demand(key{"large", n})
	}
	for n := range small {
		tab.Demand(key{"small", n})
	}
	e.Run()
	ofLarge := e.TrackDeferred(func() { in.Set("large", 1) })
	e.RunWhile(func() bool { return false })
	ofSmall := e.TrackDeferred(func() { in.Set("small", 1) })
	of := 0
	e.RunWhile(func() bool { of++; return !ofSmall.Done() })
	if !ofSmall.Done() || ofLarge.Done() || of > 2*small {
		t.Errorf("the keys of the small owner are done: %t, those of the large one: %t, after %d", ofSmall.Done(), ofLarge.Done(), of)
	}
	again := e.TrackDeferred(func() { in.Set("large", 2) }) // keys that wait already count for both changes
	if again.Done() {
		t.Error("a deferral is done, but its keys wait")
	}
	if e.Run(); !ofLarge.Done() || !again.Done() {
		t.Error("a deferral is not done, but nothing is deferred")
	}
	for n := range large {
		if v, _ := tab.Peek(key{"large", n}); v != 2 {
			t.Fatalf("key %d has %d", n, v)
		}
	}
}

// A change of what many keys read, which ends before them, costs what they have in common nothing.
func TestADeferredMarkEndsWhereNothingChanged(t *testing.T) {
	const n = 1_000
	e := New(func(f Fault) { t.Errorf("%+v", f) })
	input := NewInput[int](e, "input", eq[int])
	halved := NewTable(e, Options[int, int]{Name: "halved", Equal: eq[int], Derive: func(r *Reader, _ int) int {
		v, _ := input.Get(r, 0)
		return v / 2
	}})
	roots := NewTable(e, Options[int, int]{
		Name: "roots", Equal: eq[int], Derive: func(r *Reader, k int) int { return halved.Get(r, 0) + k },
		DeferBy: func(int) string { return "" },
	})
	host := NewTable(e, Options[int, int]{Name: "host", Equal: eq[int], Derive: func(r *Reader, _ int) int {
		sum := 0
		for k := range n {
			sum += roots.Get(r, k)
		}
		return sum
	}})
	reports := NewTable(e, Options[int, int]{Name: "reports", Equal: eq[int], Derive: func(r *Reader, k int) int { return host.Get(r, 0) + k }})
	input.Set(0, 0)
	for k := range n {
		reports.Demand(k)
	}
	e.Run()
	runs, v := e.Runs(), 0
	allocated := testing.AllocsPerRun(1, func() { // twice
		v = 1 - v // halved does not change
		input.Set(0, v)
		e.Run()
	})
	if allocated > 4*n || e.Runs() != runs+2 {
		t.Errorf("%.0f allocations, %d derivations", allocated, e.Runs()-runs)
	}
	input.Set(0, 2)
	e.Run()
	if v, _ := reports.Peek(7); v != n*(n-1)/2+n+7 {
		t.Errorf("the report is %d", v)
	}
}
