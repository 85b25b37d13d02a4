package table

import "testing"

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
