package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// many is a set of endpoints of 100 kB.
func many(name, text string) *table.Resource {
	return simple(eds(name), text+strings.Repeat("x", 100_000))
}

// crowded is a session whose client has the sets big and other, which are large, and small.
func crowded(t *testing.T) *script {
	s := newScript(t, session.Limits{})
	s.publish(nil, simple(cds("big"), "1", eds("big")), simple(cds("other"), "1", eds("other")), simple(cds("small"), "1", eds("small")),
		many("big", "1"), many("other", "1"), simple(eds("small"), "1"))
	s.subscribe(table.Cluster)
	clusters := s.expect(table.Cluster, "big", "other", "small")
	s.subscribe(table.Endpoint, "big", "other", "small")
	s.later(time.Millisecond, s.expect(table.Endpoint, "big"))
	s.later(time.Millisecond, s.expect(table.Endpoint, "other")) // alone, and at once: it is the first of its name
	s.later(10*time.Millisecond, s.expect(table.Endpoint, "small"))
	s.ack(clusters)
	s.expectNothing()
	s.expectDeadline(0)
	s.now = s.now.Add(time.Minute)
	return s
}

// Between large sets Envoy has four times as long for others as the last one took.
func TestLargeSetsAreSpacedByWhatTheyTake(t *testing.T) {
	s := crowded(t)
	s.publish(nil, many("big", "2"), many("other", "2"))
	s.later(30*time.Millisecond, s.expect(table.Endpoint, "big"))
	s.publish(nil, many("big", "3"), simple(eds("small"), "2"))
	s.ack(s.expect(table.Endpoint, "small"))
	s.expectNothing()
	s.expectDeadline(120 * time.Millisecond)
	s.publish(nil, many("big", "4"))
	s.expectNothing()
	s.now = s.now.Add(120 * time.Millisecond)
	s.state.Expire(s.now)
	r := s.expect(table.Endpoint, "big")
	if want := s.table.Get(eds("big")).Hash; r.GetResources()[0].GetVersion() != want {
		t.Errorf("sent version %s, want the latest, %s", r.GetResources()[0].GetVersion(), want)
	}
	s.later(time.Hour, r)
	s.expectNothing()
	s.expectDeadline(2 * time.Second)
	s.now = s.now.Add(2 * time.Second)
	s.state.Expire(s.now)
	s.ack(s.expect(table.Endpoint, "other"))
	s.expectNothing()
	s.expectDeadline(0)
	if snap := s.state.Snapshot(); !snap.Idle() {
		t.Errorf("not at rest: %+v", snap)
	}
}

// What a client asks for, or a cluster that warms, does not wait; neither does a set that is gone or has become small.
func TestUrgentSetsDoNotRest(t *testing.T) {
	for name, urgent := range map[string]func(s *script){
		"an update of the cluster": func(s *script) {
			s.publish(nil, simple(cds("big"), "2", eds("big")))
			clusters := s.expect(table.Cluster, "big")
			s.ack(s.expect(table.Endpoint, "big"))
			s.ack(clusters)
		},
		"a small set": func(s *script) {
			s.publish(nil, simple(eds("big"), "3"))
			s.ack(s.expect(table.Endpoint, "big"))
		},
		"a removal": func(s *script) {
			s.publish([]table.Ref{cds("big"), eds("big")})
			s.ack(s.expect(table.Cluster, "-big"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := crowded(t)
			s.publish(nil, many("other", "2"))
			s.later(30*time.Millisecond, s.expect(table.Endpoint, "other"))
			s.publish(nil, many("big", "2"))
			s.expectNothing()
			urgent(s)
		})
	}
}

// However often a large set changes, it is sent a bounded number of times, and the sets of others each time that they change.
func TestChangesOfALargeSetAreMerged(t *testing.T) {
	s := crowded(t)
	large, small := 0, 0
	const took, changes = 10 * time.Millisecond, 1000
	for i := range changes {
		s.publish(nil, many("big", fmt.Sprint("c", i)), simple(eds("small"), fmt.Sprint("c", i)))
		s.state.Expire(s.now)
		for r := next(s.state, s.now); r != nil; r = next(s.state, s.now) {
			switch {
			case r.GetResources()[0].GetName() == "small":
				small++
				s.ack(r)
			default:
				large++
				s.later(took, r)
			}
		}
		s.now = s.now.Add(time.Millisecond)
	}
	// Each takes 10 ms, followed by a rest of 40 ms in which there are 40 changes.
	if most := changes/40 + 1; large > most || large < most-2 || small != changes {
		t.Errorf("of %d changes, %d of the large set and %d of the small one were sent; want %d and all", changes, large, small, most)
	}
}
