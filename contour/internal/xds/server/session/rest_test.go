package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// many is a set of endpoints of 100 kB of a Service in the namespace app.
func many(name, text string) *table.Resource {
	return owned("app", simple(eds(name), text+strings.Repeat("x", 100_000)))
}

// owned makes the resource one of objects in these namespaces.
func owned(namespaces string, r *table.Resource) *table.Resource {
	for ns := range strings.FieldsSeq(namespaces) {
		r.Origins = append(r.Origins, kobj.Key{Kind: kobj.Service, Name: kobj.Name{Namespace: ns, Name: r.Ref.Name}})
	}
	return r
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
	s.later(time.Hour, s.expect(table.Endpoint, "other"))
	s.expectNothing()
	s.expectDeadline(2 * time.Second)
	s.now = s.now.Add(2 * time.Second)
	s.state.Expire(s.now)
	r := s.expect(table.Endpoint, "big")
	if want := s.table.Get(eds("big")).Hash; r.GetResources()[0].GetVersion() != want {
		t.Errorf("sent version %s, want the latest, %s", r.GetResources()[0].GetVersion(), want)
	}
	s.ack(r)
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

// routed is a session whose client has route tables of one host in each namespace, one of hosts of several, and one that is small.
func routed(t *testing.T, namespaces ...string) *script {
	s := newScript(t, session.Limits{LargeRoutes: 1000})
	var all []string
	for _, ns := range namespaces {
		all = append(all, ns)
		s.publish(nil, routesOf(ns, ns, "1"))
	}
	all = append(all, "several", "tiny")
	s.publish(nil, routesOf("several", "x y", "1"), owned("x", simple(rds("tiny"), "1")))
	s.subscribe(table.Route, all...)
	for r := next(s.state, s.now); r != nil; r = next(s.state, s.now) {
		s.ack(r)
	}
	s.now = s.now.Add(time.Minute)
	return s
}

// routesOf is a route table of 10 kB of hosts of these namespaces.
func routesOf(name, namespaces, text string) *table.Resource {
	return owned(namespaces, simple(rds(name), text+strings.Repeat("x", 10_000)))
}

// rested ends the rest, and returns the names in the next response.
func (s *script) rested() string {
	s.t.Helper()
	s.now = s.now.Add(session.Limits{}.LongestRest + 10*time.Second)
	s.state.Expire(s.now)
	r := next(s.state, s.now)
	if r == nil {
		return ""
	}
	s.later(time.Millisecond, r)
	return r.GetResources()[0].GetName()
}

// Namespaces are served round robin: one that changes many large tables all the time delays that of another by one of its own.
func TestLargeTablesAreSentRoundRobinByNamespace(t *testing.T) {
	s := routed(t, "a", "b", "z")
	text := 0
	change := func(name, ns string) {
		text++
		s.publish(nil, routesOf(name, ns, fmt.Sprint("c", text)))
	}
	for _, name := range []string{"a1", "a2", "a3"} {
		change(name, "a")
		s.subscribe(table.Route, name)
		s.ack(s.expect(table.Route, name)) // at once: Envoy has not had it
	}
	s.now = s.now.Add(time.Minute)
	change("a1", "a")
	s.later(time.Millisecond, s.expect(table.Route, "a1"))
	change("a2", "a")
	change("a3", "a")
	change("z", "z")
	s.expectNothing()
	var order []string
	for range 5 {
		order = append(order, s.rested())
		change("a1", "a") // again and again
	}
	if got, want := strings.Join(order, " "), "a2 z a3 a1 a1"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// The rest after a large resource is one for all types.
func TestTypesShareTheRest(t *testing.T) {
	s := routed(t, "a")
	s.publish(nil, simple(cds("big"), "1", eds("big")), many("big", "1"))
	s.subscribe(table.Cluster)
	clusters := s.expect(table.Cluster, "big")
	s.subscribe(table.Endpoint, "big")
	s.later(30*time.Millisecond, s.expect(table.Endpoint, "big"))
	s.ack(clusters)
	s.publish(nil, routesOf("a", "a", "2"))
	s.expectNothing()
	s.expectDeadline(120 * time.Millisecond)
	if got := s.rested(); got != "a" {
		t.Errorf("sent %q after the rest, want a", got)
	}
}

// A table of hosts of several namespaces never rests, however large it is, and a small one neither: edits of others are in them.
func TestTablesOfSeveralDoNotRest(t *testing.T) {
	s := routed(t, "a", "b")
	s.publish(nil, routesOf("a", "a", "2"))
	s.later(time.Second, s.expect(table.Route, "a"))
	s.publish(nil, routesOf("b", "b", "2"), routesOf("several", "x y", "2"), owned("x", simple(rds("tiny"), "2")))
	s.ack(s.expect(table.Route, "several", "tiny"))
	s.expectNothing()
	s.expectDeadline(2 * time.Second)
}

// A table that has its turn while others fill the response, so that it does not fit, is the next one.
func TestATurnIsNotLost(t *testing.T) {
	s := routed(t, "a", "b", "c")
	s.publish(nil, routesOf("a", "a", "2"))
	s.later(time.Millisecond, s.expect(table.Route, "a"))
	s.publish(nil, routesOf("b", "b", "2"), routesOf("c", "c", "2"))
	s.expectNothing()
	s.now = s.now.Add(time.Minute)
	s.state.Expire(s.now)
	s.publish(nil, owned("x", simple(rds("a-small"), "2")))
	s.subscribe(table.Route, "a-small")
	small := s.expect(table.Route, "a-small")
	s.ack(small)
	s.ack(s.expect(table.Route, "b"))
	s.expectNothing()
	if got := s.rested(); got != "c" {
		t.Errorf("sent %q after the rest, want c", got)
	}
	s.expectNothing()
	if snap := s.state.Snapshot(); !snap.Idle() {
		t.Errorf("not at rest: %+v", snap)
	}
}

// A tenant that makes new large tables all the time, which Envoy gets at once, does not keep the large table of another waiting: with
// one new one each 300 ms, of 100 ms each, the update of z waits for two rests at most.
func TestNewLargeTablesDoNotProlongTheRestOfOthers(t *testing.T) {
	s := routed(t, "z")
	fresh := func(i int) { // one host is renamed, so that its table is a new one
		name := fmt.Sprintf("evil-%04d", i)
		s.publish(nil, routesOf(name, "evil", "1"))
		s.subscribe(table.Route, name)
	}
	fresh(0)
	s.later(100*time.Millisecond, s.expect(table.Route, "evil-0000"))
	s.publish(nil, routesOf("z", "z", "2"))
	for i := range 200 {
		s.now = s.now.Add(200 * time.Millisecond)
		fresh(i + 1)
		s.state.Expire(s.now)
		for r := next(s.state, s.now); r != nil; r = next(s.state, s.now) {
			for _, x := range r.GetResources() {
				if x.GetName() == "z" {
					if i > 20 {
						t.Fatalf("the edit of z waited for %d new tables of another tenant", i)
					}
					return
				}
			}
			s.later(100*time.Millisecond, r)
		}
	}
	t.Fatal("the edit of z was not sent within a minute")
}
