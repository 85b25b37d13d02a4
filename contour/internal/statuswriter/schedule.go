package statuswriter

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"

	"contour.example/contour/internal/fairqueue"
	"contour.example/contour/internal/kobj"
)

// urgency is the lane in which an object waits.
type urgency int

const (
	idle    urgency = iota // it does not wait
	held                   // it has changed in a burst, until that is over
	backlog                // first load, a change that concerns many objects, or a retry
	live                   // it has just changed, and a user may wait for its status
)

// liveInARow is the number of live objects between two of the backlog, while both wait.
const liveInARow = 7

// schedule orders the objects to process. One worker at a time processes an object; if the object is added again
// meanwhile, it is processed again. All methods may be called from any goroutine.
type schedule struct {
	now func() time.Time

	mu    sync.Mutex
	wake  *sync.Cond // signaled when an object may be ready
	items map[kobj.Key]*item
	lanes map[urgency]*fairqueue.Queue[kobj.Key] // by namespace
	later delays
	timer *time.Timer
	pace  *pace
	burst burst

	running   int
	backlog   int            // of these, of the backlog
	busy      map[string]int // of these, by namespace
	share     int            // maximum of these in one namespace, so that a slow one leaves workers to the others
	inARow    int
	shut      bool
	timerTime time.Time // when timer goes off; zero if it does not
}

// item is an object that waits, is being processed, or has failed.
type item struct {
	waits    urgency
	due      time.Time // the time of a delayed retry; zero if there is none
	running  urgency   // its urgency when its processing started; idle if it is not being processed
	again    urgency   // the urgency with which it was added meanwhile
	failures int
	conflict bool // the last failure was a conflict: a change of the object follows from the watches
}

func newSchedule(workers int, now func() time.Time) *schedule {
	s := &schedule{
		now: now, items: map[kobj.Key]*item{}, lanes: map[urgency]*fairqueue.Queue[kobj.Key]{live: {}, backlog: {}},
		pace: newPace(workers), busy: map[string]int{}, share: max(1, workers*3/4),
	}
	s.wake = sync.NewCond(&s.mu)
	return s
}

// add schedules an object now, or after the burst of which its change is a part.
func (s *schedule) add(k kobj.Key, u urgency) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); u == live && s.burst.add(k, now, s.running) {
		if u = held; len(s.burst.held) == 0 {
			defer s.arm(now)
		}
	}
	s.enqueue(k, u)
}

// addChanged schedules an object that has changed; after a failure, only if that was a conflict.
func (s *schedule) addChanged(k kobj.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch it := s.items[k]; {
	case it == nil || it.failures == 0 || it.running != idle:
		s.enqueue(k, backlog)
	case it.conflict:
		s.enqueue(k, live)
	}
}

func (s *schedule) enqueue(k kobj.Key, u urgency) {
	it := s.items[k]
	if it == nil {
		it = &item{}
		s.items[k] = it
	}
	if it.running != idle {
		it.again = max(it.again, u)
		return
	}
	if it.waits >= u {
		return
	}
	it.due, it.waits = time.Time{}, u // pop skips its former place
	if u == held {
		s.burst.hold(k, s.now())
		return
	}
	s.lanes[u].Push(k.Namespace, k)
	s.wake.Signal()
}

// take waits for the next object to process, and returns false after shutDown.
func (s *schedule) take() (kobj.Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.shut {
		now := s.now()
		s.release(now)
		if k, ok := s.pick(now); ok {
			s.wake.Signal() // perhaps there is more
			return k, true
		}
		s.arm(now)
		s.wake.Wait()
	}
	return kobj.Key{}, false
}

// pick removes and returns the next object, if the pace permits one.
func (s *schedule) pick(now time.Time) (kobj.Key, bool) {
	if now.Before(s.pace.until) || s.running >= int(s.pace.all) {
		return kobj.Key{}, false
	}
	order := []urgency{live, backlog}
	if s.inARow >= liveInARow {
		order = []urgency{backlog, live}
	}
	for _, u := range order {
		if u == backlog && s.backlog >= int(s.pace.backlog) {
			continue
		}
		if k, ok := s.pop(u); ok {
			s.start(k, u)
			return k, true
		}
	}
	return kobj.Key{}, false
}

