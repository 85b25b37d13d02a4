package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// chains is a listener with n filter chains of a kilobyte each.
func chains(name string, n int) *table.Resource {
	var parts []table.Part
	for i := range n {
		parts = append(parts, part(fmt.Sprint("h", i), strings.Repeat("x", 1024)))
	}
	return composite(lds(name), name, parts...)
}

// secure is a session whose client has just acknowledged its first large listener, 300 ms after it was sent.
func secure(t *testing.T, limits session.Limits) *script {
	s := newScript(t, limits)
	s.publish(nil, chains("https", 100))
	s.subscribe(table.Listener)
	s.later(300*time.Millisecond, s.expect(table.Listener, "https"))
	s.expectNothing()
	s.expectDeadline(0)
	return s
}

// later acknowledges the response when that time has passed.
func (s *script) later(d time.Duration, r *response) {
	s.t.Helper()
	s.now = s.now.Add(d)
	s.ack(r)
}

// expectDeadline checks for how long there is nothing to do; 0: until something happens.
func (s *script) expectDeadline(after time.Duration) {
	s.t.Helper()
	deadline, ok := s.state.Deadline()
	if ok != (after > 0) || ok && !deadline.Equal(s.now.Add(after)) {
		s.t.Fatalf("deadline %v (%v), want %v after %v", deadline, ok, after, s.now)
	}
}

func TestLargeListenersAreSpacedByWhatTheyTake(t *testing.T) {
	s := secure(t, session.Limits{})
	s.now = s.now.Add(100 * time.Millisecond)
	s.publish(nil, chains("https", 101))
	s.expectNothing()
	s.expectDeadline(200 * time.Millisecond)
	s.publish(nil, chains("https", 102))
	s.expectNothing()
	s.now = s.now.Add(200 * time.Millisecond)
	s.state.Expire(s.now)
	s.expectDeadline(0)
	r := s.expect(table.Listener, "https")
	if want := s.table.Get(lds("https")).Hash; r.GetResources()[0].GetVersion() != want {
		t.Errorf("sent version %s, want the latest, %s", r.GetResources()[0].GetVersion(), want)
	}
	s.later(30*time.Millisecond, r)
	s.publish(nil, chains("https", 103))
	s.expectNothing()
	s.expectDeadline(30 * time.Millisecond)
}

func TestAfterQuietALargeListenerGoesAtOnce(t *testing.T) {
	s := secure(t, session.Limits{})
	s.now = s.now.Add(300 * time.Millisecond)
	s.publish(nil, chains("https", 101))
	s.expect(table.Listener, "https")
}

func TestRestHasAnEnd(t *testing.T) {
	s := secure(t, session.Limits{LongestRest: 50 * time.Millisecond})
	s.publish(nil, chains("https", 101))
	s.expectNothing()
	s.expectDeadline(50 * time.Millisecond)
}

// TestFormerListenersAreForgottenFirst sends listeners of 100 kB to an Envoy that may keep 250 kB for 100 s.
func TestFormerListenersAreForgottenFirst(t *testing.T) {
	s := newScript(t, session.Limits{DrainingBytes: 250_000, DrainTime: 100 * time.Second, LongestDrain: 30 * time.Second})
	s.subscribe(table.Listener)
	waits := func(n int) (waits []int) {
		for i := range n {
			s.publish(nil, chains("https", 96+i%2))
			r := next(s.state, s.now)
			started := s.now
			for r == nil {
				deadline, ok := s.state.Deadline()
				if !ok {
					t.Fatal("nothing is sent, and nothing is waited for")
				}
				s.now = deadline
				s.state.Expire(s.now)
				r = next(s.state, s.now)
			}
			s.ack(r)
			waits = append(waits, int(s.now.Sub(started).Seconds()))
		}
		return waits
	}
	if got, want := waits(6), []int{0, 0, 0, 20, 30, 30}; !slices.Equal(got, want) {
		t.Errorf("a stream waits %v seconds, want %v", got, want)
	}
	s.now = s.now.Add(time.Hour)
	if got, want := waits(3), []int{0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("after an hour, a stream waits %v seconds, want %v", got, want)
	}
}

func TestPaceConcernsLargeListenersAlone(t *testing.T) {
	s := secure(t, session.Limits{})
	s.subscribe(table.Cluster)
	s.publish(nil, append(edsCluster("a", "1"), simple(lds("http"), "1"), chains("https", 101))...)
	s.expect(table.Cluster, "a")
	s.ack(s.expect(table.Listener, "http"))
	s.expectNothing()
	s.publish([]table.Ref{lds("https")})
	s.expect(table.Listener, "-https")
}

func TestRejectedListenerIsRepairedAtOnce(t *testing.T) {
	s := secure(t, session.Limits{})
	s.now = s.now.Add(time.Second)
	s.publish(nil, chains("https", 101))
	r := s.expect(table.Listener, "https")
	s.now = s.now.Add(time.Second)
	s.nack(r, "https: wrong")
	s.publish(nil, chains("https", 102))
	s.expect(table.Listener, "https")
}

func TestAcknowledgedListenerWaitsForNothing(t *testing.T) {
	s := secure(t, session.Limits{})
	s.expectNothing()
	if snap := s.state.Snapshot(); !snap.Idle() {
		t.Errorf("not at rest: %+v", snap)
	}
	s.expectDeadline(0)
}
