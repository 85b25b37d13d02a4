package budget

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/randomtest"
)

func object(name string) kobj.Key { return kobj.Of(kobj.HTTPProxy, "a", name) }

func at(second int) time.Time { return time.Unix(int64(second), 0) }

// book is Budgets with the present objects.
type book struct {
	*Budgets
	present map[kobj.Key]Object
	visits  int
}

func newBook(limit contrib.Cost) *book {
	b := &book{present: map[kobj.Key]Object{}}
	b.Budgets = New(limit, func(namespace string, add func(kobj.Key, Object)) int {
		for k, o := range b.present {
			if k.Namespace == namespace {
				add(k, o)
			}
		}
		b.visits += len(b.present)
		return len(b.present)
	})
	return b
}

func (b *book) former(k kobj.Key) *Object {
	if o, ok := b.present[k]; ok {
		return &o
	}
	return nil
}

func (b *book) set(k kobj.Key, created time.Time, cost contrib.Cost) {
	former, later := b.former(k), Object{created, cost}
	b.present[k] = later
	b.Set(k, former, &later)
}

func (b *book) remove(k kobj.Key) {
	former := b.former(k)
	delete(b.present, k)
	b.Set(k, former, nil)
}

// verdicts applies the changes to what is not served.
func verdicts(b *book, into map[kobj.Key]Verdict) map[kobj.Key]Verdict {
	for _, c := range b.Changes() {
		if c.Verdict == Served {
			delete(into, c.Object)
		} else {
			into[c.Object] = c.Verdict
		}
	}
	return into
}

