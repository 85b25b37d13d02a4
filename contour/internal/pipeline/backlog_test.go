package pipeline

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Namespaces are served in round robin, and of each object the newest change is applied, once. A namespace that has had no
// change waiting does not overtake: one that always has a single change would stop the others.
func TestBacklogIsFair(t *testing.T) {
	var b backlog
	for i := range 5 {
		b.add([]store.Change{edited("big", fmt.Sprint(i), 1), edited("large", fmt.Sprint(i), 1)})
	}
	var got []string
	take := func(n int) {
		for _, c := range b.take(n) {
			got = append(got, fmt.Sprintf("%s/%s:%d", c.Key.Namespace, c.Key.Name.Name, c.Object.GetGeneration()))
		}
	}
	take(3)
	b.add([]store.Change{edited("small", "p", 1), edited("big", "2", 2)})
	take(5)
	want := "[big/0:1 large/0:1 big/1:1 large/1:1 big/2:2 small/p:1 large/2:1 big/3:1]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	if take(100); len(got) != 11 || !b.empty() {
		t.Errorf("%d changes of 11 objects: %v", len(got), got)
	}
}

// Nothing is lost and nothing comes twice, whatever is added between.
func TestBacklogLosesNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	var b backlog
	added, taken := map[kobj.Key]int64{}, map[kobj.Key]int64{}
	for round := range int64(20_000) {
		if rnd.IntN(2) == 0 {
			c := edited(fmt.Sprint(rnd.IntN(4)), fmt.Sprint(rnd.IntN(6)), round+1)
			added[c.Key] = round + 1
			b.add([]store.Change{c})
			continue
		}
		for _, c := range b.take(rnd.IntN(4)) {
			if g := c.Object.GetGeneration(); g != added[c.Key] || g == taken[c.Key] {
				t.Fatalf("round %d: generation %d of %s is taken, of %d, after %d", round, g, c.Key, added[c.Key], taken[c.Key])
			}
			taken[c.Key] = c.Object.GetGeneration()
		}
	}
	for _, c := range b.take(100) {
		taken[c.Key] = c.Object.GetGeneration()
	}
	if fmt.Sprint(taken) != fmt.Sprint(added) {
		t.Errorf("taken %v\nadded %v", taken, added)
	}
}

// A batch that takes long is published in slices: the object of another namespace does not wait for all of it.
func TestALongBatchIsSliced(t *testing.T) {
	const objects = 40
	p := slicedPipeline(slice / 2)
	batches := make(chan []store.Change, 3)
	batches <- []store.Change{answering("small", "first", 1, "first.example")}
	batches <- func() (batch []store.Change) {
		for i := range objects {
			batch = append(batch, answering("big", fmt.Sprint(i), 1, fmt.Sprintf("big%d.example", i)))
		}
		return batch
	}()
	batches <- []store.Change{answering("small", "second", 1, "second.example")}
	hosts, before, end := 0, -1, sync.OnceFunc(func() { close(batches) })
	p.Run(t.Context(), batches, nil, func(r Result) {
		for _, h := range r.Hosts {
			if h.Key.Hostname == "second.example" {
				before = hosts
			}
			hosts++
		}
		if hosts == objects+2 {
			end()
		}
	})
	if hosts != objects+2 || before < 0 || before > objects/2 {
		t.Errorf("%d of %d hosts are published, %d before that of the other namespace", hosts, objects+2, before)
	}
}
