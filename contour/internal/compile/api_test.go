package compile

import (
	"testing"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/store"
)

// HTTPProxy precedes Ingress, as in Contour, and an additional API precedes both.
func TestLaterAPIsHaveHigherRanks(t *testing.T) {
	e := memo.New(nil)
	c := New(e, store.New(e, config.Default()), API{
		Kind: "Other", DemandRoots: func(*store.Store, *memo.Table[kobj.Key, contrib.Root]) {},
	})
	rank := func(k kobj.Kind) contrib.Rank { return c.apis[k].rank }
	if rank(kobj.Ingress) >= rank(kobj.HTTPProxy) || rank(kobj.HTTPProxy) >= rank("Other") {
		t.Errorf("the ranks of Ingress, HTTPProxy and another API are %d, %d and %d", rank(kobj.Ingress), rank(kobj.HTTPProxy), rank("Other"))
	}
}
