//go:build kind

package kind

import "testing"

// TestCluster has the features in an order in which each finds a cluster that the one before has left whole.
func TestCluster(t *testing.T) {
	environment.Test(t,
		startInAnyOrder(),
		routing(),
		controllersRoll(),
		leaderIsKilled(),
		backendRolls(),
		certificateRotates(),
		routeSwitches(),
		envoyIsDeleted(),
		envoysRoll(),
		serverIsAway(),
		atRest(),
		uninstall(),
	)
}
