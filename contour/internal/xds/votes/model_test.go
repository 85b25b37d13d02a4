package votes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// The model: replicas that publish the same route table, each at its own time, and exchange votes through one map, of which
// each may have an old view; Envoys that connect to any of them, reject what they do not like, and lie.

const hosts = 5

type world struct {
	t        *testing.T
	rnd      *rand.Rand
	now      time.Time
	data     map[string]string
	replicas []*replica
	envoys   []*envoy
	parts    [hosts]string
	serial   int
	names    int
	again    int // contents that were sent to an Envoy although its replica knew that it rejects them
}

type replica struct {
	table    *table.Table
	exchange *Exchange
}

type envoy struct {
	name     string
	liar     bool
	at       *replica // nil: not connected
	watch    *table.Watch
	accepted *table.Version
	answered *table.Version
	rejected map[string]bool // contents
}

var rc = table.Ref{Type: table.Route, Name: "rc"}

func standIn(_ table.Type, _ protowire.Number, part []byte) []byte {
	name, _, _ := strings.Cut(string(part), ":")
	return []byte(name + ": fallback")
}

func newWorld(t *testing.T, seed uint64, liars int) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), now: time.Unix(1_800_000_000, 0), data: map[string]string{}}
	for i := range w.parts {
		w.parts[i] = fmt.Sprintf("h%d: good", i)
	}
	for range 3 {
		r := &replica{}
		w.replicas = append(w.replicas, r)
		w.start(r)
	}
	for i := range 4 + liars {
		w.envoys = append(w.envoys, &envoy{name: fmt.Sprint("envoy", i), liar: i >= 4, rejected: map[string]bool{}})
	}
	return w
}

// start starts a replica, which reads what is shared before it publishes.
func (w *world) start(r *replica) {
	w.names++
	r.exchange, r.table = New(fmt.Sprint("replica", w.names)), table.New()
	r.table.SetFallback(standIn)
	w.deliver(r)
	w.publish(r)
}

func (w *world) publish(r *replica) {
	resource := &table.Resource{Ref: rc, Body: protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "header"), Field: 2}
	for i, p := range w.parts {
		resource.Parts = append(resource.Parts, table.Part{Name: fmt.Sprint("h", i), Body: []byte(p)})
	}
	r.table.Publish([]*table.Resource{resource}, nil)
}

// deliver is an event of the watch of a replica.
func (w *world) deliver(r *replica) {
	r.exchange.Read(maps.Clone(w.data))
	r.table.SetRemoteVotes(r.exchange.Others(w.now)[fleetName])
}

// write writes what a replica wants to, by what it has read.
func (w *world) write(r *replica) bool {
	p := r.exchange.Plan(map[ir.Fleet][]table.Vote{fleetName: r.table.Votes()}, w.now)
	apply(w.data, p)
	if len(w.data) > MaxEntries {
		w.t.Fatalf("%d entries", len(w.data))
	}
	return !p.Empty()
}

func (w *world) connect(e *envoy, r *replica) {
	if e.watch != nil {
		e.watch.Close()
	}
	e.at, e.watch, e.accepted, e.answered = r, nil, nil, nil
	if r == nil {
		return
	}
	e.watch = r.table.WatchFrom(e.name, "10.0.0."+e.name[len("envoy"):])
	if e.liar {
		return
	}
	known := map[string]bool{}
	for _, v := range r.table.Votes() {
		if v.Node == e.name {
			known[v.Piece.Hash.String()] = true
		}
	}
	for _, part := range contents(e.watch.Get(rc)) {
		if e.rejects(part) && known[hashOfPart(part)] {
			w.again++
		}
	}
}

func (e *envoy) rejects(part string) bool {
	return strings.Contains(part, "BAD") || strings.Contains(part, "ODD:"+e.name)
}

// answer has an Envoy answer what it is sent, and reports whether there was anything.
func (w *world) answer(e *envoy) bool {
	if e.watch == nil {
		return false
	}
	v := e.watch.Get(rc)
	if v == nil || v == e.answered {
		return false
	}
	if got := len(contents(v)); got != hosts && !e.liar {
		w.t.Fatalf("a version has %d of %d parts", got, hosts)
	}
	e.answered = v
	bad := slices.ContainsFunc(contents(v), e.rejects)
	if e.liar {
		bad = w.rnd.IntN(2) == 0
	}
	if bad {
		e.watch.Reject(v, "I do not like it", e.accepted)
		return true
	}
	e.accepted = v
	e.watch.Accept([]*table.Version{v})
	return true
}

func (w *world) step() {
	r, e := w.replicas[w.rnd.IntN(len(w.replicas))], w.envoys[w.rnd.IntN(len(w.envoys))]
	w.now = w.now.Add(time.Duration(w.rnd.IntN(3000)) * time.Millisecond)
	switch w.rnd.IntN(14) {
	case 0:
		w.edit()
		w.publish(r)
	case 1:
		w.publish(r)
	case 2, 3:
		w.deliver(r)
	case 4, 5:
		w.write(r)
	case 6:
		w.connect(e, r)
	case 7:
		if w.rnd.IntN(4) == 0 {
			w.connect(e, nil)
		}
	case 8:
		if w.rnd.IntN(4) == 0 {
			w.restart(r)
		}
	default:
		w.answer(e)
	}
}

