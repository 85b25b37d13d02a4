package statuswriter

import (
	"testing"
	"testing/synctest"
	"time"

	"contour.example/contour/internal/kobj"
)

// writtenBy returns how many requests the server had at that time.
func (s *slow) writtenBy(at time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, t := range s.at {
		if !t.After(at) {
			n++
		}
	}
	return n
}

// A burst is over when nothing of it has changed for a moment; until then few of its statuses are written.
func TestABurstIsWrittenWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(24, 20*time.Millisecond)
		defer lead(t, w)()
		synctest.Wait()
		for i := range 400 {
			s.change(w, in("big", i))
			pass(2 * time.Millisecond)
		}
		end := time.Now()
		if n := s.writtenBy(end); n < 8 || n > 80 {
			t.Errorf("%d statuses were written during the burst, want the first ones only", n)
		}
		pass(burstPause + time.Second)
		if s.total() != 400 {
			t.Errorf("%d statuses were written soon after the burst, want 400", s.total())
		}
	})
}

// No status of a burst that does not end waits for longer than a second, apart from the pace of the server.
func TestAnEndlessBurstIsWrittenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(24, 10*time.Millisecond)
		defer lead(t, w)()
		synctest.Wait()
		changed := map[kobj.Key]time.Time{}
		for i := range 3000 {
			k := in("big", i)
			changed[k] = time.Now()
			s.change(w, k)
			pass(2 * time.Millisecond)
		}
		pass(2 * time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.order) != 3000 {
			t.Fatalf("%d statuses were written, want 3000", len(s.order))
		}
		for i, k := range s.order {
			if waited := s.at[i].Sub(changed[k]); waited > longestHold+20*time.Millisecond {
				t.Fatalf("the status of %s waited for %v", k, waited)
			}
		}
	})
}

// A user who changes one object after the other is not part of a burst, however fast, and neither is one in another namespace.
func TestABurstDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(24, 20*time.Millisecond)
		defer lead(t, w)()
		synctest.Wait()
		for i := range 300 {
			s.change(w, in("one", i))
			pass(20 * time.Millisecond)
			if s.wrote(in("one", i)) != 1 {
				t.Fatalf("the status of change %d one after the other is not written when the server has had its time", i)
			}
		}
		for i := range 400 {
			s.change(w, in("big", i))
			if i%200 == 199 {
				k := in("other", i)
				s.change(w, k)
				pass(20 * time.Millisecond)
				if s.wrote(k) != 1 {
					t.Error("the status of another namespace waits for a burst")
				}
			}
			pass(2 * time.Millisecond)
		}
	})
}

// An object that changes again while its status is held is written once, with the last status.
func TestAHeldStatusIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := newSlow(24, 20*time.Millisecond)
		defer lead(t, w)()
		synctest.Wait()
		for i := range 200 {
			s.change(w, in("big", i))
			pass(time.Millisecond)
		}
		k := in("big", 199)
		if s.wrote(k) != 0 {
			t.Fatal("the last status of the burst is not held")
		}
		w.Set(k, valid(k, 1, "last"))
		pass(2 * time.Second)
		if s.wrote(k) != 1 || s.proxy(k).Status.Description != "last" {
			t.Errorf("%d writes, status %q, want one write of the last", s.wrote(k), s.proxy(k).Status.Description)
		}
	})
}
