package table

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/kobj"

	"contour.example/contour/internal/randomtest"
)

// envoys is a table and Envoys of its fleet, the first of which gives the answers. accepted is what each has, by resource.
type envoys struct {
	*Table
	*Watch
	accepted map[*Watch]map[Ref]*Version
	// leavesOut: a version may have nothing for a part.
	leavesOut bool
}

// newFleet is an empty table with one Envoy.
func newFleet() *envoys {
	t := New()
	return &envoys{Table: t, Watch: t.Watch("envoy"), accepted: map[*Watch]map[Ref]*Version{}}
}

// as is the fleet with another Envoy giving the answers.
func (e *envoys) as(w *Watch) *envoys { return &envoys{Table: e.Table, Watch: w, accepted: e.accepted} }

// connect is the fleet with one more Envoy, which gives the answers.
func (e *envoys) connect(node string) *envoys { return e.as(e.Table.Watch(node)) }

func (e *envoys) Get(ref Ref) *Version { return e.Watch.Get(ref) }

func (e *envoys) Accept(versions []*Version) {
	if e.accepted[e.Watch] == nil {
		e.accepted[e.Watch] = map[Ref]*Version{}
	}
	for _, v := range versions {
		e.accepted[e.Watch][v.Ref] = v
	}
	e.Watch.Accept(versions)
}

func (e *envoys) Reject(v *Version, detail string) {
	e.Watch.Reject(v, detail, e.accepted[e.Watch][v.Ref])
}

func simple(t Type, name, body string, needs ...Ref) *Resource {
	return &Resource{Ref: Ref{t, name}, Body: []byte(body), Needs: needs}
}

func cluster(name string) Ref { return Ref{Cluster, name} }

// route returns a composite whose parts have bodies like "host: body"; a need follows "->".
func route(header string, parts ...string) *Resource {
	r := &Resource{Ref: Ref{Route, "rc"}, Body: protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), header), Field: 2}
	for _, p := range parts {
		name, _, _ := strings.Cut(p, ":")
		part := Part{Name: name, Body: []byte(p), Origins: []kobj.Key{kobj.Of(kobj.HTTPProxy, "ns", name)}}
		if _, need, ok := strings.Cut(p, "->"); ok {
			part.Needs = []Ref{cluster(need)}
		}
		r.Parts = append(r.Parts, part)
	}
	return r
}

// contents returns the header and the parts of a composite.
func contents(v *Version) []string {
	var out []string
	for b := v.Body(); len(b) > 0; {
		_, _, n := protowire.ConsumeTag(b)
		value, m := protowire.ConsumeBytes(b[n:])
		out = append(out, string(value))
		b = b[n+m:]
	}
	return out
}

// envoy answers until it has accepted the effective version: it rejects versions that contain "BAD",
// with the error detail that detail returns. It returns the number of answers.
func envoy(t *testing.T, tab *envoys, ref Ref, detail func(*Version) string) int {
	t.Helper()
	for seen := 0; ; seen++ {
		v := tab.Get(ref)
		if v == nil || v == tab.accepted[tab.Watch][ref] {
			return seen
		}
		if seen > 2000 {
			t.Fatal("the search does not end")
		}
		if tab.fallback != nil && !tab.leavesOut {
			leftOut(t, tab, v)
		}
		if strings.Contains(string(v.Body()), "BAD") {
			tab.Reject(v, detail(v))
		} else {
			tab.Accept([]*Version{v})
		}
	}
}

func noDetail(*Version) string { return "no" }

// standIn is the fallback of a part: its name, without anything that is bad.
func standIn(_ Type, _ protowire.Number, part []byte) []byte {
	name, _, _ := strings.Cut(string(part), ":")
	return []byte(name + ": fallback")
}

// leftOut checks that a version has something for each wanted part.
func leftOut(t *testing.T, tab *envoys, v *Version) {
	t.Helper()
	for _, p := range tab.wanted(v.Ref) {
		if !slices.ContainsFunc(v.pieces, func(is *piece) bool { return is.Name == p.Name }) {
			t.Errorf("nothing stands for %q in %q", p.Name, contents(v))
		}
	}
}

func rejectedParts(tab *envoys) []string {
	var names []string
	for _, r := range tab.Rejections() {
		names = append(names, r.Part)
	}
	return names
}

