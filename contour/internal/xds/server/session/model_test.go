package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// world publishes random changes: each step is a consistent set, as translate makes it.
type world struct {
	rnd     *rand.Rand
	table   *table.Table
	serial  int
	current map[table.Ref]*table.Resource
	former  map[table.Ref][]*table.Resource // what resources were, of which some come back
	parts   map[string][]table.Part         // the same of parts
	odd     bool                            // clients disagree
	returns bool                            // former content comes back
}

// text is new content; one in so many texts is bad, for all clients or for one.
func (w *world) text(bad int) string {
	w.serial++
	switch n := w.rnd.IntN(2 * bad); {
	case n < 2:
		return fmt.Sprintf("v%d BAD", w.serial)
	case n == 2 && w.odd:
		return fmt.Sprintf("v%d ODD:client%d;", w.serial, w.rnd.IntN(maxClients))
	}
	return fmt.Sprintf("v%d", w.serial)
}

// pick is a random subset of the names, none of them twice.
func (w *world) pick(n int, names []string) []string {
	var out []string
	for _, i := range w.rnd.Perm(len(names))[:min(n, len(names))] {
		out = append(out, names[i])
	}
	return out
}

func names(prefix string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return out
}

func (w *world) cluster(name string) *table.Resource {
	needs := []table.Ref{eds("e-" + name)}
	if w.rnd.IntN(3) == 0 {
		needs = append(needs, sds(w.pick(1, names("s", 4))[0]))
	}
	return simple(cds(name), w.text(12), needs...)
}

func (w *world) part(name string) table.Part {
	needs := []table.Ref{}
	for _, c := range w.pick(1+w.rnd.IntN(2), names("c", 8)) {
		needs = append(needs, cds(c))
	}
	return part(name, w.text(10), needs...)
}

// route is a route table; the one called d sometimes leads to others, each behind a scope.
func (w *world) route(name string) *table.Resource {
	if name == "d" && w.rnd.IntN(2) == 0 {
		var needs []table.Ref
		for _, shard := range w.pick(1+w.rnd.IntN(3), names("x", 4)) {
			needs = append(needs, srd(shard), rds(shard))
		}
		return simple(rds(name), w.text(12), needs...)
	}
	var parts []table.Part
	old := w.current[rds(name)]
	for i := range 1 + w.rnd.IntN(5) {
		if old != nil && i < len(old.Parts) && w.rnd.IntN(3) > 0 {
			parts = append(parts, old.Parts[i])
			continue
		}
		host := fmt.Sprint(name, "-h", i)
		if past := w.parts[host]; w.returns && len(past) > 0 && w.rnd.IntN(3) == 0 {
			parts = append(parts, past[w.rnd.IntN(len(past))])
			continue
		}
		parts = append(parts, w.part(host))
		w.parts[host] = append(w.parts[host], parts[i])
	}
	return composite(rds(name), name, parts...)
}

func (w *world) listener(name string) *table.Resource {
	var parts []table.Part
	for _, r := range w.pick(1+w.rnd.IntN(3), append(names("r", 5), "d")) {
		needs := []table.Ref{rds(r)}
		if r == "d" {
			needs = []table.Ref{srd(r)}
		}
		if w.rnd.IntN(2) == 0 {
			needs = append(needs, sds(w.pick(1, names("s", 4))[0]))
		}
		parts = append(parts, part(name+"-"+r, w.text(12), needs...))
	}
	return composite(lds(name), name, parts...)
}

// make is a resource with other content, which it may have had before.
func (w *world) make(ref table.Ref) *table.Resource {
	if past := w.former[ref]; w.returns && len(past) > 0 && w.rnd.IntN(4) == 0 {
		return past[w.rnd.IntN(len(past))]
	}
	r := w.new(ref)
	w.former[ref] = append(w.former[ref], r)
	return r
}

func (w *world) new(ref table.Ref) *table.Resource {
	switch ref.Type {
	case table.Cluster:
		return w.cluster(ref.Name)
	case table.Listener:
		return w.listener(ref.Name)
	case table.Scope:
		return simple(ref, "scope", rds(ref.Name))
	case table.Route:
		return w.route(ref.Name)
	default:
		return simple(ref, w.text(12))
	}
}

// step changes some resources, adds what those need, and removes what nothing needs.
func (w *world) step() {
	next := map[table.Ref]*table.Resource{}
	for ref, r := range w.current {
		next[ref] = r
	}
	for range 1 + w.rnd.IntN(4) {
		ref := []table.Ref{
			lds(w.pick(1, names("l", 2))[0]), rds(w.pick(1, names("r", 5))[0]), rds(w.pick(1, names("r", 5))[0]),
			cds(w.pick(1, names("c", 8))[0]), eds("e-" + w.pick(1, names("c", 8))[0]), sds(w.pick(1, names("s", 4))[0]),
			rds("d"), rds(w.pick(1, names("x", 4))[0]),
		}[w.rnd.IntN(8)]
		if ref.Type == table.Listener && w.rnd.IntN(4) == 0 {
			delete(next, ref)
			continue
		}
		if ref.Type == table.Listener || next[ref] != nil {
			next[ref] = w.make(ref)
		}
	}
	w.publish(w.close(next))
}

