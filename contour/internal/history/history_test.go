package history

import (
	"fmt"
	"testing"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

const one, other = ir.Fleet("one"), ir.Fleet("other")

func at(seconds int) time.Time { return time.Unix(int64(seconds), 0) }

func published(f ir.Fleet, seq uint64, names ...string) Change {
	c := Change{Objects: len(names), Seqs: map[ir.Fleet]uint64{f: seq}}
	for _, n := range names {
		c.Named = append(c.Named, kobj.Of(kobj.HTTPProxy, "a", n))
	}
	return c
}

func (h *History) newest(t *testing.T) Change {
	t.Helper()
	all := h.List(Filter{}, 1)
	if len(all) != 1 {
		t.Fatal("no change")
	}
	return all[0]
}

// The Envoys that are connected are to have a change; the first and the last of them make its times, and one acknowledgement may be for several changes.
func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	h := New()
	h.Join(1, "fast", one)
	h.Join(2, "slow", one)
	h.Join(3, "elsewhere", other)
	h.Record(published(one, 1, "x"))
	h.Record(published(one, 2, "y"))
	h.Join(4, "late", one)
	h.Acknowledge(1, one, 1, at(10))
	h.Acknowledge(1, one, 2, at(11))
	h.Acknowledge(4, one, 2, at(12))
	h.Acknowledge(3, other, 2, at(12))
	if c := h.newest(t); c.Envoys != 2 || c.Acknowledged != 1 || c.Complete() || !c.First.Equal(at(11)) {
		t.Errorf("%+v", c)
	}
	h.Acknowledge(2, one, 2, at(20))
	h.Acknowledge(2, one, 2, at(30)) // again
	all := h.List(Filter{}, 10)
	if len(all) != 2 || all[0].ID != 2 || all[1].ID != 1 {
		t.Fatalf("%+v", all)
	}
	for i, first := range []int{11, 10} {
		if c := all[i]; !c.Complete() || c.Acknowledged != 2 || c.Slowest != "slow" || !c.First.Equal(at(first)) || !c.Last.Equal(at(20)) {
			t.Errorf("%+v", c)
		}
	}
}

// An Envoy that disconnects need not have what it did not acknowledge; what it did acknowledge remains.
func TestLeave(t *testing.T) {
	t.Parallel()
	h := New()
	h.Join(1, "a", one)
	h.Join(2, "b", one)
	h.Record(published(one, 1, "x"))
	h.Acknowledge(1, one, 1, at(1))
	h.Record(published(one, 2, "x"))
	h.Leave(1, one)
	all := h.List(Filter{}, 10)
	if all[0].Envoys != 1 || all[0].Acknowledged != 0 || all[1].Envoys != 2 || all[1].Acknowledged != 1 {
		t.Errorf("%+v", all)
	}
	h.Leave(2, one)
	h.Acknowledge(2, one, 2, at(2)) // it is gone
	if c := h.newest(t); c.Envoys != 0 || c.Acknowledged != 0 || !c.Complete() {
		t.Errorf("%+v", c)
	}
}

// An Envoy may acknowledge before the iteration that published ends, and a fleet may be removed and added, with numbers from the start.
func TestOrder(t *testing.T) {
	t.Parallel()
	h := New()
	h.Join(1, "a", one)
	h.Acknowledge(1, one, 1, at(5))
	h.Record(published(one, 1, "x"))
	if c := h.newest(t); c.Acknowledged != 1 || !c.Last.Equal(at(5)) || c.Slowest != "a" {
		t.Errorf("%+v", c)
	}
	h.Record(published(one, 7, "x"))
	h.Leave(1, one)
	h.Join(2, "b", one)
	h.Record(published(one, 1, "x"))
	if c := h.newest(t); c.Envoys != 1 || c.Acknowledged != 0 {
		t.Errorf("%+v", c)
	}
	h.Acknowledge(2, one, 1, at(6))
	if c := h.newest(t); !c.Complete() || c.Acknowledged != 1 {
		t.Errorf("%+v", c)
	}
}