func TestSimpleQuarantine(t *testing.T) {
	tab := newFleet()
	calls := 0
	tab.OnRejections(func() { calls++; tab.Rejections() })
	ref := Ref{Secret, "s"}
	tab.Publish([]*Resource{simple(Secret, "s", "BAD one")}, nil)
	envoy(t, tab, ref, func(*Version) string { return "not PEM" })
	if tab.Get(ref) != nil {
		t.Error("a resource that was never accepted must be withheld")
	}
	want := []Rejection{{Ref: ref, Hash: hashOf([]byte("BAD one")).String(), Node: "envoy", ErrorDetail: "not PEM"}}
	if diff := cmp.Diff(want, tab.Rejections()); diff != "" {
		t.Error(diff)
	}
	tab.Publish([]*Resource{simple(Secret, "s", "good")}, nil)
	envoy(t, tab, ref, noDetail)
	good := tab.Get(ref)
	if len(tab.Rejections()) != 0 || good == nil {
		t.Fatal("a good version must leave quarantine by itself")
	}
	tab.Publish([]*Resource{simple(Secret, "s", "BAD two")}, nil)
	envoy(t, tab, ref, noDetail)
	if tab.Get(ref) != good || len(tab.Rejections()) != 1 {
		t.Errorf("effective %v, want the accepted version; rejections %v", tab.Get(ref), tab.Rejections())
	}
	tab.Publish(nil, []Ref{ref})
	if tab.Get(ref) != nil || len(tab.Rejections()) != 0 {
		t.Error("a removed resource still exists")
	}
	if calls != 4 {
		t.Errorf("%d calls of OnRejections, want 4: bad, good, bad, removed", calls)
	}
}

func TestBadContentIsNotTriedAgainBeforeSomethingElseWasAccepted(t *testing.T) {
	tab := newFleet()
	ref := Ref{Secret, "s"}
	publish := func(body string) { tab.Publish([]*Resource{simple(Secret, "s", body)}, nil) }
	publish("good")
	envoy(t, tab, ref, noDetail)
	publish("BAD")
	envoy(t, tab, ref, noDetail)
	publish("never sent")
	publish("BAD")
	if seen := envoy(t, tab, ref, noDetail); seen != 0 || string(tab.Get(ref).Body()) != "good" {
		t.Errorf("seen %d, effective %q", seen, tab.Get(ref).Body())
	}
}

func TestLateAcceptOfRejectedDoesNotCount(t *testing.T) {
	tab := newFleet()
	tab.Publish([]*Resource{simple(Secret, "s", "BAD")}, nil)
	v := tab.Get(Ref{Secret, "s"})
	tab.Reject(v, "no")
	tab.Accept([]*Version{v})
	if v.Accepted() || tab.Get(v.Ref) != nil {
		t.Error("the second copy of a bad secret, which Envoy accepts without reading it, made it accepted")
	}
}

func TestAcceptedByOneRejectedByAnother(t *testing.T) {
	tab := newFleet()
	older := tab.connect("older")
	tab.Publish([]*Resource{simple(Cluster, "c", "new field")}, nil)
	v := tab.Get(cluster("c"))
	tab.Accept([]*Version{v})
	older.Reject(v, "unknown field")
	if tab.Get(v.Ref) != v || tab.Table.Get(v.Ref) != v || older.Get(v.Ref) != nil {
		t.Error("an older Envoy's rejection must not take the resource from the others")
	}
	want := []Disagreement{{Node: "older", Ref: v.Ref, ErrorDetail: "unknown field"}}
	if diff := cmp.Diff(want, tab.Disagreements()); diff != "" || len(tab.Rejections()) > 0 {
		t.Errorf("%v %s", tab.Rejections(), diff)
	}
}

func TestInvalidIsNeverEffective(t *testing.T) {
	tab := newFleet()
	r := route("h", "a: fine", "b: broken")
	r.Parts[1].Invalid = "no domains"
	whole := simple(Cluster, "c", "x")
	whole.Invalid = "no name"
	tab.Publish([]*Resource{r, whole}, nil)
	if diff := cmp.Diff([]string{"h", "a: fine"}, contents(tab.Get(r.Ref))); diff != "" {
		t.Error(diff)
	}
	if tab.Get(cluster("c")) != nil || len(tab.Rejections()) != 2 {
		t.Errorf("rejections %v", tab.Rejections())
	}
}

