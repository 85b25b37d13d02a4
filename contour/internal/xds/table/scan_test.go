package table

import (
	"fmt"
	"testing"
)

// A scan does not hold the table: while it is under way others publish, and what they do not touch is visited once.
func TestScanLetsOthersPublish(t *testing.T) {
	t.Parallel()
	tab := New()
	const n = 3 * scanStep
	var set []*Resource
	for i := range n {
		set = append(set, simple(Cluster, fmt.Sprint("c", i), "1"))
	}
	tab.Publish(set, nil)
	tab.Watch("envoy").Accept(tab.All()[:n/2]) // these are at rest
	seen := map[string]int{}
	rounds := 0
	for v := range tab.Scan() {
		seen[v.Ref.Name]++
		rounds++
		if rounds <= n {
			tab.Publish([]*Resource{simple(Route, fmt.Sprint("r", rounds), "1")}, nil) // waits forever if the table is locked
		}
	}
	for _, r := range set {
		if seen[r.Ref.Name] != 1 {
			t.Fatalf("%s is visited %d times", r.Ref.Name, seen[r.Ref.Name])
		}
	}
}
