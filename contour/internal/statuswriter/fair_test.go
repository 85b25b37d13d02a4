package statuswriter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/status"
)

// slow is a server that takes its time, and notes in which order and how many at a time it was asked.
type slow struct {
	*server
	takes func(k kobj.Key, running int) time.Duration

	mu      sync.Mutex
	order   []kobj.Key
	at      []time.Time
	running int
	most    []int // running, at each request
}

func (s *slow) PatchStatus(ctx context.Context, k kobj.Key, patch []byte) (Version, error) {
	s.mu.Lock()
	s.running++
	s.order, s.at, s.most = append(s.order, k), append(s.at, time.Now()), append(s.most, s.running)
	takes := s.takes(k, s.running)
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return Version{}, ctx.Err()
	}
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	return s.server.PatchStatus(ctx, k, patch)
}

// asked is the requests so far.
func (s *slow) asked() []kobj.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

// wrote is how often the status of an object was written.
func (s *slow) wrote(k kobj.Key) int {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return s.writes[k]
}

// newSlow is a server whose every write takes d, and a Writer of it.
func newSlow(workers int, d time.Duration) (*slow, *Writer, *outcomes) {
	s := &slow{server: newServer(), takes: func(kobj.Key, int) time.Duration { return d }}
	w, seen := newWriter(s.server)
	w.Client, w.Workers = s, workers
	return s, w, seen
}

func in(namespace string, i int) kobj.Key {
	return kobj.Of(kobj.HTTPProxy, namespace, fmt.Sprint("p", i))
}

// load has n new objects of a namespace wait in the backlog.
func (s *slow) load(w *Writer, namespace string, n int) {
	all := map[kobj.Key]*status.Desired{}
	for i := range n {
		k := in(namespace, i)
		s.put(k, nil)
		all[k] = valid(k, 1, "loaded")
	}
	s.sync()
	w.SetAll(max(n, liveAtMost+1), maps.All(all))
}

// change makes a new object, as a user does who waits for its status.
func (s *slow) change(w *Writer, k kobj.Key) {
	s.put(k, nil)
	s.sync()
	w.Set(k, valid(k, 1, "changed"))
}

func TestWhatUsersWaitForGoesBeforeTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(4, 10*time.Millisecond)
		s.load(w, "big", 1000)
		defer lead(t, w)()
		pass(105 * time.Millisecond)
		before := len(s.asked())
		fresh, again := in("big", 5000), s.waiting()
		s.change(w, fresh)
		w.Set(again, valid(again, 1, "changed"))
		pass(10 * time.Millisecond)
		// Three requests of one namespace run at a time, and the server sees those that start together in any order.
		if got := s.asked()[before:]; len(got) != 3 || !slices.Contains(got, fresh) || !slices.Contains(got, again) {
			t.Errorf("after %d requests came %v, want the two that changed among the three that start next", before, got)
		}
		pass(time.Minute)
		if s.total() != 1001 || s.wrote(again) != 1 {
			t.Errorf("%d writes, %d of the object that changed while it waited", s.total(), s.wrote(again))
		}
	})
}

// waiting is an object of namespace big that was not asked for yet.
func (s *slow) waiting() kobj.Key {
	asked := s.asked()
	for i := 0; ; i++ {
		if k := in("big", i); !slices.Contains(asked, k) {
			return k
		}
	}
}

func TestTheBacklogIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(1, 10*time.Millisecond)
		s.load(w, "big", 100)
		defer lead(t, w)()
		synctest.Wait()
		for i := range 800 {
			s.change(w, in("live", i))
		}
		pass(4 * time.Second)
		of := map[string]int{}
		for _, k := range s.asked() {
			of[k.Namespace]++
		}
		if of["big"] < 45 || of["live"] < 7*of["big"]-7 {
			t.Errorf("requests by namespace %v, want one of eight from the backlog", of)
		}
	})
}

func TestNamespacesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(1, time.Millisecond)
		s.load(w, "big", 1000)
		s.load(w, "small", 10)
		s.load(w, "other", 10)
		defer lead(t, w)()
		pass(time.Minute)
		var last int
		for i, k := range s.asked() {
			if k.Namespace != "big" {
				last = i
			}
		}
		if last > 31 || s.total() != 1020 {
			t.Errorf("the last of two small namespaces came after %d others, %d writes", last, s.total())
		}
	})
}

func TestANamespaceThatFailsDoesNotStarveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(4, 10*time.Millisecond)
		s.refuse = func(k kobj.Key) error {
			if k.Namespace == "bad" {
				return apierrors.NewInvalid(schema.GroupKind{}, k.Name.Name, nil)
			}
			return nil
		}
		s.load(w, "bad", 5000)
		defer lead(t, w)()
		pass(time.Second)
		s.load(w, "good", 50)
		s.change(w, in("live", 1))
		pass(20 * time.Millisecond)
		if s.wrote(in("live", 1)) != 1 {
			t.Error("what a user waits for is not written yet")
		}
		pass(time.Second)
		if s.total() != 51 {
			t.Errorf("%d writes within a second, want 51", s.total())
		}
	})
}

func TestANamespaceThatIsSlowLeavesWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(8, 0)
		s.takes = func(k kobj.Key, _ int) time.Duration {
			if k.Namespace == "slow" {
				return time.Minute // longer than a worker waits
			}
			return 10 * time.Millisecond
		}
		defer lead(t, w)()
		synctest.Wait()
		for i := range 100 {
			s.change(w, in("slow", i))
		}
		pass(time.Second)
		if n := len(s.asked()); n != 6 {
			t.Errorf("%d of 8 workers wait for the slow namespace, want 6", n)
		}
		s.change(w, in("quick", 1))
		pass(20 * time.Millisecond)
		if s.wrote(in("quick", 1)) != 1 {
			t.Error("a quick namespace waits for a slow one")
		}
		pass(5 * time.Minute)
		if s.pausedAt(w) {
			t.Error("objects that are not answered were taken for an API server that is away")
		}
	})
}

// pausedAt reports whether the writer takes the API server to be overloaded now.
func (s *slow) pausedAt(w *Writer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.term.statuses.pace.pause > 0
}

func TestTheBacklogIsAsParallelAsTheServerIs(t *testing.T) {
	for _, c := range []struct{ processors, least, most int }{{2, 2, 8}, {1000, 16, 16}} {
		synctest.Test(t, func(t *testing.T) {
			s, w, _ := newSlow(16, 0)
			s.takes = func(_ kobj.Key, running int) time.Duration {
				return time.Duration(max(10, 10*running/c.processors)) * time.Millisecond
			}
			s.load(w, "one", 1500)
			s.load(w, "two", 1500)
			defer lead(t, w)()
			pass(time.Minute)
			if s.total() != 3000 {
				t.Fatalf("%d writes, want 3000", s.total())
			}
			if got := slices.Max(s.most[1000:2900]); got < c.least || got > c.most {
				t.Errorf("%d at a time with %d processors, want %d to %d", got, c.processors, c.least, c.most)
			}
			if got := slices.Max(s.most); got > 16 {
				t.Errorf("%d at a time, want at most 16", got)
			}
		})
	}
}

func TestAnOverloadedServerIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, seen := newSlow(16, time.Millisecond)
		var recovered atomic.Bool
		s.refuse = func(kobj.Key) error {
			if !recovered.Load() {
				return apierrors.NewTooManyRequests("later", 7)
			}
			return nil
		}
		for i := range 100 {
			s.change(w, in("live", i))
		}
		defer lead(t, w)()
		pass(6 * time.Second)
		tried := len(s.asked())
		if tried > 16 {
			t.Errorf("%d requests to a server that asked for 7 seconds of rest", tried)
		}
		recovered.Store(true)
		pass(3 * time.Second)
		if s.total() != 100 || seen.of(OutcomeFailed) != tried {
			t.Errorf("%d writes, outcomes %v", s.total(), seen.count)
		}
	})
}

func TestAServerThatIsAwayIsAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(16, time.Millisecond)
		var back atomic.Bool
		s.refuse = func(kobj.Key) error {
			if !back.Load() {
				return &url.Error{Op: "Patch", URL: "https://192.0.2.1", Err: errors.New("connection refused")}
			}
			return nil
		}
		s.load(w, "big", 1000)
		defer lead(t, w)()
		pass(time.Minute)
		if n := len(s.asked()); n < 5 || n > 40 {
			t.Errorf("%d requests in a minute", n)
		}
		back.Store(true)
		pass(5 * time.Second)
		if s.total() == 0 {
			t.Error("no write in the first 5 s after it is back")
		}
		pass(2 * time.Second)
		if s.total() != 1000 {
			t.Errorf("%d writes soon after it is back, want 1000", s.total())
		}
	})
}

func TestOwnWritesThatComeBackAreNotLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, seen := newSlow(4, time.Millisecond)
		defer lead(t, w)()
		for i := range 50 {
			s.change(w, in("live", i))
		}
		pass(time.Second)
		s.sync()
		for i := range 50 {
			w.Changed(in("live", i))
			w.Changed(in("live", i)) // as after a relist
		}
		pass(time.Second)
		if seen.of(OutcomeSuccess) != 50 || seen.of(OutcomeNoop) != 0 {
			t.Errorf("outcomes %v, want 50 writes and no further attempt", seen.count)
		}
		s.put(in("live", 1), nil) // an unrelated change is processed once
		s.sync()
		w.Changed(in("live", 1))
		pass(time.Second)
		w.Changed(in("live", 1))
		pass(time.Second)
		if seen.of(OutcomeSuccess) != 50 || seen.of(OutcomeNoop) != 1 {
			t.Errorf("outcomes %v, want 50 writes and one further attempt", seen.count)
		}
	})
}

func TestAnObjectThatFailsIsNotTriedMoreOftenForChangesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(4, time.Millisecond)
		s.refuse = func(k kobj.Key) error { return apierrors.NewInvalid(schema.GroupKind{}, k.Name.Name, nil) }
		k := in("live", 1)
		s.change(w, k)
		defer lead(t, w)()
		for range 600 {
			pass(time.Second)
			w.Changed(k)
		}
		tries := len(s.asked())
		if tries < 15 || tries > 25 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		w.Set(k, valid(k, 1, "other")) // what is new is tried at once
		pass(2 * time.Millisecond)
		if got := len(s.asked()); got != tries+1 {
			t.Errorf("%d tries after a change, want %d", got, tries+1)
		}
	})
}
