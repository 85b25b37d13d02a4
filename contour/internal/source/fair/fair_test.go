package fair_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"contour.example/contour/internal/source/fair"
)

// Each namespace has what it is guaranteed, at most its own limit, and its turn for what is free.
func TestPlaces(t *testing.T) {
	var started []string
	p := fair.New(fair.Limits{PerNamespace: 4, Guaranteed: 1, Total: 6}, func(s string) { started = append(started, s) })
	places := map[string]*fair.Place[string]{}
	add := func(namespace string, n int) {
		for i := range n {
			v := fmt.Sprint(namespace, i)
			places[v] = p.Add(namespace, v)
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(started, want) {
			t.Errorf("%s: started %v, want %v", what, started, want)
		}
		started = nil
	}
	add("a", 6)
	add("b", 5)
	if expect("before Admit"); len(p.Admit()) != 5 {
		t.Error("not all that wait are returned")
	}
	expect("in turns", "a0", "b0", "a1", "b1", "a2", "b2")
	add("c", 2)
	if waiting := p.Admit(); !slices.Equal(waiting, []string{"c1"}) {
		t.Errorf("of the late namespace %v wait", waiting)
	}
	expect("what is guaranteed", "c0")
	places["a0"].Remove()
	places["a1"].Remove()
	p.Admit()
	expect("the next in turn", "a3")
	places["a4"].Remove()
	places["b0"].Remove()
	p.Admit()
	expect("what waited and was removed does not start", "b3")
	for _, v := range []string{"a2", "a3", "a5", "b1", "b2", "b3", "b4", "c0", "c1"} {
		places[v].Remove()
	}
	p.Admit()
	if p.Namespaces() != 0 {
		t.Error("namespaces are left")
	}
}

// What does not answer quickly is attempted in slots of its own, and its next attempt too.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(fair.Limits{PerNamespace: 9, Guaranteed: 9, Total: 9, Parallel: 2, ParallelEach: 1, ParallelNew: 1, Slow: 1, SlowEach: 1}, func(int) {})
		silent, other := p.Add("a", 1).Attempts(), p.Add("a", 2).Attempts()
		p.Admit()
		var times []time.Duration
		never := func(ctx context.Context) fair.Outcome {
			end, _ := ctx.Deadline()
			times = append(times, time.Until(end))
			<-ctx.Done()
			return fair.TimedOut
		}
		silent.Do(t.Context(), time.Second, time.Minute, never)
		silent.Do(t.Context(), time.Second, time.Minute, never)
		if want := []time.Duration{time.Second, time.Minute, time.Minute}; !slices.Equal(times, want) {
			t.Errorf("attempts with %v, want %v", times, want)
		}
		go silent.Do(t.Context(), time.Second, time.Minute, never)
		synctest.Wait()
		answers := 0
		other.Do(t.Context(), time.Second, time.Minute, func(context.Context) fair.Outcome { answers++; return fair.Answered })
		if answers != 1 {
			t.Error("a quick attempt waits for a slow one")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if other.Do(ctx, time.Second, 0, func(context.Context) fair.Outcome { return fair.Failed }) {
			t.Error("the end of the context is not reported")
		}
		time.Sleep(2 * time.Minute) // the attempt in the background ends
	})
}

// What is noted about a namespace is noted once in an interval, whatever its values.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fair.New(fair.Limits{}, func(int) {})
		a, b, c := p.Add("a", 1), p.Add("a", 2), p.Add("c", 3)
		if !a.Note(time.Minute) || b.Note(time.Minute) || !c.Note(time.Minute) {
			t.Error("not once for each namespace")
		}
		time.Sleep(time.Minute)
		if !b.Note(time.Minute) {
			t.Error("not after the interval")
		}
	})
}