// What is remembered is bounded: changes, objects of a change, and fleets that are gone.
func TestBounds(t *testing.T) {
	t.Parallel()
	h := New()
	var names []string
	for i := range 3 * maxObjects {
		names = append(names, fmt.Sprint(i))
	}
	for i := range 2 * MaxChanges {
		f := ir.Fleet(fmt.Sprint("fleet", i))
		h.Join(uint64(i), "a", f)
		h.Record(published(f, 1, names...))
		h.Leave(uint64(i), f)
	}
	if len(h.changes) != MaxChanges || len(h.fleets) > MaxChanges || h.Revision() != 2*MaxChanges {
		t.Errorf("%d changes, %d fleets, revision %d", len(h.changes), len(h.fleets), h.Revision())
	}
	if c := h.newest(t); len(c.Named) != maxObjects || c.Objects != len(names) {
		t.Errorf("%d of %d objects are named", len(c.Named), c.Objects)
	}
	for range MaxChanges {
		h.Record(Change{Objects: 1})
	}
	if len(h.fleets) != 0 {
		t.Errorf("%d fleets remain", len(h.fleets))
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	h := New()
	for i := range 10 {
		c := published(one, uint64(i+1), fmt.Sprint("o", i%2))
		c.Seen = at(i)
		h.Record(c)
	}
	k := kobj.Of(kobj.HTTPProxy, "a", "o1")
	ids := func(f Filter, limit int) (out []uint64) {
		for _, c := range h.List(f, limit) {
			out = append(out, c.ID)
		}
		return out
	}
	for want, got := range map[string][]uint64{
		"[10 8]":   ids(Filter{Object: &k}, 2),
		"[10 9 8]": ids(Filter{Since: at(7)}, 10),
		"[10 9]":   ids(Filter{After: 8}, 10),
		"[3 2]":    ids(Filter{Before: 4}, 2),
	} {
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

// An Envoy has an object when it acknowledged the last change that named it, or may have been about it.
func TestHas(t *testing.T) {
	t.Parallel()
	h := New()
	x, y := kobj.Of(kobj.HTTPProxy, "a", "x"), kobj.Of(kobj.HTTPProxy, "a", "y")
	has := func(when string, wantX, wantY bool) {
		t.Helper()
		if gotX, gotY := h.Has(1, one, x), h.Has(1, one, y); gotX != wantX || gotY != wantY {
			t.Errorf("%s: x %v, y %v", when, gotX, gotY)
		}
	}
	h.Join(1, "a", one)
	has("it has acknowledged nothing", false, false)
	h.Acknowledge(1, one, 0, at(1))
	has("it has acknowledged what it found", true, true)
	h.Record(published(one, 1, "x"))
	has("a change of x is published", false, true)
	h.Acknowledge(1, one, 1, at(1))
	has("a change of x is acknowledged", true, true)
	many := published(one, 2, "z")
	many.Objects = 100
	h.Record(many)
	has("a change of many objects may be about any of them", false, false)
	h.Acknowledge(1, one, 2, at(2))
	h.Record(published(one, 3))
	has("the rest of an earlier change may be about any object", false, false)
	if h.Has(2, one, x) || h.Has(1, other, x) {
		t.Error("an Envoy that is not connected")
	}
}

// What is not published yet no Envoy has, although it has acknowledged everything that is.
func TestHasWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	h := New()
	x, y := kobj.Of(kobj.HTTPProxy, "a", "x"), kobj.Of(kobj.HTTPProxy, "a", "y")
	has := func(when string, wantX, wantY bool) {
		t.Helper()
		if gotX, gotY := h.Has(1, one, x), h.Has(1, one, y); gotX != wantX || gotY != wantY {
			t.Errorf("%s: x %v, y %v", when, gotX, gotY)
		}
	}
	h.Join(1, "a", one)
	step := func(seq uint64, unfinished bool, names ...string) {
		c := published(one, seq, names...)
		c.Unfinished = unfinished
		h.Record(c)
		h.Acknowledge(1, one, seq, at(int(seq)))
	}
	step(1, true, "x")
	has("a part of a change of x", false, true)
	step(2, true, "y")
	has("a part of a change of y", false, false)
	step(3, false)
	has("the rest", true, true)
	step(4, true, "x")
	has("a part again", false, true)
	h.Finish()
	has("the rest was nothing", true, true)
}

// An Envoy that is behind everything that is remembered may lack any object.
func TestHasWhatIsForgotten(t *testing.T) {
	t.Parallel()
	h := New()
	h.Join(1, "behind", one)
	h.Join(2, "current", one)
	h.Acknowledge(1, one, 0, at(0))
	h.Record(published(one, 1, "x"))
	for range MaxChanges {
		h.Record(published(other, 1, "y"))
	}
	h.Acknowledge(2, one, 1, at(1))
	if x := kobj.Of(kobj.HTTPProxy, "a", "x"); h.Has(1, one, x) || !h.Has(2, one, x) {
		t.Errorf("behind: %v, current: %v", h.Has(1, one, x), h.Has(2, one, x))
	}
}
