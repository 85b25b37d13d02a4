package fairqueue

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// An owner that comes later, with one item, waits for one item of each other owner, whatever they add meanwhile.
func TestRoundRobin(t *testing.T) {
	var q Queue[string]
	for i := range 3 {
		q.Push("big", fmt.Sprint("big", i))
		q.Push("large", fmt.Sprint("large", i))
	}
	var got []string
	pop := func(n int) {
		for range n {
			item, ok := q.Pop()
			if !ok {
				t.Fatal("no item")
			}
			got = append(got, item)
		}
	}
	pop(1)
	q.Push("small", "small0")
	pop(3)
	q.Push("small", "small1") // again one at a time: it does not overtake the others
	pop(4)
	want := "[big0 large0 big1 small0 large1 big2 small1 large2]"
	if fmt.Sprint(got) != want || q.Len() != 0 {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

func TestPopIf(t *testing.T) {
	var q Queue[int]
	q.Push("a", 1)
	q.Push("b", 2)
	if item, ok := q.PopIf(func(owner string) bool { return owner == "b" }); !ok || item != 2 {
		t.Errorf("got %d, %t, want the item of b", item, ok)
	}
	if item, ok := q.PopIf(func(owner string) bool { return owner == "b" }); ok || q.Len() != 1 {
		t.Errorf("got %d, %d items are left", item, q.Len())
	}
}

// Each item comes once, and those of an owner in their order.
func TestNothingIsLost(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var q Queue[[2]int]
	pushed, popped := map[int]int{}, map[int]int{}
	for range 20_000 {
		if owner := rnd.IntN(5); rnd.IntN(2) == 0 {
			q.Push(fmt.Sprint(owner), [2]int{owner, pushed[owner]})
			pushed[owner]++
		} else if item, ok := q.PopIf(func(string) bool { return rnd.IntN(2) == 0 }); ok {
			if item[1] != popped[item[0]] {
				t.Fatalf("item %d of owner %d came as the %dth", item[1], item[0], popped[item[0]])
			}
			popped[item[0]]++
		}
	}
	for item, ok := q.Pop(); ok; item, ok = q.Pop() {
		popped[item[0]]++
	}
	if fmt.Sprint(pushed) != fmt.Sprint(popped) || q.Len() != 0 {
		t.Errorf("pushed %v, popped %v", pushed, popped)
	}
}
