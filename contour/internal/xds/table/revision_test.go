package table

import "testing"

// A reader that compares revisions misses nothing: each change of a version, and each move between the parts of the table that
// Scan reads one after the other, is another revision. What changes nothing is none.
func TestRevision(t *testing.T) {
	table := New()
	ref := Ref{Type: Cluster, Name: "a"}
	watch := table.Watch("envoy")
	defer watch.Close()
	last := table.Revision()
	changes := func(what string, want bool, do func()) {
		t.Helper()
		do()
		now := table.Revision()
		if now < last || (now != last) != want {
			t.Errorf("%s: revision %d after %d", what, now, last)
		}
		last = now
	}
	publish := func(body string) func() {
		return func() { table.Publish([]*Resource{{Ref: ref, Body: []byte(body)}}, nil) }
	}
	accept := func() { watch.Accept([]*Version{table.Get(ref)}) }
	changes("a new resource", true, publish("one"))
	changes("its acceptance, after which it is at rest", true, accept)
	changes("another acceptance", false, accept)
	changes("nothing", false, func() { table.Publish(nil, nil) })
	changes("new content", true, publish("two"))
	changes("a rejection", true, func() { watch.Reject(table.Get(ref), "bad", nil) })
	changes("the removal", true, func() { table.Publish(nil, []Ref{ref}) })
}
