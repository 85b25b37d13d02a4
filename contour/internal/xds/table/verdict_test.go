package table

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/kobj"
)

var rc = Ref{Route, "rc"}

// A part without accepted content is replaced by its fallback as long as it is rejected, and while the search withholds
// it: left out, a broader host would answer for it.
func TestRejectedPartIsReplacedByItsFallback(t *testing.T) {
	tab := newFleet()
	tab.SetFallback(standIn)
	invalid := route("h", "a: good", "b: BAD", "c: broken", "d: good")
	invalid.Parts[2].Invalid = "no domains"
	tab.Publish([]*Resource{invalid}, nil)
	envoy(t, tab, rc, noDetail)
	if diff := cmp.Diff([]string{"h", "a: good", "b: fallback", "c: fallback", "d: good"}, contents(tab.Get(rc))); diff != "" {
		t.Error(diff)
	}
	tab.Publish([]*Resource{route("h", "a: BAD", "b: good", "c: good", "d: good")}, nil)
	envoy(t, tab, rc, noDetail)
	if diff := cmp.Diff([]string{"h", "a: good", "b: good", "c: good", "d: good"}, contents(tab.Get(rc))); diff != "" {
		t.Errorf("accepted content comes before the fallback: %s", diff)
	}
	tab.Publish([]*Resource{route("h", "a: good", "b: good")}, nil)
	envoy(t, tab, rc, noDetail)
	if e := tab.entry(rc); len(e.fallbacks)+len(e.rejected) > 0 {
		t.Errorf("left over: %v %v", e.fallbacks, e.rejected)
	}
}

// Envoy may reject a fallback too: it is left out then, and the innocent parts are found all the same.
func TestRejectedFallback(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		tab := newFleet()
		tab.SetFallback(standIn)
		if accepted {
			tab.Publish([]*Resource{route("h")}, nil)
			envoy(t, tab, rc, noDetail)
		}
		parts := []string{"BADNAME: anything"}
		for i := range 30 {
			parts = append(parts, fmt.Sprintf("p%d: good", i))
		}
		tab.Publish([]*Resource{route("h", parts...)}, nil)
		answers := answerAll(t, tab)
		if diff := cmp.Diff([]string{"BADNAME"}, rejectedParts(tab)); diff != "" {
			t.Errorf("accepted before: %t: %s", accepted, diff)
		}
		if diff := cmp.Diff(append([]string{"h"}, parts[1:]...), contents(tab.Get(rc))); diff != "" {
			t.Errorf("accepted before: %t: %s", accepted, diff)
		}
		parts[1] = "p0: other"
		tab.Publish([]*Resource{route("h", parts...)}, nil)
		if more := answerAll(t, tab); more != 1 {
			t.Errorf("accepted before: %t: %d answers to an edit after a search of %d, want 1", accepted, more, answers)
		}
	}
}

// answerAll is envoy without the check that nothing is left out.
func answerAll(t *testing.T, tab *envoys) int {
	t.Helper()
	tab.leavesOut = true
	defer func() { tab.leavesOut = false }()
	return envoy(t, tab, rc, noDetail)
}

// Bad, good, the same bad again: it is known, and reported, whatever resource it is in.
func TestVerdictIsAboutBytes(t *testing.T) {
	tab := newFleet()
	tab.SetFallback(standIn)
	publish := func(part string) int {
		tab.Publish([]*Resource{route("h", part, "b: good")}, nil)
		return envoy(t, tab, rc, noDetail)
	}
	rejected := func(when string) {
		t.Helper()
		got := tab.Rejections()
		if len(got) != 1 || got[0].Part != "a" || got[0].ErrorDetail != "no" || got[0].Unconfirmed {
			t.Errorf("%s: rejections %+v", when, got)
		}
	}
	publish("a: BAD")
	rejected("bad")
	if publish("a: good"); len(tab.Rejections()) > 0 {
		t.Errorf("good: rejections %+v", tab.Rejections())
	}
	before := tab.Stats().Rejections
	publish("a: BAD")
	rejected("bad again")
	publish("a: good")
	tab.Publish(nil, []Ref{rc})
	publish("a: BAD")
	rejected("bad in a resource that was removed")
	other := route("h", "a: BAD", "c: good")
	other.Ref.Name = "other"
	tab.Publish([]*Resource{other}, []Ref{rc})
	if n := envoy(t, tab, other.Ref, noDetail); n != 1 {
		t.Errorf("%d answers about another resource", n)
	}
	rejected("bad in another resource")
	if after := tab.Stats().Rejections; after != before {
		t.Errorf("rejected content was sent again %d times", after-before)
	}
}

