//go:build kind

package kind

import (
	"slices"
	"sync"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/types"
)

// TestCluster runs the features in an order in which each finds a working cluster. Features that run side by
// side disturb different things: a second installation, and the controllers and upstreams of the first one.
func TestCluster(t *testing.T) {
	s, f := &second{}, &fixture{}
	besides, last := []func(){inTurn(t, anotherClass(s))}, []types.Feature{atRest(f), uninstall()}
	var killed []types.Feature
	if shared.kind == nil {
		t.Log("left out, because they access the nodes of a kind cluster: Envoy rejects an object, controller is out of memory, API server is away")
	} else {
		besides = append(besides, inTurn(t, envoyRejects(s)))
		killed = append(killed, outOfMemory(s))
		last = slices.Insert(last, 0, serverIsAway(f))
	}
	sideBySide(
		func() {
			sideBySide(besides...)
			inTurn(t, append(killed, secondIsRemoved(s))...)()
		},
		func() {
			inTurn(t, startInAnyOrder(), routing(), controllersRoll(), leaderIsKilled(), certificateRotates(), routeSwitches())()
		},
	)
	// Alone: while one of the two Envoys is away, a health check of the other one that waits for a processor for longer
	// than its timeout leaves the load balancer without a node, whatever the Envoys do; and eighteen pods that start leave
	// no processor to the ones that answer.
	inTurn(t, envoyIsDeleted(), envoysRoll(), backendRolls())()
	inTurn(t, last...)()
}

// inTurn runs the features in sequence.
func inTurn(t *testing.T, all ...types.Feature) func() {
	t.Helper()
	return func() { framework.Test(t, all...) }
}

// heavily runs what uses all processors of a small machine, while no other feature does so: otherwise requests would
// wait for processors until they fail, independent of what is tested.
func (w *environment) heavily(do func()) {
	w.heavy.Lock()
	defer w.heavy.Unlock()
	do()
}

// sideBySide runs the features in parallel and returns when all have ended.
func sideBySide(all ...func()) {
	var ended sync.WaitGroup
	for _, do := range all {
		ended.Go(do)
	}
	ended.Wait()
}