func (w *world) edit() {
	i := w.rnd.IntN(hosts)
	w.serial++
	switch w.rnd.IntN(5) {
	case 0:
		w.parts[i] = fmt.Sprintf("h%d: BAD %d", i, w.rnd.IntN(3)) // may come back
	case 1:
		w.parts[i] = fmt.Sprintf("h%d: ODD:%s", i, w.envoys[w.rnd.IntN(4)].name)
	default:
		w.parts[i] = fmt.Sprintf("h%d: %d", i, w.serial)
	}
}

// restart kills a replica and starts another one in its place, to which its Envoys connect later.
func (w *world) restart(r *replica) {
	r.table.Close()
	for _, e := range w.envoys {
		if e.at == r {
			e.at, e.watch, e.accepted, e.answered = nil, nil, nil, nil
		}
	}
	w.start(r)
}

// rest has everything happen that is due, without lies, until nothing does.
func (w *world) rest() {
	for _, r := range w.replicas {
		w.publish(r)
	}
	for _, e := range w.envoys {
		if e.at == nil {
			w.connect(e, w.replicas[w.rnd.IntN(len(w.replicas))])
		}
	}
	for range 2000 {
		busy := false
		for _, e := range w.envoys {
			busy = w.answer(e) || busy
		}
		for _, r := range w.replicas {
			w.deliver(r)
			busy = w.write(r) || busy
			w.deliver(r)
		}
		if !busy {
			if w.now = w.now.Add(2 * keepLeft); !w.anyPlan() {
				return
			}
		}
	}
	w.t.Fatal("the replicas do not come to rest")
}

func (w *world) anyPlan() bool {
	busy := false
	for _, r := range w.replicas {
		w.deliver(r)
		busy = w.write(r) || busy
	}
	return busy
}

// check checks that every replica reports what the Envoys of all replicas reject, and that each Envoy has what it accepts.
func (w *world) check() {
	for i, r := range w.replicas {
		rejected, disagreed := map[string]string{}, map[string]string{}
		for _, x := range r.table.Rejections() {
			rejected[x.Part] = x.Node
		}
		for _, x := range r.table.Disagreements() {
			disagreed[x.Part] = x.Node
		}
		for h, part := range w.parts {
			name, by := fmt.Sprint("h", h), 0
			for _, e := range w.envoys {
				if e.rejects(part) {
					by++
				}
			}
			_, isRejected := rejected[name]
			_, isDisagreed := disagreed[name]
			if want := by == len(w.envoys); isRejected != want {
				w.t.Errorf("replica %d: %q is rejected by %d Envoys, reported: %t (%s), disagreement: %t", i, part, by, isRejected, rejected[name], isDisagreed)
			}
			if want := by > 0 && by < len(w.envoys); isDisagreed != want {
				w.t.Errorf("replica %d: %q is rejected by %d Envoys, disagreement: %t, rejected: %t", i, part, by, isDisagreed, isRejected)
			}
		}
	}
	w.checkServed()
}

// checkServed checks that each honest Envoy has what it accepts, and something for each part.
func (w *world) checkServed() {
	for _, e := range w.envoys {
		if e.liar {
			continue
		}
		has := contents(e.watch.Get(rc))
		for _, part := range w.parts {
			if !e.rejects(part) && !slices.Contains(has, part) {
				w.t.Errorf("%s does not get %q but %q", e.name, part, has)
			}
		}
		for _, part := range has {
			if e.rejects(part) {
				w.t.Errorf("%s is left with %q", e.name, part)
			}
		}
	}
}

func TestReplicasAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		w := newWorld(t, seed, 0)
		for range 400 {
			w.step()
		}
		w.rest()
		if w.check(); w.again > 0 {
			t.Errorf("%d times an Envoy was sent what its replica knew that it rejects", w.again)
		}
		for i := range w.parts {
			w.parts[i] = fmt.Sprintf("h%d: repaired", i)
		}
		w.rest()
		w.check()
		for _, pass := range []time.Duration{0, keepUnwanted, keepLeft, expireAfter, 0} { // those of replicas that are gone expire
			w.now = w.now.Add(pass)
			w.anyPlan()
		}
		if len(w.data) > 0 {
			t.Errorf("left over: %v", w.data)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Wherever an Envoy that lies connects, the others have something for each part, so that no broader host answers (answer checks
// that), and nobody says of them that they reject what they do not.
func TestLiarTakesNothingAway(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		w := newWorld(t, seed, 1)
		seen := map[string]string{}
		for range 400 {
			for _, part := range w.parts {
				seen[hashOfPart(part)] = part
			}
			w.step()
			if w.checkVotes(seen); t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// checkVotes checks that honest Envoys reject what replicas say that they do; seen is the parts by hash.
func (w *world) checkVotes(seen map[string]string) {
	honest := map[string]*envoy{}
	for _, e := range w.envoys {
		if !e.liar {
			honest[e.name] = e
		}
	}
	for i, r := range w.replicas {
		for _, v := range r.table.Votes() {
			e, part := honest[v.Node], seen[v.Piece.Hash.String()]
			if e != nil && part != "" && !e.rejects(part) {
				w.t.Errorf("replica %d says that %s rejects %q", i, e.name, part)
			}
		}
	}
}

// contents returns the parts of a version, without its header.
func contents(v *table.Version) []string {
	if v == nil {
		return nil
	}
	var out []string
	for b := v.Body(); len(b) > 0; {
		_, _, n := protowire.ConsumeTag(b)
		value, m := protowire.ConsumeBytes(b[n:])
		out = append(out, string(value))
		b = b[n+m:]
	}
	return out[1:]
}

func hashOfPart(part string) string {
	sum := sha256.Sum256([]byte(part))
	return hex.EncodeToString(sum[:16])
}
