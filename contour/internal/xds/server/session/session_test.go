package session_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// script drives one session by hand: nothing happens unless the test says so.
type script struct {
	t     *testing.T
	table *table.Table
	watch *table.Watch
	state *session.State
	now   time.Time
}

func newScript(t *testing.T, limits session.Limits) *script {
	s := &script{t: t, table: table.New(), state: session.New(limits), now: time.Unix(1000, 0)}
	s.watch = s.table.Watch("envoy")
	t.Cleanup(s.watch.Close)
	return s
}

func (s *script) publish(removed []table.Ref, set ...*table.Resource) {
	s.table.Publish(set, removed)
	s.apply()
}

func (s *script) apply() {
	changes, _ := s.watch.Take()
	s.watch.Accept(s.state.Apply(changes))
}

func (s *script) request(r *request) error {
	verdict, err := s.state.Request(r, s.now)
	s.watch.Accept(verdict.Accepted)
	if verdict.Rejected != nil {
		s.watch.Reject(verdict.Rejected, verdict.ErrorDetail, verdict.Has)
	}
	s.apply()
	return err
}

func (s *script) subscribe(t table.Type, names ...string) {
	s.t.Helper()
	if err := s.request(&request{TypeUrl: t.URL(), ResourceNamesSubscribe: names}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) ack(r *response) {
	s.t.Helper()
	if err := s.request(&request{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce()}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) nack(r *response, detail string) {
	s.t.Helper()
	answer := &request{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce(), ErrorDetail: &status.Status{Code: 13, Message: detail}}
	if err := s.request(answer); err != nil {
		s.t.Fatal(err)
	}
}

// expect is the next response; it must have exactly these names, removed ones as "-name".
func (s *script) expect(t table.Type, names ...string) *response {
	s.t.Helper()
	r := next(s.state, s.now)
	if r == nil {
		s.t.Fatalf("nothing is sent, want %v %v", t, names)
	}
	var got []string
	for _, x := range r.GetResources() {
		got = append(got, x.GetName())
	}
	for _, x := range r.GetRemovedResources() {
		got = append(got, "-"+x)
	}
	if r.GetTypeUrl() != t.URL() || !slices.Equal(got, names) {
		s.t.Fatalf("sent %s %v, want %v %v", r.GetTypeUrl(), got, t, names)
	}
	return r
}

func (s *script) expectNothing() {
	s.t.Helper()
	if r := next(s.state, s.now); r != nil {
		s.t.Fatalf("something is sent, want nothing: %.200v", r)
	}
}

func edsCluster(name, text string) []*table.Resource {
	return []*table.Resource{simple(cds(name), text, eds(name)), simple(eds(name), "endpoints")}
}

// running is a session whose client has cluster a behind route r behind listener l.
func running(t *testing.T) *script {
	s := newScript(t, session.Limits{})
	s.publish(nil, append(edsCluster("a", "1"), simple(rds("r"), "1", cds("a")), simple(lds("l"), "1", rds("r")))...)
	s.subscribe(table.Cluster)
	s.subscribe(table.Listener)
	clusters := s.expect(table.Cluster, "a")
	s.expectNothing() // the listener waits: its route waits for the cluster
	s.subscribe(table.Endpoint, "a")
	s.ack(s.expect(table.Endpoint, "a"))
	s.ack(clusters)
	s.ack(s.expect(table.Listener, "l"))
	s.subscribe(table.Route, "r")
	s.ack(s.expect(table.Route, "r"))
	s.expectNothing()
	return s
}

func TestMakeBeforeBreak(t *testing.T) {
	s := running(t)
	s.publish([]table.Ref{cds("a"), eds("a")}, append(edsCluster("b", "1"), simple(rds("r"), "2", cds("b")))...)
	clusters := s.expect(table.Cluster, "b")
	s.expectNothing()
	s.subscribe(table.Endpoint, "b")
	s.expect(table.Endpoint, "b")
	s.expectNothing()
	s.ack(clusters)
	routes := s.expect(table.Route, "r")
	s.expectNothing() // the client may still use cluster a
	s.ack(routes)
	s.expect(table.Cluster, "-a")
	s.expectNothing()
}

func TestEndpointAckOpensAClusterBehindASlowOne(t *testing.T) {
	s := running(t)
	s.publish(nil, simple(cds("slow"), "1", eds("slow"), sds("s")), simple(eds("slow"), "1"), simple(sds("s"), "1"))
	s.expect(table.Cluster, "slow") // never answered
	s.publish(nil, append(edsCluster("b", "1"), simple(rds("r"), "2", cds("b")))...)
	s.expect(table.Cluster, "b")
	s.subscribe(table.Endpoint, "b")
	s.ack(s.expect(table.Endpoint, "b"))
	s.expect(table.Route, "r")
}

// Envoy uses a cluster with a health check only after the first check, which may take as long as its timeout. Clusters behind
// it do not wait for that.
func TestHealthCheckedClusterWaitsForItsOwnAck(t *testing.T) {
	const checked = "\x42\x00" // the field health_checks
	s := running(t)
	s.publish(nil, simple(cds("checked"), checked, eds("checked")), simple(eds("checked"), "1"), simple(rds("r"), "2", cds("checked")))
	cluster := s.expect(table.Cluster, "checked")
	s.subscribe(table.Endpoint, "checked")
	s.ack(s.expect(table.Endpoint, "checked"))
	s.expectNothing()
	s.publish(nil, append(edsCluster("b", "1"), simple(rds("q"), "2", cds("b")))...)
	s.expect(table.Cluster, "b")
	s.subscribe(table.Endpoint, "b")
	s.subscribe(table.Route, "q")
	s.ack(s.expect(table.Endpoint, "b"))
	s.ack(s.expect(table.Route, "q"))
	s.ack(cluster)
	s.expect(table.Route, "r")
}

// The owner of a backend decides how long its health check takes; route tables that others share do not wait for that, and
// acknowledgements of other clusters do not prolong the wait.
func TestHealthCheckHoldsUpForAShortTime(t *testing.T) {
	const checked = "\x42\x00" // the field health_checks
	s := running(t)
	s.publish(nil, edsCluster("b", "1")...)
	other := s.expect(table.Cluster, "b")
	s.publish(nil, simple(cds("checked"), checked, eds("checked")), simple(eds("checked"), "1"), simple(rds("r"), "2", cds("checked")))
	s.expect(table.Cluster, "checked")
	s.expectNothing()
	s.now = s.now.Add(100 * time.Millisecond)
	s.ack(other)
	s.expectNothing()
	deadline, ok := s.state.Deadline()
	if !ok || deadline.Sub(s.now) != 900*time.Millisecond {
		t.Fatalf("deadline in %v %v", deadline.Sub(s.now), ok)
	}
	s.now = deadline
	if got := s.state.Expire(s.now); len(got) != 1 || got[0] != (session.Overdue{Need: cds("checked"), Waiting: 1, Sent: true}) {
		t.Fatalf("overdue: %v", got)
	}
	s.expect(table.Route, "r")
}

func TestClusterUpdatePushesItsEndpointsAgain(t *testing.T) {
	s := running(t)
	s.publish(nil, simple(cds("a"), "2", eds("a")))
	s.expect(table.Cluster, "a")
	s.ack(s.expect(table.Endpoint, "a"))
	s.expectNothing()
}

func TestSlowClusterHoldsUpForABoundedTime(t *testing.T) {
	s := running(t)
	s.publish(nil, append(edsCluster("b", "1"), simple(rds("r"), "2", cds("b")))...)
	s.expect(table.Cluster, "b")
	s.expectNothing()
	deadline, ok := s.state.Deadline()
	if !ok || deadline.Sub(s.now) != 5*time.Second {
		t.Fatalf("deadline %v %v", deadline, ok)
	}
	s.now = deadline
	if got := s.state.Expire(s.now); len(got) != 1 || got[0] != (session.Overdue{Need: cds("b"), Waiting: 1, Sent: true}) {
		t.Fatalf("overdue: %v", got)
	}
	s.expect(table.Route, "r")
	if _, ok := s.state.Deadline(); ok {
		t.Error("there is still a deadline although nothing waits")
	}
}

func TestAckOfOthersProlongsTheWait(t *testing.T) {
	s := running(t)
	s.publish(nil, append(append(edsCluster("b", "1"), edsCluster("c", "1")...), simple(rds("r"), "2", cds("c")))...)
	clusters := s.expect(table.Cluster, "b", "c")
	s.publish(nil, simple(cds("c"), "2", eds("c")))
	s.expect(table.Cluster, "c")
	s.expectNothing()
	s.now = s.now.Add(3 * time.Second)
	s.ack(clusters)
	s.expect(table.Route, "r")
}

func TestWhatCannotBeMetBlocksNothing(t *testing.T) {
	s := running(t)
	s.publish(nil, simple(rds("r"), "2", cds("absent"), cds("bad")), simple(cds("bad"), "BAD"))
	clusters := s.expect(table.Cluster, "bad")
	s.expectNothing()
	s.nack(clusters, "Error adding/updating cluster(s) bad: wrong")
	s.expect(table.Route, "r")
	s.expectNothing()
}

func TestAbsentNameIsAnsweredAtOnceAndSentLater(t *testing.T) {
	s := newScript(t, session.Limits{})
	s.subscribe(table.Secret, "s")
	s.ack(s.expect(table.Secret, "-s"))
	s.publish(nil, simple(sds("s"), "1"))
	s.ack(s.expect(table.Secret, "s"))
	s.expectNothing()
	s.subscribe(table.Secret, "s") // asked again: answered again
	s.ack(s.expect(table.Secret, "s"))
	if err := s.request(&request{TypeUrl: table.Secret.URL(), ResourceNamesUnsubscribe: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	s.publish(nil, simple(sds("s"), "2"))
	s.expectNothing()
}

func TestUnprovenSecretsTravelAlone(t *testing.T) {
	s := newScript(t, session.Limits{SecretWindow: 2})
	s.publish(nil, simple(sds("a"), "1"), simple(sds("b"), "BAD"), simple(sds("c"), "1"))
	s.subscribe(table.Secret, "a", "b", "c")
	a, b := s.expect(table.Secret, "a"), s.expect(table.Secret, "b")
	s.expectNothing() // two are in flight
	s.ack(a)
	s.expect(table.Secret, "c")
	s.nack(b, "bad PEM")
	s.expectNothing() // the bad one is not sent again
	if got := s.table.Rejections(); len(got) != 1 || got[0].Ref != sds("b") {
		t.Errorf("rejections: %v", got)
	}
}

func TestRejectedBatchIsSearchedInHalves(t *testing.T) {
	s := newScript(t, session.Limits{})
	var set []*table.Resource
	for i := range 64 {
		text := "ok"
		if i == 37 {
			text = "BAD"
		}
		set = append(set, simple(eds(fmt.Sprintf("e%02d", i)), text))
	}
	s.publish(nil, set...)
	var names []string
	for _, r := range set {
		names = append(names, r.Ref.Name)
	}
	s.subscribe(table.Endpoint, names...)
	responses := 0
	for {
		r := next(s.state, s.now)
		if r == nil {
			break
		}
		responses++
		if slices.ContainsFunc(r.GetResources(), func(x *resourceMessage) bool { return x.GetName() == "e37" }) {
			s.nack(r, "malformed IP address")
		} else {
			s.ack(r)
		}
	}
	if responses > 14 {
		t.Errorf("%d responses to find one of 64, want at most two for each halving and two", responses)
	}
	if got := s.state.Acked()[table.Endpoint]; len(got) != 63 {
		t.Errorf("%d resources arrived, want all but the bad one", len(got))
	}
	if got := s.table.Rejections(); len(got) != 1 || got[0].Ref != eds("e37") {
		t.Errorf("rejections: %v", got)
	}
}

// What Envoy could not use through no fault of the resource is sent again when the caller says so, and only then.
func TestRetrySendsTheSameVersionAgain(t *testing.T) {
	s := newScript(t, session.Limits{})
	s.publish(nil, simple(lds("l"), "ok"))
	s.subscribe(table.Listener)
	r := next(s.state, s.now)
	if r == nil {
		t.Fatal("nothing is sent")
	}
	if _, err := s.state.Request(&request{
		TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce(), ErrorDetail: &status.Status{Message: "cannot bind"},
	}, s.now); err != nil {
		t.Fatal(err)
	}
	if again := next(s.state, s.now); again != nil {
		t.Fatalf("sent again unasked: %v", again)
	}
	s.state.Retry(lds("l"))
	again := next(s.state, s.now)
	if again == nil || again.GetResources()[0].GetVersion() != r.GetResources()[0].GetVersion() {
		t.Fatalf("after Retry: %v", again)
	}
	s.ack(again)
	s.state.Retry(lds("l"))
	if more := next(s.state, s.now); more != nil {
		t.Errorf("sent again after it was accepted: %v", more)
	}
}

func TestReportedVersions(t *testing.T) {
	first := running(t)
	acked := first.state.Acked()
	s := newScript(t, session.Limits{})
	s.publish(nil, append(edsCluster("a", "2"), edsCluster("b", "1")...)...)
	s.publish(nil, simple(rds("r"), "2", cds("b")), simple(lds("l"), "1", rds("r")))
	for _, typ := range []table.Type{table.Cluster, table.Endpoint, table.Listener, table.Route} {
		r := &request{TypeUrl: typ.URL(), InitialResourceVersions: acked[typ]}
		if typ == table.Endpoint || typ == table.Route {
			for name := range acked[typ] {
				r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
			}
		}
		if typ == table.Cluster {
			r.InitialResourceVersions["gone"] = "unknown"
		}
		if err := s.request(r); err != nil {
			t.Fatal(err)
		}
	}
	// The client's route is of unknown content and may need the cluster that is gone.
	clusters := s.expect(table.Cluster, "a", "b")
	s.ack(s.expect(table.Endpoint, "a")) // pushed with its cluster, although reported as equal
	s.expectNothing()
	s.ack(clusters)
	s.ack(s.expect(table.Route, "r"))
	s.expect(table.Cluster, "-gone")
	s.expectNothing()
}

func TestChangesMergeWhileAResponseIsInFlight(t *testing.T) {
	s := running(t)
	responses := 0
	r := (*response)(nil)
	for i := range 1000 {
		s.publish(nil, simple(eds("a"), fmt.Sprint("v", i)))
		if next := next(s.state, s.now); next != nil {
			r = next
			responses++
		}
	}
	s.ack(r)
	s.ack(s.expect(table.Endpoint, "a"))
	s.expectNothing()
	if responses != 1 {
		t.Errorf("%d responses in flight, want 1", responses)
	}
	if snap := s.state.Snapshot(); !snap.Idle() {
		t.Errorf("not quiet: %+v", snap)
	}
}

func TestStaleAndUnknownAnswersChangeNothing(t *testing.T) {
	s := running(t)
	s.nack(&response{TypeUrl: table.Route.URL(), Nonce: "12345"}, "what?")
	s.expectNothing()
	if got := s.table.Rejections(); len(got) != 0 {
		t.Error(got)
	}
}

func TestFirstRequestIsAnsweredWhenThereIsNothing(t *testing.T) {
	s := newScript(t, session.Limits{})
	s.subscribe(table.Cluster)
	s.subscribe(table.Listener)
	s.ack(s.expect(table.Cluster))
	s.ack(s.expect(table.Listener))
	s.expectNothing()
}

func TestLimitsAndTypes(t *testing.T) {
	s := newScript(t, session.Limits{Names: 2, NameBytes: 3, NamesBytes: 5})
	for name, c := range map[string]struct {
		request *request
		want    error
	}{
		"type":          {&request{TypeUrl: "x"}, session.ErrType},
		"names":         {&request{TypeUrl: table.Secret.URL(), ResourceNamesSubscribe: []string{"a", "b", "c"}}, session.ErrLimits},
		"name":          {&request{TypeUrl: table.Secret.URL(), ResourceNamesSubscribe: []string{"abcd"}}, session.ErrLimits},
		"bytes":         {&request{TypeUrl: table.Secret.URL(), ResourceNamesSubscribe: []string{"abc", "def"}}, session.ErrLimits},
		"version":       {&request{TypeUrl: table.Secret.URL(), InitialResourceVersions: map[string]string{"abc": "def"}}, session.ErrLimits},
		"all Secrets":   {&request{TypeUrl: table.Secret.URL(), ResourceNamesSubscribe: []string{"*"}}, session.ErrWildcard},
		"all endpoints": {&request{TypeUrl: table.Endpoint.URL(), ResourceNamesSubscribe: []string{"a", "*"}}, session.ErrWildcard},
		"all routes":    {&request{TypeUrl: table.Route.URL(), ResourceNamesSubscribe: []string{"*"}}, session.ErrWildcard},
	} {
		if err := s.request(c.request); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a client unsubscribes from counts no longer: a client that changes its mind forever reaches no limit, and one that
// only adds does.
func TestNamesCountWhileTheyAreSubscribed(t *testing.T) {
	s := newScript(t, session.Limits{Names: 3, NamesBytes: 30})
	name := func(i int) string { return fmt.Sprintf("name-%05d", i) }
	for i := range 1_000 {
		r := &request{TypeUrl: table.Secret.URL(), ResourceNamesSubscribe: []string{name(i)}}
		if i > 0 {
			r.ResourceNamesUnsubscribe = []string{name(i - 1)}
		}
		if err := s.request(r); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		for answer := next(s.state, s.now); answer != nil; answer = next(s.state, s.now) {
			s.ack(answer)
		}
	}
	s.subscribe(table.Secret, "one", "two")
	if err := s.request(&request{TypeUrl: table.Secret.URL(), ResourceNamesSubscribe: []string{"three"}}); !errors.Is(err, session.ErrLimits) {
		t.Errorf("one name more than there may be: %v", err)
	}
}