func TestSecretThatComesBack(t *testing.T) {
	tab := newFleet()
	ref := Ref{Secret, "s"}
	for i, body := range []string{"good", "BAD", "good", "BAD", "good", "BAD"} {
		tab.Publish([]*Resource{simple(Secret, "s", body)}, nil)
		envoy(t, tab, ref, noDetail)
		if bad := body == "BAD"; (len(tab.Rejections()) == 1) != bad || string(tab.Get(ref).Body()) != "good" {
			t.Errorf("%d: %s: rejections %v, effective %s", i, body, tab.Rejections(), tab.Get(ref).Body())
		}
	}
	if n := tab.Stats().Rejections; n != 1 {
		t.Errorf("%d rejections of the same content, want 1", n)
	}
}

func TestVerdictsOfTheFleetAreBounded(t *testing.T) {
	tab := newFleet()
	standing := simple(Secret, "standing", "BAD")
	tab.Publish([]*Resource{standing}, nil)
	envoy(t, tab, standing.Ref, noDetail)
	for i := range 3 * maxFormer {
		tab.Publish([]*Resource{simple(Secret, "s", fmt.Sprint("BAD ", i))}, nil)
		envoy(t, tab, Ref{Secret, "s"}, noDetail)
		if n := tab.Stats().Verdicts; n > maxFormer+3 {
			t.Fatalf("%d verdicts are kept", n)
		}
	}
	if got := tab.Rejections(); len(got) != 2 {
		t.Errorf("rejections: %v", got)
	}
	rejections := tab.Stats().Rejections
	tab.Publish([]*Resource{simple(Secret, "s", fmt.Sprint("BAD ", 3*maxFormer-100))}, nil)
	if envoy(t, tab, Ref{Secret, "s"}, noDetail); tab.Stats().Rejections != rejections {
		t.Error("a late verdict was forgotten")
	}
}

// One Envoy that refuses everything: the other one gets each edit, no object is reported, and nothing is left of it.
func TestOneEnvoyDoesNotConvictForAll(t *testing.T) {
	for name, oddFirst := range map[string]bool{"the odd one answers first": true, "the odd one answers last": false} {
		t.Run(name, func(t *testing.T) {
			tab := newFleet()
			tab.SetFallback(standIn)
			tab.Publish([]*Resource{route("h", "a: 0", "b: 0"), simple(Secret, "s", "0")}, nil)
			for _, v := range tab.Table.All() {
				tab.Accept([]*Version{v})
			}
			odd := tab.connect("odd")
			for i := range 20 {
				tab.Publish([]*Resource{route("h", fmt.Sprint("a: ", i), "b: 0", fmt.Sprintf("new%d: 1", i)), simple(Secret, "s", fmt.Sprint(i))}, nil)
				for _, ref := range []Ref{rc, {Secret, "s"}} {
					if oddFirst {
						rejectAll(t, odd, ref)
					}
					if n := envoy(t, tab, ref, noDetail); n > 1 {
						t.Errorf("edit %d costs the healthy Envoy %d answers", i, n)
					}
					if !oddFirst {
						rejectAll(t, odd, ref)
					}
				}
				if diff := cmp.Diff([]string{"h", fmt.Sprint("a: ", i), "b: 0", fmt.Sprintf("new%d: 1", i)}, contents(tab.Get(rc))); diff != "" {
					t.Errorf("edit %d: %s", i, diff)
				}
				if got := tab.Rejections(); len(got) > 0 {
					t.Errorf("edit %d: objects are reported: %+v", i, got)
				}
			}
			if got := tab.Disagreements(); len(got) < 2 || got[0].Node != "odd" {
				t.Errorf("disagreements: %+v", got)
			}
			odd.Watch.Close()
			leftover(t, tab)
		})
	}
}

// rejectAll has an Envoy reject what it gets, until it gets nothing that it has not rejected or accepted.
func rejectAll(t *testing.T, odd *envoys, ref Ref) {
	t.Helper()
	rejected := map[string]bool{}
	for range 100 {
		v := odd.Get(ref)
		if v == nil || rejected[v.Hash] || v == odd.accepted[odd.Watch][ref] {
			return
		}
		rejected[v.Hash] = true
		odd.Reject(v, "I reject everything")
	}
	t.Errorf("the search for what the odd Envoy rejects of %v does not end", ref)
}

// leftover checks that nothing is left of Envoys that are gone.
func leftover(t *testing.T, tab *envoys) {
	t.Helper()
	if s := tab.Stats(); s.Verdicts != 0 || len(tab.split)+len(tab.Rejections())+len(tab.Disagreements())+len(tab.dependants) > 0 {
		t.Errorf("left over: %+v, %v %v %v", s, tab.split, tab.Rejections(), tab.Disagreements())
	}
	for _, e := range tab.entries {
		if len(e.rejected)+len(e.views)+len(e.unusable) > 0 {
			t.Errorf("left over of %v: %v %v %v", e.ref, e.rejected, e.views, e.unusable)
		}
	}
	if diff := cmp.Diff(countNeeds(tab.Table), maps.Collect(tab.needCounts.All())); diff != "" {
		t.Errorf("counts of needs (-all +table): %s", diff)
	}
}