func TestPartFallsBackToItsAcceptedContent(t *testing.T) {
	tab := newFleet()
	ref := Ref{Route, "rc"}
	clusters := []*Resource{simple(Cluster, "old", "1"), simple(Cluster, "new", "2")}
	tab.Publish(append(clusters[:1:1], route("h", "a: v1->old", "b: v1")), nil)
	envoy(t, tab, ref, noDetail)
	tab.Publish([]*Resource{clusters[1], route("h", "a: BAD v2->new", "b: v2")}, []Ref{cluster("old")})
	if tab.Get(cluster("old")) == nil {
		t.Fatal("the cluster of the accepted version was removed before the next version was answered")
	}
	envoy(t, tab, ref, noDetail)
	if diff := cmp.Diff([]string{"h", "a: v1->old", "b: v2"}, contents(tab.Get(ref))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Ref{cluster("old")}, tab.Get(ref).Needs); diff != "" || tab.Get(cluster("old")) == nil {
		t.Errorf("the fallback's cluster must stay needed and present: %s", diff)
	}
	tab.Publish([]*Resource{route("h", "a: v3->new", "b: v2")}, nil)
	envoy(t, tab, ref, noDetail)
	if tab.Get(cluster("old")) != nil || len(tab.Rejections()) != 0 {
		t.Error("the removed cluster stays although nothing needs it")
	}
}

// TestLateAcceptOfWhatLostItsNeeds accepts a version after it was replaced and its need was removed:
// later versions must not fall back to it.
func TestLateAcceptOfWhatLostItsNeeds(t *testing.T) {
	tab := newFleet()
	ref := Ref{Route, "rc"}
	tab.Publish([]*Resource{route("h", "a: v1")}, nil)
	envoy(t, tab, ref, noDetail)
	tab.Publish([]*Resource{simple(Cluster, "c", "1"), route("h", "a: v2->c")}, nil)
	late := tab.Get(ref)
	tab.Publish([]*Resource{route("h", "a: BAD v3")}, []Ref{cluster("c")})
	tab.Accept([]*Version{late})
	envoy(t, tab, ref, noDetail)
	if diff := cmp.Diff([]string{"h", "a: v1"}, contents(tab.Get(ref))); diff != "" {
		t.Errorf("the fallback needs a removed cluster: %s", diff)
	}
}

func TestMentionedPartIsWithheldFirst(t *testing.T) {
	for name, detail := range map[string]string{
		"part name":   "Duplicate entry in virtual host h70.",
		"only quoted": "bad domain bad.example.com in route rc",
	} {
		tab := newFleet()
		var parts []string
		for i := range 100 {
			parts = append(parts, fmt.Sprintf("h%d: ok", i))
		}
		parts[70] = "h70: BAD bad.example.com"
		tab.Publish([]*Resource{route("h", parts...)}, nil)
		seen := envoy(t, tab, Ref{Route, "rc"}, func(*Version) string { return detail })
		if diff := cmp.Diff([]string{"h70"}, rejectedParts(tab)); diff != "" || seen != 2 {
			t.Errorf("%s: %d versions seen, want 2: the rejected one and the one without h70; %s", name, seen, diff)
		}
	}
}