// close keeps the listeners and all that they need.
func (w *world) close(from map[table.Ref]*table.Resource) map[table.Ref]*table.Resource {
	out := map[table.Ref]*table.Resource{}
	var visit func(ref table.Ref)
	visit = func(ref table.Ref) {
		if out[ref] != nil {
			return
		}
		r := from[ref]
		if r == nil {
			r = w.make(ref)
		}
		out[ref] = r
		for _, n := range allNeeds(r) {
			visit(n)
		}
	}
	for _, name := range names("l", 2) {
		if from[lds(name)] != nil {
			visit(lds(name))
		}
	}
	return out
}

func allNeeds(r *table.Resource) []table.Ref {
	needs := slices.Clone(r.Needs)
	for _, p := range r.Parts {
		needs = append(needs, p.Needs...)
	}
	return needs
}

func (w *world) publish(next map[table.Ref]*table.Resource) {
	var set []*table.Resource
	var removed []table.Ref
	for ref, r := range next {
		if w.current[ref] != r {
			set = append(set, r)
		}
	}
	for ref := range w.current {
		if next[ref] == nil {
			removed = append(removed, ref)
		}
	}
	slices.SortFunc(set, func(a, b *table.Resource) int { return a.Ref.Compare(b.Ref) })
	slices.SortFunc(removed, table.Ref.Compare)
	w.current = next
	w.table.Publish(set, removed)
}

// bads counts what the wanted content has of pieces that are bad for any client.
func (w *world) bads() int {
	n := 0
	isBad := func(text string) bool { return strings.Contains(text, "BAD") || strings.Contains(text, "ODD:") }
	for _, r := range w.current {
		if isBad(string(r.Body)) {
			n++
		}
		for _, p := range r.Parts {
			if isBad(string(p.Body)) {
				n++
			}
		}
	}
	return n
}

// maxClients is the most clients of one run.
const maxClients = 3

