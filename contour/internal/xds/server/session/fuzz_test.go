package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// hostile is a client that sends whatever the bytes say, on a table that an honest client uses too.
type hostile struct {
	t       *testing.T
	choices []byte
	script  *script
	asked   map[string]bool // Secrets that it has subscribed to by name
	nonces  []string
	changes int
}

// choose returns a number below n; 0 when the bytes are used up.
func (h *hostile) choose(n int) int {
	if len(h.choices) == 0 {
		return 0
	}
	c := int(h.choices[0]) % n
	h.choices = h.choices[1:]
	return c
}

// name returns the name of a resource that may exist, of none, the wildcard, or one that is too long.
func (h *hostile) name() string {
	names := []string{"a", "b", "e-a", "e-b", "s", "l", "r", "", "*", "none", strings.Repeat("n", 70), fmt.Sprint("other-", h.choose(256))}
	return names[h.choose(len(names))]
}

func (h *hostile) names() []string {
	var names []string
	for range h.choose(5) {
		names = append(names, h.name())
	}
	return names
}

func (h *hostile) request() *request {
	if h.choose(8) == 0 { // bytes that were never a request
		n := h.choose(64)
		raw := h.choices[:min(n, len(h.choices))]
		h.choices = h.choices[len(raw):]
		r := &request{}
		if proto.Unmarshal(raw, r) == nil {
			return r
		}
	}
	r := &request{TypeUrl: "x", ResourceNamesSubscribe: h.names(), ResourceNamesUnsubscribe: h.names()}
	if i := h.choose(20); i < 19 {
		r.TypeUrl = table.Types()[i%6].URL()
	}
	for _, name := range h.names() {
		if r.InitialResourceVersions == nil {
			r.InitialResourceVersions = map[string]string{}
		}
		r.InitialResourceVersions[name] = []string{"", "1", h.hash(cds("a"))}[h.choose(3)]
	}
	switch h.choose(4) {
	case 0:
		r.ResponseNonce = fmt.Sprint(h.choose(20))
	case 1, 2:
		if len(h.nonces) > 0 {
			r.ResponseNonce = h.nonces[h.choose(len(h.nonces))]
		}
	}
	if h.choose(3) == 0 {
		r.ErrorDetail = &status.Status{Message: []string{"", "no", "a", "e-a", strings.Repeat("long", 20_000)}[h.choose(5)]}
	}
	return r
}

// hash returns the version of a resource, "" if it is withheld.
func (h *hostile) hash(ref table.Ref) string {
	if v := h.script.table.Get(ref); v != nil {
		return v.Hash
	}
	return ""
}

// send sends a request, and receives what is sent in turn.
func (h *hostile) send() {
	r := h.request()
	if r.GetTypeUrl() == table.Secret.URL() {
		for _, name := range r.GetResourceNamesSubscribe() {
			h.asked[name] = true
		}
	}
	err := h.script.request(r)
	switch {
	case err == nil:
	case errors.Is(err, session.ErrType) || errors.Is(err, session.ErrLimits) || errors.Is(err, session.ErrWildcard):
		h.reconnect()
	default:
		h.t.Fatalf("%v of %v", err, r)
	}
}

// reconnect starts a new stream after an error, which ends the former one.
func (h *hostile) reconnect() {
	h.script.watch.Close()
	h.script.watch, h.script.state = h.script.table.Watch("envoy"), session.New(hostileLimits())
	h.asked, h.nonces = map[string]bool{}, nil
	h.script.apply()
}

func hostileLimits() session.Limits {
	return session.Limits{Names: 20, NameBytes: 64, NamesBytes: 600, SecretWindow: 2, ClusterWindow: 3, LargeEndpoints: 1, LargeRoutes: 1, LargeSecret: 1}
}

// receive takes all responses there are, without an answer.
func (h *hostile) receive() {
	for range 64 {
		r := next(h.script.state, h.script.now)
		if r == nil {
			return
		}
		h.nonces = append(h.nonces, r.GetNonce())
		for _, one := range r.GetResources() {
			if r.GetTypeUrl() == table.Secret.URL() && !h.asked[one.GetName()] {
				h.t.Fatalf("Secret %q is sent, and was not asked for", one.GetName())
			}
		}
	}
	h.t.Fatal("a client that does not answer gets more responses than there are windows")
}

// publish changes what the honest client uses.
func (h *hostile) publish() {
	h.changes++
	text := fmt.Sprint(h.changes)
	set := [][]*table.Resource{edsCluster("a", text), {simple(sds("s"), text)}, {simple(rds("r"), text, cds("a"))}, {simple(lds("l"), text, rds("r"), sds("s"))}}[h.choose(4)]
	h.script.publish(nil, set...)
}

// Whatever a client sends: nothing fails, it is sent a bounded number of responses and no Secret that it has not asked
// for by name, and a client beside it gets everything that is in the table.
func FuzzHostileClient(f *testing.F) {
	f.Add([]byte("a client may send requests in any order, with any names and nonces, as often as it likes"))
	f.Add([]byte{1, 3, 1, 4, 1, 8, 0, 0, 2, 0, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3})
	f.Add(make([]byte, 256))
	f.Fuzz(attack)
}

// The same with random bytes.
func TestHostileClients(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 1_500 {
		choices := make([]byte, rnd.IntN(1_000))
		for i := range choices {
			choices[i] = byte(rnd.Uint32())
		}
		if attack(t, choices); t.Failed() {
			t.Fatalf("seed %d: %q", seed, choices)
		}
	}
}

func attack(t *testing.T, choices []byte) {
	t.Helper()
	h := &hostile{t: t, choices: choices, script: newScript(t, hostileLimits()), asked: map[string]bool{}}
	h.script.publish(nil, append(edsCluster("a", "0"), simple(sds("s"), "0"), simple(rds("r"), "0", cds("a")), simple(lds("l"), "0", rds("r"), sds("s")))...)
	for len(h.choices) > 0 {
		switch h.choose(6) {
		case 0:
			h.publish()
		case 1:
			h.script.now = h.script.now.Add(time.Duration(h.choose(20)) * time.Second)
			h.script.state.Expire(h.script.now)
		default:
			h.send()
		}
		h.receive()
		h.script.state.Snapshot()
	}
	h.honest()
}

// honest connects a client of the same name from another host, which answers everything, and compares what it has with the table.
func (h *hostile) honest() {
	tab := h.script.table
	s := &script{t: h.t, table: tab, watch: tab.WatchFrom("envoy", "another host"), state: session.New(session.Limits{}), now: time.Unix(1000, 0)}
	defer s.watch.Close()
	s.apply()
	s.subscribe(table.Cluster)
	s.subscribe(table.Listener)
	s.subscribe(table.Endpoint, "a")
	s.subscribe(table.Secret, "s")
	s.subscribe(table.Route, "r")
	s.drain()
	if snap := s.state.Snapshot(); !snap.Idle() {
		h.t.Fatalf("the client beside it waits: %+v", snap)
	}
	for v := range tab.Scan() {
		if got := s.state.Acked()[v.Ref.Type][v.Ref.Name]; got != v.Hash {
			h.t.Errorf("the client beside it has version %q of %s, want %q", got, v.Ref, v.Hash)
		}
	}
}