// pop removes and returns an object of a lane, and removes outdated entries before it.
func (s *schedule) pop(u urgency) (kobj.Key, bool) {
	for {
		k, ok := s.lanes[u].PopIf(func(namespace string) bool { return s.busy[namespace] < s.share })
		if it := s.items[k]; !ok || it != nil && it.waits == u {
			return k, ok
		}
	}
}

func (s *schedule) start(k kobj.Key, u urgency) {
	it := s.items[k]
	it.waits, it.running, it.again = idle, u, idle
	s.running++
	s.busy[k.Namespace]++
	s.inARow++
	if u == backlog {
		s.backlog++
		s.inARow = 0
	}
}

// done ends the processing of an object. After a positive delay it is processed again.
func (s *schedule) done(k kobj.Key, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.stop(k)
	it.failures, it.conflict = 0, false
	switch {
	case it.again != idle:
		s.enqueue(k, it.again)
	case delay > 0:
		s.wait(k, delay)
	default:
		delete(s.items, k)
	}
}

// failed ends the processing of an object with an error that concerns the object. It is retried after its back-off.
func (s *schedule) failed(k kobj.Key, conflict bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.stop(k)
	it.conflict = conflict
	delay := jitter(min(firstRetry<<min(it.failures, 16), lastRetry))
	it.failures++
	if it.again == live || it.again == held || it.again != idle && conflict {
		s.enqueue(k, it.again)
		return
	}
	s.wait(k, delay)
}

// overloaded ends the processing of an object with an error of the API server, and pauses all writes. It reports whether
// this is the first such error since the last successful write.
func (s *schedule) overloaded(k kobj.Key, retryAfter time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.items[k]
	u := max(it.running, it.again)
	s.stop(k)
	first := s.pace.overloaded(s.now(), retryAfter)
	s.enqueue(k, u)
	return first
}

// succeeded records a successful write of an object whose processing has not ended.
func (s *schedule) succeeded(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace.succeeded(took, s.backlog)
}

// failures returns the number of consecutive failures of an object.
func (s *schedule) failures(k kobj.Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.items[k]; it != nil {
		return it.failures
	}
	return 0
}

func (s *schedule) stop(k kobj.Key) *item {
	it := s.items[k]
	if it.running == backlog {
		s.backlog--
	}
	it.running = idle
	s.running--
	if s.busy[k.Namespace]--; s.busy[k.Namespace] == 0 {
		delete(s.busy, k.Namespace)
	}
	return it
}

// wait schedules an object after a delay.
func (s *schedule) wait(k kobj.Key, delay time.Duration) {
	at := s.now().Add(delay)
	s.items[k].due = at
	heap.Push(&s.later, delayed{k, at})
	s.arm(s.now())
}

// release adds the objects that are due to the backlog, and those of a burst to the live ones.
func (s *schedule) release(now time.Time) {
	for _, k := range s.burst.release(now) {
		if it := s.items[k]; it != nil && it.waits == held {
			s.enqueue(k, live)
		}
	}
	for len(s.later) > 0 && !s.later[0].at.After(now) {
		d := heap.Pop(&s.later).(delayed)
		if it := s.items[d.key]; it != nil && it.due.Equal(d.at) {
			s.enqueue(d.key, backlog)
		}
	}
}

// arm starts the timer that wakes a worker when the next object is due or the pause ends.
func (s *schedule) arm(now time.Time) {
	next := s.burst.due()
	if len(s.later) > 0 && (next.IsZero() || s.later[0].at.Before(next)) {
		next = s.later[0].at
	}
	if s.pace.until.After(now) && (next.IsZero() || s.pace.until.Before(next)) {
		next = s.pace.until
	}
	if next.IsZero() || next.Equal(s.timerTime) {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timerTime = next
	s.timer = time.AfterFunc(max(0, next.Sub(now)), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.timerTime.Equal(next) {
			s.timerTime = time.Time{}
		}
		s.wake.Signal()
	})
}

// shutDown makes all calls of take return false.
func (s *schedule) shutDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.wake.Broadcast()
}

// delayed is an object to process at a time.
type delayed struct {
	key kobj.Key
	at  time.Time
}

// delays is a heap, the soonest first.
type delays []delayed

func (d delays) Len() int           { return len(d) }
func (d delays) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d delays) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delays) Push(x any)        { *d = append(*d, x.(delayed)) }
func (d *delays) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

// jitter returns d changed by up to 20 %, so that objects that failed together are not retried together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