// TestModel has clients that behave like Envoy follow random changes over a wire that delays
// everything for random times, with reconnects in between. The clients check each message;
// at rest they must have what the table says. SEED=<number> replays a run, and with SEED=random each run is another one.
func TestModel(t *testing.T) {
	seeds := 400
	if testing.Short() {
		seeds = 50
	}
	base := randomtest.Seed(t)
	// A version that was rejected as a whole, of a resource that was removed since: it was sent again after a restart.
	t.Run("rejected and removed", func(t *testing.T) { runModel(t, 17545259806864268085) })
	// A scope was removed and came back, so that the client dropped its route table and subscribed again, while another route
	// table that led to it was sent.
	t.Run("dropped and subscribed again", func(t *testing.T) { runModel(t, 100209) })
	// A search came back to a version that the client had, so that no answer came: a good part was withheld for ever.
	t.Run("what the client has is tried again", func(t *testing.T) { runModel(t, 1009660) })
	for i := range seeds {
		seed := base + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runModel(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := &world{
		rnd: rnd, table: table.New(), odd: rnd.IntN(2) == 0, returns: rnd.IntN(4) > 0, current: map[table.Ref]*table.Resource{},
		former: map[table.Ref][]*table.Resource{}, parts: map[string][]table.Part{},
	}
	w.table.SetFallback(standIn)
	now := time.Unix(0, 0)
	limits := session.Limits{ClusterWindow: 1 + rnd.IntN(8), SecretWindow: 1 + rnd.IntN(3), UnacceptedResources: 1 + rnd.IntN(20)}
	links := make([]*link, 1+rnd.IntN(maxClients))
	for i := range links {
		c := newClient(t, fmt.Sprint("client", i), func(n int) bool { return rnd.IntN(n) == 0 })
		c.noNames, c.alone, c.returns = rnd.IntN(2) == 0, len(links) == 1, w.returns
		c.lies, c.agrees = i == 2 && rnd.IntN(2) == 0, !w.odd && len(links) < maxClients
		links[i] = connect(c, w.table, limits)
	}
	for range 60 {
		w.step()
		for range rnd.IntN(30) {
			l := links[rnd.IntN(len(links))]
			switch rnd.IntN(3) {
			case 0:
				l.serve(now)
			case 1:
				l.deliver()
			case 2:
				l.answer(now)
			}
		}
		if l := links[0]; rnd.IntN(20) == 0 && len(l.client.unsure) == 0 && len(l.client.warming) == 0 {
			l.reconnect(limits)
		}
	}
	runUntilIdle(t, now, links...)
	links = slices.DeleteFunc(links, func(l *link) bool {
		if l.client.lies {
			l.watch.Close()
		}
		return l.client.lies
	})
	runUntilIdle(t, now, links...)
	for _, l := range links {
		atRest(t, w, l)
	}
	if links[0].client.agrees && !slices.ContainsFunc(w.table.Rejections(), func(r table.Rejection) bool { return r.Unconfirmed }) {
		restartSendsNothing(t, w, now, limits, links)
	}
	leavesNothing(t, w, links)
}

// leavesNothing has all clients leave but one: there is no disagreement left.
func leavesNothing(t *testing.T, w *world, links []*link) {
	t.Helper()
	for _, l := range links[1:] {
		l.watch.Close()
	}
	if got := w.table.Disagreements(); len(got) > 0 {
		t.Errorf("disagreements with a single client: %v", got)
	}
}

// standIn is the fallback of a part, with nothing that is bad.
func standIn(_ table.Type, _ protowire.Number, part []byte) []byte {
	name, _, _ := strings.Cut(string(part), ":")
	return body(name + ":fallback")
}

// atRest checks that the client has what the table has for it, and that this is what is wanted, but for the pieces that
// are bad for the client, in whose place is something.
func atRest(t *testing.T, w *world, l *link) {
	t.Helper()
	want := map[table.Ref]string{}
	unclear := false // what the client has of something left out: the session keeps all that it may need
	all := l.watch.All()
	for _, c := range all {
		if c.Version != nil && (c.Ref.Type.Collective() || l.client.subs[c.Ref.Type][c.Ref.Name]) {
			want[c.Ref] = string(c.Version.Body())
		}
	}
	for _, c := range all {
		if c.Withheld {
			unclear = l.client.except(c.Ref, want) || unclear
		}
	}
	for ref := range l.client.has {
		if unclear && want[ref] == "" {
			delete(l.client.has, ref)
			delete(l.client.unsure, ref)
		}
	}
	if diff := cmp.Diff(want, l.client.has); diff != "" {
		t.Errorf("%s has something else than the table (-table +client): %s\n%+v", l.client.name, diff, l.state.Snapshot())
	}
	if got := len(w.table.Rejections()); got > w.bads() {
		t.Errorf("%d rejections for %d bad pieces: %v", got, w.bads(), w.table.Rejections())
	}
	l.arrives(t, w)
	snap := l.state.Snapshot()
	if len(snap.Blocked) > 0 || snap.Waiting > 0 {
		t.Errorf("%s is not at rest: %+v; it waits for %v", l.client.name, snap, l.client.warming)
	}
}

// arrives checks that the client gets each part that it accepts, and something in the place of each that it does not.
func (l *link) arrives(t *testing.T, w *world) {
	t.Helper()
	for ref, r := range w.current {
		v := l.watch.Get(ref)
		if v == nil || !l.client.subs[ref.Type][ref.Name] {
			continue
		}
		for _, p := range r.Parts {
			if !rejects(string(p.Body), l.client.name) && !strings.Contains(string(v.Body()), string(p.Body)) {
				t.Errorf("%s: the good part %s of %v does not arrive", l.client.name, p.Name, ref)
			}
			if !strings.Contains(string(v.Body()), p.Name+":") {
				t.Errorf("%s: nothing is in the place of part %s of %v", l.client.name, p.Name, ref)
			}
		}
	}
}

// except leaves out of the comparison what is withheld, of which the client keeps what it has,
// and what that needs. It reports whether the session cannot know what the client has of it.
func (c *client) except(ref table.Ref, want map[table.Ref]string) (unclear bool) {
	text := c.has[ref]
	unclear = c.unsure[ref] || c.uncertain[ref] || c.resumed && text != ""
	delete(c.has, ref)
	delete(c.unsure, ref)
	for _, need := range needsOf(text) {
		if want[need] == "" {
			unclear = c.except(need, want) || unclear
		}
	}
	return unclear
}

// restartSendsNothing has everybody reconnect, to a table that another replica made.
func restartSendsNothing(t *testing.T, w *world, now time.Time, limits session.Limits, links []*link) {
	t.Helper()
	for _, l := range links {
		if len(l.client.unsure) > 0 {
			t.Errorf("%s does not know its versions of %v", l.client.name, l.client.unsure)
		}
		l.reconnect(limits)
	}
	runUntilIdle(t, now, links...)
	for _, l := range links {
		if len(l.client.got) > 0 {
			t.Errorf("%s received %v after a restart", l.client.name, l.client.got)
		}
	}
}
