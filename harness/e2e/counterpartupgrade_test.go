//go:build local && counterpart

package e2e

import (
	"path/filepath"
	"testing"

	"contour.example/harness/asset"
	"contour.example/harness/testsystem"
)

// An installation of the previous version gets the CustomResourceDefinitions of this one, then its controller, as docs/install.md
// describes it, and the former controller back. No request fails, and each version serves changes, also to an Envoy with the bootstrap
// file of the other.
func TestCounterpartPreviousVersionIsUpgradedAndBack(t *testing.T) {
	previous, err := asset.Previous(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	present, err := asset.Contour(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root, err := asset.Root()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, testsystem.Options{
		Contour: previous.Contour, CRDs: previous.CRDs, Bootstrap: previous.Contour,
		ServeArgs: append(fastLease(), "--ingress-status-address="+ourAddress),
	})
	a := newChangingApplication(newFixture(t, s))
	// replace rolls the controller as a Deployment does: the new replica is ready before the former one stops.
	replace := func(when, contour string) {
		former := s.Controllers[0]
		if _, err := s.AddControllerOf(t.Context(), contour); err != nil {
			t.Fatal(err)
		}
		a.follow("both, "+when, ourAddress, s.Traffic)
		if err := s.StopController(former); err != nil {
			t.Error(err)
		}
		a.follow("after "+when, ourAddress, s.Traffic)
	}

	a.begin(s.Traffic)
	a.follow("before the upgrade", ourAddress, s.Traffic)
	if err := s.Kube.InstallCRDs(t.Context(), filepath.Join(root, "manifests", "crds")); err != nil {
		t.Fatal(err)
	}
	a.follow("previous controller with new CRDs", ourAddress, s.Traffic)
	replace("the upgrade", present)
	replace("the way back", previous.Contour)
	a.end()

	s.SetBootstrap("") // this version's
	if err := s.RestartEnvoy(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.follow("previous controller with a new Envoy", ourAddress, s.Traffic)
	replace("the second upgrade", present)
}