// The oldest objects are served, the newest beyond the budget are closed, and those beyond the budget of hosts omitted. What
// is too large by itself stands in nobody's way.
func TestTheNewestIsRefused(t *testing.T) {
	t.Parallel()
	b, got := newBook(contrib.Cost{Routes: 10, VirtualHosts: 2}), map[kobj.Key]Verdict{}
	b.set(object("old"), at(1), contrib.Cost{Routes: 6, VirtualHosts: 1})
	b.set(object("huge"), at(2), contrib.Cost{Routes: 11, VirtualHosts: 1})
	b.set(object("new"), at(3), contrib.Cost{Routes: 4, VirtualHosts: 1})
	b.set(object("newer"), at(4), contrib.Cost{Routes: 1, VirtualHosts: 1})
	b.set(object("newest"), at(5), contrib.Cost{VirtualHosts: 1})
	want := map[kobj.Key]Verdict{object("huge"): Closed, object("newer"): Closed, object("newest"): Omitted}
	if d := cmp.Diff(want, verdicts(b, got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b.set(object("old"), at(1), contrib.Cost{Routes: 7, VirtualHosts: 1}) // it grows: the newest of those served goes
	want[object("new")], want[object("newer")] = Closed, Omitted
	if d := cmp.Diff(want, verdicts(b, got)); d != "" {
		t.Errorf("after the old one grows (-want +got):\n%s", d)
	}
	b.remove(object("old"))
	if d := cmp.Diff(map[kobj.Key]Verdict{object("huge"): Closed, object("newest"): Closed}, verdicts(b, got)); d != "" {
		t.Errorf("without the old one (-want +got):\n%s", d)
	}
	for _, name := range []string{"huge", "new", "newer", "newest"} {
		b.remove(object(name))
	}
	if verdicts(b, got); len(got) > 0 || len(b.namespaces) > 0 || b.Refused("a") != 0 {
		t.Errorf("without objects: %v, %d namespaces", got, len(b.namespaces))
	}
}

// Other namespaces have budgets of their own.
func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	b := newBook(contrib.Cost{Routes: 10})
	b.set(object("x"), at(1), contrib.Cost{Routes: 10})
	b.set(object("y"), at(2), contrib.Cost{Routes: 10})
	b.set(kobj.Of(kobj.Ingress, "b", "x"), at(3), contrib.Cost{Routes: 10})
	if got := verdicts(b, map[kobj.Key]Verdict{}); len(got) != 1 || got[object("y")] != Closed {
		t.Errorf("%v", got)
	}
	if b.Refused("a") != 1 || b.Refused("b") != 0 {
		t.Errorf("%d and %d are refused", b.Refused("a"), b.Refused("b"))
	}
}

// After any edits the verdicts are those of the present objects in any order.
func TestVerdictsDependOnThePresentObjectsOnly(t *testing.T) {
	t.Parallel()
	seed := randomtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	limit := contrib.Cost{Routes: 50, VirtualHosts: 12, Expressions: 30}
	type state struct {
		created time.Time
		cost    contrib.Cost
	}
	present, b, got := map[kobj.Key]state{}, newBook(limit), map[kobj.Key]Verdict{}
	for i := range 3000 {
		k := object(fmt.Sprint(r.IntN(30)))
		if r.IntN(4) == 0 {
			delete(present, k)
			b.remove(k)
		} else {
			s := state{at(r.IntN(10)), contrib.Cost{Routes: r.IntN(60), VirtualHosts: 1 + r.IntN(3), Expressions: r.IntN(8)}}
			present[k] = s
			b.set(k, s.created, s.cost)
		}
		if r.IntN(3) > 0 {
			continue
		}
		verdicts(b, got)
		scratch := newBook(limit)
		for _, k := range slices.SortedFunc(maps.Keys(present), kobj.Key.Compare) {
			scratch.set(k, present[k].created, present[k].cost)
		}
		if d := cmp.Diff(verdicts(scratch, map[kobj.Key]Verdict{}), got); d != "" {
			t.Fatalf("after %d edits (-from scratch +got):\n%s", i, d)
		}
		sum := contrib.Cost{}
		for k, s := range present {
			if _, refused := got[k]; !refused {
				sum = sum.Plus(s.cost)
			}
		}
		if !sum.Within(limit) {
			t.Fatalf("after %d edits %+v is served", i, sum)
		}
	}
}

// A change moves only the objects whose verdict it changes, however many there are.
func TestCostOfAChange(t *testing.T) {
	b := newBook(contrib.Cost{Routes: 10_000})
	for i := range 20_000 {
		b.set(object(fmt.Sprint(i)), at(i), contrib.Cost{Routes: 1})
	}
	if n := len(b.Changes()); n != 10_000 {
		t.Fatalf("%d objects are refused", n)
	}
	b.set(object("0"), at(0), contrib.Cost{Routes: 3})
	if got := b.Changes(); len(got) != 2 {
		t.Errorf("two more routes change %d verdicts", len(got))
	}
	b.set(object("19999"), at(19_999), contrib.Cost{Routes: 3})
	if got := b.Changes(); len(got) != 0 {
		t.Errorf("an edit of a refused object changes %d verdicts", len(got))
	}
	if got := testing.AllocsPerRun(100, func() { b.set(object("0"), at(0), contrib.Cost{Routes: 3}); b.Changes() }); got > 20 {
		t.Errorf("%.0f allocations for an edit among 20000 objects", got)
	}
}

// A namespace within its budgets takes no memory for its objects, and going back and forth over a budget does not look at
// all objects each time.
func TestObjectsWithinTheBudgetsAreNotHeld(t *testing.T) {
	t.Parallel()
	const n, rounds = 10_000, 1_000
	b, got := newBook(contrib.Cost{Routes: 10}), map[kobj.Key]Verdict{}
	for i := range n {
		b.set(kobj.Of(kobj.Ingress, fmt.Sprintf("other-%d", i/10), fmt.Sprint(i)), at(i), contrib.Cost{Routes: 1})
	}
	if verdicts(b, got); b.visits != 0 || len(got) != 0 {
		t.Fatalf("within the budgets %d objects are looked at, %d refused", b.visits, len(got))
	}
	for i := range rounds {
		b.set(object("x"), at(1), contrib.Cost{Routes: 11})
		if verdicts(b, got); got[object("x")] != Closed {
			t.Fatalf("round %d: %v", i, got)
		}
		b.remove(object("x"))
		if verdicts(b, got); len(got) != 0 {
			t.Fatalf("round %d: %v", i, got)
		}
	}
	if most := n + 2*rounds*visitsPerChange; b.visits > most {
		t.Errorf("%d objects are looked at in %d changes; want at most %d", b.visits, 2*rounds, most)
	}
	if len(b.emptied) > 1 {
		t.Errorf("%d namespaces are to be dropped", len(b.emptied))
	}
	for i := range 2 * n / visitsPerChange {
		b.set(object("y"), at(1), contrib.Cost{Routes: 1 + i%2})
		verdicts(b, got)
	}
	if b.namespaces["a"].served != nil || len(b.emptied) > 0 {
		t.Error("the ledgers stay")
	}
}