func TestBadHeader(t *testing.T) {
	parts := []string{}
	for i := range 40 {
		parts = append(parts, fmt.Sprintf("h%d: ok", i))
	}
	t.Run("with an accepted one", func(t *testing.T) {
		tab := newFleet()
		tab.Publish([]*Resource{route("v1", parts...)}, nil)
		envoy(t, tab, Ref{Route, "rc"}, noDetail)
		tab.Publish([]*Resource{route("BAD", append(parts, "more: ok")...)}, nil)
		envoy(t, tab, Ref{Route, "rc"}, noDetail)
		got := contents(tab.Get(Ref{Route, "rc"}))
		if diff := cmp.Diff(append([]string{"v1"}, append(parts, "more: ok")...), got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{""}, rejectedParts(tab)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("never accepted", func(t *testing.T) {
		tab := newFleet()
		tab.Publish([]*Resource{route("BAD", parts...)}, nil)
		envoy(t, tab, Ref{Route, "rc"}, noDetail)
		if diff := cmp.Diff([]string{""}, rejectedParts(tab)); diff != "" || tab.Get(Ref{Route, "rc"}) != nil {
			t.Errorf("want only the header rejected and the resource withheld: %s", diff)
		}
	})
}

// With very many bad parts at the beginning of a route table that no Envoy has accepted yet, the good parts are served, and
// the header is not rejected.
func TestManyBadPartsBeforeAnythingWasAccepted(t *testing.T) {
	tab := newFleet()
	var parts []string
	for i := range 200 {
		body := "good"
		if i < 60 {
			body = "BAD"
		}
		parts = append(parts, fmt.Sprintf("h%03d: %s", i, body))
	}
	r := route("head", parts...)
	tab.Publish([]*Resource{r}, nil)
	seen := envoy(t, tab, r.Ref, noDetail)
	if got := len(rejectedParts(tab)); got != 60 {
		t.Errorf("%d parts are rejected, want the 60 bad ones: %v", got, rejectedParts(tab))
	}
	if v := tab.Get(r.Ref); v == nil || len(contents(v)) != 1+140 {
		t.Errorf("the good parts are not served")
	}
	if most := 60*9 + 60; seen > most {
		t.Errorf("the search took %d versions, want at most %d", seen, most)
	}
}

// mostBad is the number of bad parts that are found while no header was accepted (xds/quarantine).
const mostBad = 15

// TestSearchFindsExactlyTheBadParts bisects random sets of bad parts, with and without an
// accepted version to start from, while the wanted content changes.
func TestSearchFindsExactlyTheBadParts(t *testing.T) {
	seed := randomtest.Seed(t)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		tab := newFleet()
		if rnd.IntN(2) == 0 {
			tab.SetFallback(standIn)
		}
		ref := Ref{Route, "rc"}
		n := 1 + rnd.IntN(60)
		parts := map[string]string{}
		publish := func() {
			var list []string
			for name, body := range parts {
				list = append(list, name+": "+body)
			}
			slices.Sort(list)
			tab.Publish([]*Resource{route("h", list...)}, nil)
		}
		for i := range n {
			parts[fmt.Sprint("p", i)] = "v1"
		}
		if rnd.IntN(2) == 0 {
			publish()
			envoy(t, tab, ref, noDetail)
		}
		for round := range 3 {
			for range 1 + rnd.IntN(6) {
				body := fmt.Sprintf("v%d-%d", round, rnd.IntN(4))
				if rnd.IntN(2) == 0 && badCount(parts) < mostBad {
					body += " BAD"
				}
				parts[fmt.Sprint("p", rnd.IntN(n))] = body
			}
			publish()
			for range rnd.IntN(4) { // some responses arrive before the next change
				if v := tab.Get(ref); v != nil && !v.Accepted() && strings.Contains(string(v.Body()), "BAD") {
					tab.Reject(v, "no")
				}
			}
		}
		envoy(t, tab, ref, noDetail)
		var want []string
		for name, body := range parts {
			if strings.Contains(body, "BAD") {
				want = append(want, name)
			} else if !slices.Contains(contents(tab.Get(ref)), name+": "+body) {
				t.Errorf("the good part %s is not effective", name)
			}
		}
		slices.Sort(want)
		got := rejectedParts(tab)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func badCount(parts map[string]string) int {
	n := 0
	for _, body := range parts {
		if strings.Contains(body, "BAD") {
			n++
		}
	}
	return n
}

// A Secret or Service has no status: the objects that need it report its rejection.
func TestDependentObjects(t *testing.T) {
	tab := newFleet()
	ca := Ref{Secret, "ca"}
	service := simple(Cluster, "c", "cluster", ca)
	service.Origins = []kobj.Key{kobj.Of(kobj.Service, "ns", "s")}
	tab.Publish([]*Resource{simple(Secret, "ca", "bytes"), service, route("head", "a: one->c", "b: two", "d: three->c")}, nil)
	proxy := func(name string) kobj.Key { return kobj.Of(kobj.HTTPProxy, "ns", name) }
	if diff := cmp.Diff([]kobj.Key{proxy("a"), proxy("d")}, tab.DependentObjects(cluster("c"))); diff != "" {
		t.Error("dependents of the cluster:", diff)
	}
	if diff := cmp.Diff([]kobj.Key{proxy("a"), proxy("d"), service.Origins[0]}, tab.DependentObjects(ca)); diff != "" {
		t.Error("dependents of the secret:", diff)
	}
}

func TestWatchSeesAPublishAsOneStep(t *testing.T) {
	tab := newFleet()
	w := tab.Watch
	<-w.C()
	if changes, _ := w.Take(); len(changes) != 0 {
		t.Fatal("an empty table has changes")
	}
	tab.Publish([]*Resource{simple(Cluster, "a", "1"), simple(Cluster, "b", "1")}, nil)
	seq := tab.Publish([]*Resource{simple(Cluster, "a", "2")}, []Ref{cluster("b")})
	<-w.C()
	changes, got := w.Take()
	if len(changes) != 2 || got != seq {
		t.Errorf("%d changes at %d, want the two resources at %d", len(changes), got, seq)
	}
	tab.Publish([]*Resource{simple(Cluster, "a", "2")}, nil)
	select {
	case <-w.C():
		t.Error("the same content published again woke the watch")
	default:
	}
}

func TestVersionsAreAFunctionOfTheBytes(t *testing.T) {
	one, two := newFleet(), newFleet()
	one.Publish([]*Resource{route("h", "a: 1", "b: 1")}, nil)
	two.Publish([]*Resource{route("h", "a: 0")}, nil)
	two.Publish([]*Resource{route("h", "a: 1", "b: 1")}, nil)
	a, b := one.Get(Ref{Route, "rc"}), two.Get(Ref{Route, "rc"})
	if a.Hash != b.Hash || a.Hash == "" {
		t.Errorf("two tables have the versions %q and %q", a.Hash, b.Hash)
	}
}

func TestRemovedAndAddedAgain(t *testing.T) {
	tab := newFleet()
	for range 3 {
		tab.Publish([]*Resource{simple(Cluster, "c", "1")}, nil)
		old := tab.Get(cluster("c"))
		tab.Publish(nil, []Ref{cluster("c")})
		tab.Publish([]*Resource{simple(Cluster, "c", "2")}, nil)
		tab.Accept([]*Version{old})
		now := tab.Get(cluster("c"))
		tab.Accept([]*Version{now})
		if !now.Accepted() {
			t.Fatal("an acknowledgement before the removal replaces a later one")
		}
		tab.Publish(nil, []Ref{cluster("c")})
	}
	if s := tab.Stats(); len(s.Resources) != 0 || tab.needCounts.Len() != 0 {
		t.Errorf("want no resources and counts, got %v and %d", s.Resources, tab.needCounts.Len())
	}
}

func TestClosedTable(t *testing.T) {
	tab := newFleet()
	tab.Publish([]*Resource{simple(Cluster, "a", "a"), simple(Cluster, "b", "b")}, nil)
	known, fresh := tab.Table.Watch("known"), tab.Table.Watch("fresh")
	known.Take()
	tab.Publish([]*Resource{simple(Cluster, "a", "other")}, []Ref{cluster("b")})
	v := tab.Get(cluster("a"))
	tab.Table.Close()
	tab.Publish([]*Resource{simple(Cluster, "c", "c")}, nil)
	tab.Accept([]*Version{v})
	tab.Reject(v, "too late")
	for name, w := range map[string]*Watch{"a session": known, "a new session": fresh} {
		if changes, _ := w.Take(); len(changes) > 0 {
			t.Errorf("%s sees %v", name, changes)
		}
		w.Close()
	}
	if len(tab.Table.All())+len(tab.Rejections()) > 0 {
		t.Errorf("left: %v %v", tab.Table.All(), tab.Rejections())
	}
	select {
	case <-tab.Closed():
	default:
		t.Error("Closed is not closed")
	}
}

// News of a resource is kept while it is followed, and only then: a name that nobody follows costs nothing.
func TestNews(t *testing.T) {
	e := newFleet()
	calls := 0
	e.OnRejections(func() { calls++ })
	expect := func(what string, wantCalls int, want ...Ref) {
		t.Helper()
		got := e.TakeNews()
		slices.SortFunc(got, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
		if !slices.Equal(got, want) || calls != wantCalls {
			t.Errorf("%s: news of %v and %d calls, want %v and %d", what, got, calls, want, wantCalls)
		}
		calls = 0
	}
	publish := func(body string) {
		for _, name := range []string{"a", "b"} {
			e.Publish([]*Resource{simple(Listener, name, body)}, nil)
			e.Accept([]*Version{e.Get(Ref{Listener, name})})
		}
	}
	publish("1")
	expect("nothing is followed", 0)
	e.Follow(Ref{Listener, "a"})
	publish("2")
	expect("one is followed", 1, Ref{Listener, "a"})
	expect("again", 0)
	e.Publish([]*Resource{simple(Listener, "a", "bad"), simple(Listener, "b", "bad")}, nil)
	e.Reject(e.Get(Ref{Listener, "a"}), "no")
	expect("a rejection", 1, Ref{Listener, "a"})
	if got := e.RejectionsOf(Ref{Listener, "a"}); len(got) != 1 || got[0].ErrorDetail != "no" || len(e.RejectionsOf(Ref{Listener, "b"})) != 0 {
		t.Errorf("rejections %v", got)
	}
	publish("3")
	e.Unfollow(Ref{Listener, "a"})
	publish("4")
	calls = 0
	expect("no longer", 0)
}
