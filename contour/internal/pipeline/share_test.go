package pipeline

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
	xdsfleet "contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/translate"
)

func edited(namespace, name string, generation int64) store.Change {
	p := &contourv1.HTTPProxy{}
	p.Namespace, p.Name, p.Generation = namespace, name, generation
	return store.Change{Key: kobj.Of(kobj.HTTPProxy, namespace, name), Object: p}
}

// update is an update of a listener with 1,000 filter chains by namespaces.
func update(namespaces ...string) []translate.ListenerUpdate {
	return []translate.ListenerUpdate{{Chains: 1000, Namespaces: namespaces}}
}

// A namespace that changes filter chains all the time gets a burst, then its share: its changes wait, the newest of each
// object, and none is lost. The changes of another namespace never wait, nor do endpoints.
func TestANamespaceHasItsShareOfListenerUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(time.Now)
		defer s.timer.Stop()
		s.rate = 500
		updates, seen := 0, int64(0)
		apply := func(changes []store.Change) {
			for _, c := range changes {
				switch c.Key.Namespace {
				case "greedy":
					if g := c.Object.GetGeneration(); g < seen {
						t.Errorf("generation %d is applied after %d", g, seen)
					} else {
						seen = g
					}
				default:
					t.Errorf("a change of %s", c.Key)
				}
			}
			if len(changes) > 0 {
				updates++
				s.charge(update("greedy"))
			}
		}
		const seconds, burstUpdates = 120, 40 * 500 / 1000
		for i := range seconds * 10 {
			apply(s.admit([]store.Change{edited("greedy", "p", int64(i))}))
			other := edited("other", fmt.Sprint(i), 1)
			slice := store.Change{Key: kobj.Of(kobj.EndpointSlice, "greedy", fmt.Sprint(i))}
			if got := s.admit([]store.Change{other, slice}); len(got) != 2 {
				t.Fatalf("after %d changes of the other namespace, %d of 2 changes are applied", i, len(got))
			}
			time.Sleep(100 * time.Millisecond)
			select {
			case <-s.timer.C:
				apply(s.due())
			default:
			}
		}
		share := seconds*500/1000 + burstUpdates
		if updates < share-2 || updates > share+2 {
			t.Errorf("%d updates in %d s, want about %d", updates, seconds, share)
		}
		for len(s.held) > 0 {
			<-s.timer.C
			apply(s.due())
		}
		if seen != seconds*10-1 {
			t.Errorf("the last change that is applied is %d", seen)
		}
		time.Sleep(2 * burst)
		if s.due(); len(s.accounts) != 0 {
			t.Errorf("%d accounts stay", len(s.accounts))
		}
	})
}

// An update that several namespaces cause is charged in equal parts, and without a bound nothing waits.
func TestSharesOfOneUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(time.Now)
		defer s.timer.Stop()
		s.rate = 10 // 400 at once
		s.charge(update("a", "b", "c", "d"))
		if got := s.balance("a"); got != 150 || s.balance("e") != 400 {
			t.Errorf("the balance of one of four is %.0f, of another %.0f", got, s.balance("e"))
		}
		s.charge(update("a"))
		if got := s.admit([]store.Change{edited("a", "p", 1), edited("b", "p", 1)}); len(got) != 1 || got[0].Key.Namespace != "b" {
			t.Errorf("%v is applied", got)
		}
		s.rate = 0
		s.charge(nil)
		if got := s.admit([]store.Change{edited("a", "p", 3), edited("a", "q", 1)}); len(got) != 0 {
			t.Errorf("%v overtakes what waits", got)
		}
		if got := s.due(); len(got) != 2 || got[0].Object.GetGeneration() != 3 || len(s.held) != 0 || len(s.admit([]store.Change{edited("a", "p", 4)})) != 1 {
			t.Errorf("without a bound: %v is applied, %d wait", got, len(s.held))
		}
	})
}

// A Secret that is lent to another namespace and taken back changes the filter chain of a host there. That is charged to who
// did it: the other namespace neither waits for it, nor pays for it.
func TestTheLenderOfASecretPaysForTakingItBack(t *testing.T) {
	cases, err := stagetest.Load("testdata", "ir.yaml", "report.yaml", "xds.yaml", "status.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lent := cases[slices.IndexFunc(cases, func(c stagetest.Case) bool { return c.Name == "tls/delegation-targets" })]
	lent.Config.Budgets.FilterChains = 1
	p := New(Options{Config: lent.Config, Fleets: xdsfleet.New(nil), Log: slog.New(slog.DiscardHandler), Now: stagetest.Now})
	p.Step(lent.Objects)
	p.Step([]store.Change{{Key: kobj.Of(kobj.TLSCertificateDelegation, "one", "d")}})
	if got := slices.Collect(maps.Keys(p.shares.accounts)); !slices.Equal(got, []string{"one"}) {
		t.Errorf("%v are charged", got)
	}
}
