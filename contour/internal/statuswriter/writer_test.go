package statuswriter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// In these tests the clock is that of a synctest bubble: waiting costs no time.

// pass lets time pass, and what is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestWritesWhatDiffersAndNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, seen := newWriter(s)
		a, b := proxyKey("a"), proxyKey("b")
		s.put(a, nil)
		s.put(b, nil)
		s.sync()
		w.Set(a, valid(a, 1, "one"))
		defer lead(t, w)()
		w.Set(b, valid(b, 1, "one"))
		synctest.Wait()
		if s.writes[a] != 1 || s.writes[b] != 1 {
			t.Fatalf("writes %v, want one each", s.writes)
		}
		w.Changed(a) // the watches still know the old state
		synctest.Wait()
		s.sync()
		w.Changed(a) // now they know the new one
		synctest.Wait()
		w.Set(a, valid(a, 1, "one"))
		synctest.Wait()
		if s.total() != 2 {
			t.Errorf("writes %v, want no more", s.writes)
		}
		w.Set(a, valid(a, 1, "two"))
		synctest.Wait()
		if got := s.proxy(a).Status.Description; got != "two" || s.writes[a] != 2 {
			t.Errorf("description %q after %d writes", got, s.writes[a])
		}
		if seen.of(OutcomeSuccess) != 3 || seen.of(OutcomeConflict) != 0 {
			t.Errorf("outcomes %v", seen.count)
		}
	})
}

func TestAStatusSetAgainBeforeTheInformersCatchUpIsWrittenWithoutConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, seen := newWriter(s)
		a := proxyKey("a")
		s.put(a, nil)
		s.sync()
		defer lead(t, w)()
		for i := range 5 {
			w.Set(a, valid(a, 1, fmt.Sprint(i)))
			synctest.Wait()
		}
		if s.writes[a] != 5 || seen.of(OutcomeConflict) != 0 {
			t.Errorf("%d writes, outcomes %v", s.writes[a], seen.count)
		}
	})
}

func TestTenThousandRightStatusesCostNoWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, seen := newWriter(s)
		const n = 10_000
		for i := range n {
			k := proxyKey(fmt.Sprint("p", i))
			d := valid(k, 1, "Valid HTTPProxy")
			s.put(k, func(o metav1.Object) {
				p := o.(*contourv1.HTTPProxy)
				d.HTTPProxy().DeepCopyInto(&p.Status)
				p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(1_600_000_000, 0))
			})
			w.Set(k, d)
		}
		s.sync()
		stop := lead(t, w)
		synctest.Wait()
		stop()
		if s.total() != 0 || seen.of(OutcomeNoop) != n {
			t.Errorf("%d writes, outcomes %v", s.total(), seen.count)
		}
	})
}

func TestOnlyTheLeaderWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		a := proxyKey("a")
		s.put(a, nil)
		s.sync()
		w.Set(a, valid(a, 1, "one"))
		synctest.Wait()
		if s.total() != 0 {
			t.Fatal("written before leading")
		}
		stop := lead(t, w)
		synctest.Wait()
		stop()
		s.sync()
		w.Set(a, valid(a, 1, "two"))
		synctest.Wait()
		if s.writes[a] != 1 {
			t.Fatalf("%d writes, want 1", s.writes[a])
		}
		defer lead(t, w)()
		synctest.Wait()
		if got := s.proxy(a).Status.Description; got != "two" {
			t.Errorf("description %q after leading again", got)
		}
	})
}

func TestConflictsAreRetriedAndOthersKeepTheirConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, seen := newWriter(s)
		a := proxyKey("a")
		s.put(a, nil)
		s.sync()
		s.put(a, func(o metav1.Object) { // unknown to the watches
			p := o.(*contourv1.HTTPProxy)
			foreign := contourv1.DetailedCondition{}
			foreign.Type, foreign.Status = "Audited", contourv1.ConditionTrue
			p.Status.Conditions = append(p.Status.Conditions, foreign)
			p.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9"}}
		})
		defer lead(t, w)()
		w.Set(a, valid(a, 1, "one"))
		synctest.Wait()
		if s.total() != 0 || seen.of(OutcomeConflict) != 1 {
			t.Fatalf("%d writes, outcomes %v, want a conflict", s.total(), seen.count)
		}
		s.sync()
		pass(time.Second)
		p := s.proxy(a)
		if len(p.Status.Conditions) != 2 || p.Status.Conditions[0].Type != "Audited" || p.Status.Conditions[1].Type != "Valid" {
			t.Errorf("conditions %+v", p.Status.Conditions)
		}
		if len(p.Status.LoadBalancer.Ingress) != 0 {
			t.Error("an address that is not wanted is still there")
		}
	})
}

func TestTheTransitionTimeChangesWithTheConditionsStatusOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		a := proxyKey("a")
		s.put(a, nil)
		s.sync()
		defer lead(t, w)()
		times := func(d *status.Desired) time.Time {
			pass(time.Minute)
			w.Set(a, d)
			synctest.Wait()
			s.sync()
			return s.proxy(a).Status.Conditions[0].LastTransitionTime.Time
		}
		first := times(valid(a, 1, "one"))
		if second := times(valid(a, 1, "two")); !second.Equal(first) {
			t.Errorf("another message moved the time from %v to %v", first, second)
		}
		bad := valid(a, 1, "three")
		bad.HTTPProxy().Conditions[0].Status = contourv1.ConditionFalse
		if third := times(bad); third.Sub(first) != 2*time.Minute {
			t.Errorf("transition at %v, first at %v", third, first)
		}
	})
}

func TestAStatusForAnOlderGenerationIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		a := proxyKey("a")
		s.put(a, func(o metav1.Object) { o.SetGeneration(2) })
		s.sync()
		defer lead(t, w)()
		w.Set(a, valid(a, 1, "old"))
		synctest.Wait()
		w.Set(a, valid(a, 2, "new"))
		synctest.Wait()
		if s.writes[a] != 1 || s.proxy(a).Status.Description != "new" {
			t.Errorf("%d writes, description %q", s.writes[a], s.proxy(a).Status.Description)
		}
	})
}

func TestABadObjectBacksOffAndHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		w.Workers = 1
		bad := proxyKey("bad")
		s.refuse = func(k kobj.Key) error {
			if k == bad {
				return errors.New("no")
			}
			return nil
		}
		for i := range 100 {
			k := proxyKey(fmt.Sprint("p", i))
			s.put(k, nil)
			w.Set(k, valid(k, 1, "one"))
		}
		s.put(bad, nil)
		s.sync()
		w.Set(bad, valid(bad, 1, "one"))
		defer lead(t, w)()
		synctest.Wait()
		if s.total() != 100 {
			t.Errorf("%d writes, want 100", s.total())
		}
		pass(10 * time.Minute)
		if n := len(s.tries[bad]); n < 15 || n > 25 {
			t.Errorf("%d tries in ten minutes", n)
		}
	})
}

func TestTwoControllersThatDisagreeDoNotFight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		a := proxyKey("a")
		s.put(a, nil)
		s.sync()
		w.Set(a, valid(a, 1, "ours"))
		defer lead(t, w)()
		synctest.Wait()
		for range 600 { // the other one answers within a second, for ten minutes
			if s.proxy(a).Status.Description == "ours" {
				s.put(a, func(o metav1.Object) { o.(*contourv1.HTTPProxy).Status.Description = "theirs" })
			}
			s.sync()
			w.Changed(a)
			pass(time.Second)
		}
		if s.writes[a] < 3 || s.writes[a] > 15 {
			t.Errorf("%d writes in ten minutes", s.writes[a])
		}
		w.Set(a, valid(a, 1, "news")) // what is new is written at once
		synctest.Wait()
		if got := s.proxy(a).Status.Description; got != "news" {
			t.Errorf("description %q", got)
		}
	})
}

func TestObjectsThatAreGoneOrNotOursAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, seen := newWriter(s)
		gone, foreign := proxyKey("gone"), proxyKey("foreign")
		s.put(gone, nil)
		s.put(foreign, nil)
		s.sync()
		delete(s.objects, gone)
		w.Set(gone, valid(gone, 1, "one"))
		w.Set(foreign, valid(foreign, 1, "one"))
		w.Set(foreign, nil)
		defer lead(t, w)()
		pass(time.Hour)
		if s.total() != 0 || len(s.tries[gone]) != 1 || seen.of(OutcomeFailed) != 0 {
			t.Errorf("writes %v, tries %v, outcomes %v", s.writes, s.tries, seen.count)
		}
	})
}

func TestIngressGetsAddressesAndEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		k := kobj.Of(kobj.Ingress, "default", "a")
		s.put(k, nil)
		s.sync()
		defer lead(t, w)()
		ip := func(said ...string) *status.Desired {
			d := &status.Desired{Key: k, Generation: 1, Status: &networkingv1.IngressStatus{}}
			d.Status.(*networkingv1.IngressStatus).LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.1"}}
			for _, m := range said {
				d.Diagnostics = append(d.Diagnostics, report.Diagnostic{Object: k, Type: report.TypeIngress, Reason: report.PathNotValid, Field: "spec", Message: m})
			}
			return d
		}
		for _, d := range []*status.Desired{ip("x"), ip("x", "y"), ip("x"), ip(), ip("x")} {
			w.Set(k, d)
			synctest.Wait()
			s.sync()
		}
		if s.writes[k] != 1 {
			t.Errorf("%d status writes, want 1", s.writes[k])
		}
		events := s.createdEvents()
		if len(events) != 2 || events[0].Note != "spec: x" || events[1].Note != "spec: y" || events[0].Reason != "PathNotValid" {
			t.Errorf("events %+v, want one of x and one of y", events)
		}
		if s.asked != 3 { // x, y, and x again after it was right for a while
			t.Errorf("%d events asked for, want 3", s.asked)
		}
		another, _ := newWriter(s) // as after a restart, or on another replica
		another.Set(k, ip("x"))
		defer lead(t, another)()
		synctest.Wait()
		if n := len(s.createdEvents()); n != 2 {
			t.Errorf("%d events after another replica led", n)
		}
	})
}

func TestEventsAreBoundedInNumberAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		w, _ := newWriter(s)
		for i := range 20 {
			k := kobj.Of(kobj.Ingress, "default", fmt.Sprint("i", i)+strings.Repeat("x", 240))
			s.put(k, nil)
			d := &status.Desired{Key: k, Generation: 1, Status: &networkingv1.IngressStatus{}}
			for j := range 100 {
				d.Diagnostics = append(d.Diagnostics, report.Diagnostic{Object: k, Message: fmt.Sprint(j, strings.Repeat("ü", 2000))})
			}
			w.Set(k, d)
		}
		s.sync()
		defer lead(t, w)()
		pass(5 * time.Second)
		if n := len(s.createdEvents()); n < 50 || n > 101 {
			t.Errorf("%d events in five seconds", n)
		}
		pass(time.Minute)
		if n := len(s.createdEvents()); n != 20*maxEvents {
			t.Errorf("%d events, want 16 of each object", n)
		}
		for _, e := range s.createdEvents() {
			if len(e.Name) > 253 || len(e.Note) > 1024 {
				t.Fatalf("event %q with a note of %d bytes", e.Name, len(e.Note))
			}
		}
	})
}
