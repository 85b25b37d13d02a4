package table

import (
	"fmt"
	"runtime"
	"testing"
)

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// After a peak of resources their maps are small again, and iterating while deleting visits each version once.
func TestVersionsShrink(t *testing.T) {
	const n, most = 100_000, 64 << 10
	vs := &Versions{}
	before := heap()
	for i := range n {
		vs.Set(&Version{Ref: cluster(fmt.Sprint(i))})
	}
	visited := 0
	for v := range vs.Of(Cluster) {
		visited++
		if v.Ref.Name != "7" {
			vs.Delete(v.Ref)
		}
	}
	if visited != n || vs.Len(Cluster) != 1 || vs.Get(cluster("7")) == nil || vs.Get(cluster("8")) != nil {
		t.Errorf("%d of %d visited, %d left", visited, n, vs.Len(Cluster))
	}
	if got := heap() - before; got > most {
		t.Errorf("%d bytes for one version after a peak, want at most %d", got, most)
	}
	runtime.KeepAlive(vs)
}

// A resource at rest is at rest again after an answer or a publication that changes nothing.
func TestWhatChangesNothingLeavesResourcesAtRest(t *testing.T) {
	tab := newFleet()
	publish := func(body string) *Version {
		tab.Publish([]*Resource{simple(Cluster, "c", body, Ref{Endpoint, body})}, nil)
		return tab.Get(cluster("c"))
	}
	tab.Publish([]*Resource{simple(Endpoint, "one", ""), simple(Endpoint, "two", "")}, nil)
	first := publish("one")
	second := publish("two")
	tab.Publish(nil, []Ref{{Endpoint, "one"}})
	tab.Accept([]*Version{second})
	check := func(what string) {
		t.Helper()
		if e := tab.entries[cluster("c")]; e != nil {
			t.Errorf("%s: the resource is not at rest", what)
		}
	}
	check("accepted")
	tab.Accept([]*Version{first}) // too late: its endpoints are gone
	check("the answer to a former version")
	tab.Publish([]*Resource{simple(Cluster, "c", "two", Ref{Endpoint, "two"})}, []Ref{cluster("c")})
	check("set and removed")
}
