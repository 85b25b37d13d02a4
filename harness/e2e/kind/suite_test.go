//go:build kind

package kind

import (
	"slices"
	"sync"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/types"
)

// TestCluster has the features in an order in which each finds a cluster that the one before has left whole. Side by side
// are features that break different things: a second installation, Envoys, and what Envoys are told and lead to.
func TestCluster(t *testing.T) {
	s, f := &second{}, &fixture{}
	besides, last := []func(){inTurn(t, anotherClass(s))}, []types.Feature{atRest(f), uninstall()}
	var killed []types.Feature
	if shared.kind == nil {
		t.Log("left out, because they reach into the nodes of a kind cluster: Envoy refuses an object, controller is out of memory, API server is away")
	} else {
		besides = append(besides, inTurn(t, envoyRefuses(s)))
		killed = append(killed, outOfMemory(s))
		last = slices.Insert(last, 0, serverIsAway(f))
	}
	sideBySide(
		func() {
			sideBySide(besides...)
			inTurn(t, append(killed, secondIsRemoved(s))...)()
		},
		func() {
			inTurn(t, startInAnyOrder())()
			sideBySide(
				inTurn(t, envoyIsDeleted(), envoysRoll()),
				inTurn(t, routing(), controllersRoll(), leaderIsKilled(), backendRolls(), certificateRotates(), routeSwitches()),
			)
		},
	)
	inTurn(t, last...)()
}

// inTurn runs the features one after the other.
func inTurn(t *testing.T, all ...types.Feature) func() {
	t.Helper()
	return func() { environment.Test(t, all...) }
}

// heavily does what keeps all processors of a small machine busy, while no other feature does such a thing: requests would
// wait for processors until they fail, which says nothing about what is tested.
func (w *world) heavily(do func()) {
	w.heavy.Lock()
	defer w.heavy.Unlock()
	do()
}

// sideBySide returns when all have.
func sideBySide(all ...func()) {
	var ended sync.WaitGroup
	for _, do := range all {
		ended.Go(do)
	}
	ended.Wait()
}