// What all Envoys reject is rejected for the fleet: an Envoy that connects later never gets it.
func TestVerdictOfAllEnvoys(t *testing.T) {
	tab := newFleet()
	tab.SetFallback(standIn)
	second := tab.connect("second")
	tab.Publish([]*Resource{route("h", "a: good", "b: BAD")}, nil)
	envoy(t, tab, rc, noDetail)
	if got := tab.Rejections(); len(got) != 1 || !got[0].Unconfirmed {
		t.Errorf("before the second Envoy answers: %+v", got)
	}
	envoy(t, second, rc, noDetail)
	if got := tab.Rejections(); len(got) != 1 || got[0].Unconfirmed || got[0].Part != "b" {
		t.Errorf("after: %+v", got)
	}
	third := tab.connect("third")
	if n := envoy(t, third, rc, noDetail); n != 1 {
		t.Errorf("%d answers of a third Envoy, want 1", n)
	}
	if len(tab.split) > 0 || len(tab.Disagreements()) > 0 {
		t.Errorf("Envoys that agree have views: %v", tab.split)
	}
	third.Watch.Close()
	second.Watch.Close()
	if got := tab.Rejections(); len(got) != 1 {
		t.Errorf("after the others are gone: %+v", got)
	}
}

// An Envoy that disagrees gets all that it accepts.
func TestDisagreementCostsOnlyThePart(t *testing.T) {
	tab := newFleet()
	tab.SetFallback(standIn)
	odd := tab.connect("odd")
	tab.Publish([]*Resource{route("h", "a: 1", "b: 1", "c: 1")}, nil)
	envoy(t, tab, rc, noDetail)
	answer := func() {
		for range 10 {
			v := odd.Get(rc)
			if v == odd.accepted[odd.Watch][rc] {
				return
			}
			if c := contents(v); c[2] == "b: 1" {
				odd.Reject(v, "no")
			} else {
				odd.Accept([]*Version{v})
			}
		}
		t.Fatal("the search does not end")
	}
	answer()
	if diff := cmp.Diff([]string{"h", "a: 1", "b: fallback", "c: 1"}, contents(odd.Get(rc))); diff != "" {
		t.Error(diff)
	}
	tab.Publish([]*Resource{route("h", "a: 2", "b: 1", "c: 2")}, nil)
	envoy(t, tab, rc, noDetail)
	answer()
	if diff := cmp.Diff([]string{"h", "a: 2", "b: fallback", "c: 2"}, contents(odd.Get(rc))); diff != "" {
		t.Error(diff)
	}
	want := []Disagreement{{Node: "odd", Ref: rc, Part: "b", ErrorDetail: "no", Origins: []kobj.Key{kobj.Of(kobj.HTTPProxy, "ns", "b")}}}
	if diff := cmp.Diff(want, tab.Disagreements()); diff != "" || len(tab.Rejections()) > 0 {
		t.Error(diff, tab.Rejections())
	}
	tab.Publish([]*Resource{route("h", "a: 2", "b: 2", "c: 2")}, nil)
	answer()
	if len(tab.split)+len(tab.Disagreements()) > 0 || odd.Get(rc) != tab.Get(rc) {
		t.Errorf("after the repair: %v %v", tab.split, tab.Disagreements())
	}
}

// What Envoys rejected that are all gone is retried: others get it, and one that accepts it ends the verdict.
func TestVerdictWithoutItsEnvoysIsRetried(t *testing.T) {
	tab := newFleet()
	tab.SetFallback(standIn)
	tab.Watch.Close()
	sick := tab.connect("sick")
	tab.Publish([]*Resource{route("h", "a: 1", "b: BAD", "c: 1"), simple(Secret, "s", "1")}, nil)
	for _, ref := range []Ref{rc, {Secret, "s"}} {
		v := sick.Get(ref)
		for v != nil && sick.accepted[sick.Watch][ref] != v {
			if ref == rc && contents(v)[1] != "a: 1" && contents(v)[2] != "b: BAD" {
				sick.Accept([]*Version{v})
			} else {
				sick.Reject(v, "no")
			}
			v = sick.Get(ref)
		}
	}
	if got := tab.Rejections(); len(got) != 3 {
		t.Fatalf("rejections: %+v", got)
	}
	sick.Watch.Close()
	again := tab.connect("sick")
	if got := again.Rejections(); len(got) != 3 || again.Get(Ref{Secret, "s"}) != nil {
		t.Errorf("after it has connected again: %+v", got)
	}
	again.Watch.Close()
	healthy := tab.connect("healthy")
	if diff := cmp.Diff([]string{"h", "a: fallback", "b: fallback", "c: 1"}, contents(healthy.Get(rc))); diff != "" {
		t.Errorf("the first version of another Envoy: %s", diff)
	}
	envoy(t, healthy, rc, noDetail)
	envoy(t, healthy, Ref{Secret, "s"}, noDetail)
	if diff := cmp.Diff([]string{"h", "a: 1", "b: fallback", "c: 1"}, contents(healthy.Get(rc))); diff != "" || healthy.Get(Ref{Secret, "s"}) == nil {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b"}, rejectedParts(tab)); diff != "" || tab.Stats().Verdicts != 1 {
		t.Errorf("%d verdicts; %s", tab.Stats().Verdicts, diff)
	}
}

