package statuswriter

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"

	"contour.example/contour/internal/kobj"
)

// urgency says which lane an object waits in.
type urgency int

const (
	idle    urgency = iota // it does not wait
	backlog                // nobody waits for it: first load, what concerns thousands at once, another try
	live                   // somebody has just changed it
)

// liveInARow is how many live objects are taken before one of the backlog, when both wait.
const liveInARow = 7

// schedule is the objects to look at: which of them next, and when. An object is looked at by one worker at a time;
// asked for meanwhile, it is looked at again. All methods may be called from any goroutine.
type schedule struct {
	now func() time.Time

	mu    sync.Mutex
	wake  *sync.Cond // something may be there to take
	items map[kobj.Key]*item
	lanes map[urgency]*lane
	later delays
	timer *time.Timer
	pace  *pace

	running   int
	backlog   int            // of these, of the backlog
	busy      map[string]int // of these, by namespace
	share     int            // of one namespace at most: a slow one is to leave workers to the others
	inARow    int
	shut      bool
	timerTime time.Time // when timer goes off; zero if it does not
}

// item is an object that waits, is looked at, or has failed.
type item struct {
	waits    urgency
	due      time.Time // it waits for that time; zero if not
	running  urgency   // it is looked at, and what it was when it was taken
	again    urgency   // it was asked for meanwhile
	failures int
	conflict bool // the last failure was one: the object has changed, and the watches will tell
}

func newSchedule(workers int, now func() time.Time) *schedule {
	s := &schedule{
		now: now, items: map[kobj.Key]*item{}, lanes: map[urgency]*lane{live: newLane(), backlog: newLane()},
		pace: newPace(workers), busy: map[string]int{}, share: max(1, workers*3/4),
	}
	s.wake = sync.NewCond(&s.mu)
	return s
}

// add asks for a look at an object now.
func (s *schedule) add(k kobj.Key, u urgency) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ask(k, u)
}

// nudge asks for a look at an object that has changed in a way that says nothing about why it failed before.
func (s *schedule) nudge(k kobj.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch it := s.items[k]; {
	case it == nil || it.failures == 0 || it.running != idle:
		s.ask(k, backlog)
	case it.conflict:
		s.ask(k, live)
	}
}

func (s *schedule) ask(k kobj.Key, u urgency) {
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
	it.due, it.waits = time.Time{}, u // where it stood before, it is skipped
	s.lanes[u].push(k)
	s.wake.Signal()
}

// take waits for the next object to look at; it is false once the schedule is shut.
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

// pick takes out what is next, if anything may be.
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

// pop takes an object out of a lane, and what does not stand there any more.
func (s *schedule) pop(u urgency) (kobj.Key, bool) {
	for {
		k, ok := s.lanes[u].pop(func(namespace string) bool { return s.busy[namespace] < s.share })
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

// done says that an object was looked at, and is to be looked at again after a delay if that is not 0.
func (s *schedule) done(k kobj.Key, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.stop(k)
	it.failures, it.conflict = 0, false
	switch {
	case it.again != idle:
		s.ask(k, it.again)
	case delay > 0:
		s.wait(k, delay)
	default:
		delete(s.items, k)
	}
}

// failed says that a look at an object failed because of the object; it is looked at again after a while.
func (s *schedule) failed(k kobj.Key, conflict bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.stop(k)
	it.conflict = conflict
	delay := jitter(min(firstRetry<<min(it.failures, 16), lastRetry))
	it.failures++
	if it.again == live || it.again != idle && conflict {
		s.ask(k, it.again)
		return
	}
	s.wait(k, delay)
}

// refused says that a look at an object failed because of the API server; all wait for that. It reports whether that is news.
func (s *schedule) refused(k kobj.Key, retryAfter time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.items[k]
	u := max(it.running, it.again)
	s.stop(k)
	news := s.pace.overloaded(s.now(), retryAfter)
	s.ask(k, u)
	return news
}

// worked says that the API server has handled a write for an object that is still being looked at.
func (s *schedule) worked(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace.worked(took, s.backlog)
}

// failures is how often an object has failed since it last did not.
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

// wait has an object looked at after a delay.
func (s *schedule) wait(k kobj.Key, delay time.Duration) {
	at := s.now().Add(delay)
	s.items[k].due = at
	heap.Push(&s.later, delayed{k, at})
	s.arm(s.now())
}

// release puts what is due into the backlog.
func (s *schedule) release(now time.Time) {
	for len(s.later) > 0 && !s.later[0].at.After(now) {
		d := heap.Pop(&s.later).(delayed)
		if it := s.items[d.key]; it != nil && it.due.Equal(d.at) {
			s.ask(d.key, backlog)
		}
	}
}

// arm has a worker woken when something is due next.
func (s *schedule) arm(now time.Time) {
	var next time.Time
	if len(s.later) > 0 {
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

// shutDown ends all take, now and later.
func (s *schedule) shutDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.wake.Broadcast()
}

// delayed is an object to look at from a time on.
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

// jitter is about d: what failed together is not to be tried again together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