// A port in use is not an error of a resource: nothing is quarantined, and the rejection has no origin. It remains until
// that Envoy accepts a version, also one that another Envoy has accepted before, or is gone.
func TestUnusableIsNotQuarantined(t *testing.T) {
	tab := newFleet()
	other := tab.connect("other")
	r := simple(Listener, "rc", "listener")
	tab.Publish([]*Resource{r}, nil)
	v := tab.Get(r.Ref)
	other.Accept([]*Version{v})
	const detail = "Error adding/updating listener(s) rc: cannot bind '0.0.0.0:80': Address already in use"
	unusable := func(when string, want int) {
		t.Helper()
		got := tab.Rejections()
		if len(got) != want || want > 0 && (got[0].Part != "" || got[0].ErrorDetail != detail || got[0].Origins != nil) {
			t.Errorf("%s: rejections %+v", when, got)
		}
		if tab.Get(r.Ref) != v || other.Get(r.Ref) != v {
			t.Errorf("%s: the effective version has changed", when)
		}
	}
	tab.SetUnusable(v, detail)
	unusable("in use", 1)
	tab.Accept([]*Version{v})
	unusable("after it was accepted", 0)
	tab.SetUnusable(v, detail)
	tab.Watch.Close()
	unusable("after the Envoy is gone", 0)
	other.SetUnusable(v, detail)
	tab.Publish(nil, []Ref{r.Ref})
	if got := tab.Rejections(); len(got) > 0 {
		t.Errorf("after the listener is gone: %+v", got)
	}
	leftover(t, tab)
}

func TestBindFailed(t *testing.T) {
	for detail, want := range map[string]bool{
		"Error adding/updating listener(s) rc: cannot bind '0.0.0.0:80': Address already in use": true,
		"Error adding/updating listener(s) rc: malformed IP address: cannot bind":                false,
		"malformed: cannot bind": false,
	} {
		if got := BindFailed(&Version{Ref: Ref{Listener, "rc"}}, detail); got != want {
			t.Errorf("%s: %t", detail, got)
		}
		if BindFailed(&Version{Ref: Ref{Cluster, "rc"}}, detail) {
			t.Errorf("a cluster: %s", detail)
		}
	}
}

// With a standing rejection, a change searches no resources, and the dependants are up to date.
func TestDependantsAreKept(t *testing.T) {
	for _, n := range []int{10, 1000} {
		tab := newFleet()
		set := []*Resource{simple(Cluster, "c", "BAD", Ref{Secret, "ca"}), simple(Secret, "ca", "ca")}
		for i := range n {
			r := route("h", fmt.Sprintf("p%d: 1->c", i))
			r.Ref.Name = fmt.Sprint("rc", i)
			set = append(set, r, simple(Cluster, fmt.Sprint("c", i), "good"))
		}
		tab.Publish(set, nil)
		for _, r := range set {
			envoy(t, tab, r.Ref, noDetail)
		}
		objects := func(want int) {
			t.Helper()
			if c, ca := len(tab.DependentObjects(cluster("c"))), len(tab.DependentObjects(Ref{Secret, "ca"})); c != want || ca != want {
				t.Errorf("%d and %d objects of %d", c, ca, want)
			}
		}
		objects(n)
		before, seq := tab.Stats().Searched, tab.RejectionSeq()
		tab.Publish([]*Resource{simple(Cluster, "c5", "other")}, nil)
		objects(n)
		if tab.RejectionSeq() != seq {
			t.Error("a change that has nothing to do with the rejection counts as one of rejections")
		}
		added := route("h", "added: 1->c")
		added.Ref.Name = "added"
		tab.Publish([]*Resource{added}, []Ref{{Route, "rc3"}})
		objects(n)
		tab.Publish([]*Resource{route("h", "more: 1->c")}, nil)
		objects(n + 1)
		if tab.RejectionSeq() == seq {
			t.Error("a change of the dependants is not noticed")
		}
		if searched := tab.Stats().Searched - before; searched != 0 {
			t.Errorf("%d resources were searched among %d", searched, n)
		}
	}
}
