package pipeline

import (
	"maps"
	"slices"
	"time"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/translate"
)

// shares bounds how much work the objects of a namespace cause Envoys by changes of filter chains: with one filter chain Envoy
// processes, and keeps until it has drained, the whole listener. Each namespace has an account of filter chains, which an update
// of a listener charges with all chains of the listener, in equal parts to the namespaces that changed it. While an account
// is overdrawn, changes of objects of the namespace wait, the newest of each object, and are applied together afterwards.
// Nothing of another namespace waits (docs/design/0013-budgets.md).
type shares struct {
	rate     int // filter chains per second and namespace; 0: no bound
	now      func() time.Time
	accounts map[string]*account                  // of the namespaces that are not at rest
	held     map[string]map[kobj.Key]store.Change // by namespace; no empty maps
	timer    *time.Timer                          // runs while changes wait
}

// account is the filter chains that a namespace may still have processed, as of a time.
type account struct {
	chains float64
	at     time.Time
}

// burst is the time in which an account fills up.
const burst = 40 * time.Second

// retry is the longest time until the accounts of waiting changes are looked at again.
const retry = time.Second

func newShares(now func() time.Time) *shares {
	s := &shares{now: now, accounts: map[string]*account{}, held: map[string]map[kobj.Key]store.Change{}, timer: time.NewTimer(retry)}
	s.timer.Stop()
	return s
}

// full is what an account holds at most.
func (s *shares) full() float64 { return float64(s.rate) * burst.Seconds() }

// balance returns the filter chains that a namespace may still have processed; negative: it is overdrawn.
func (s *shares) balance(namespace string) float64 {
	a := s.accounts[namespace]
	if a == nil {
		return s.full()
	}
	now := s.now()
	a.chains = min(s.full(), a.chains+now.Sub(a.at).Seconds()*float64(s.rate))
	if a.at = now; a.chains == s.full() {
		delete(s.accounts, namespace)
	}
	return a.chains
}

// charge charges the namespaces that changed the filter chains of listeners by changes of the objects.
func (s *shares) charge(updates []translate.ListenerUpdate, changed ...kobj.Key) {
	if s.rate == 0 {
		clear(s.accounts)
		return
	}
	by := map[string]bool{}
	for _, k := range changed {
		by[k.Namespace] = true
	}
	for _, u := range updates {
		causes := causesOf(u, by)
		for _, namespace := range causes {
			left := s.balance(namespace) - float64(u.Chains)/float64(len(causes))
			s.accounts[namespace] = &account{chains: left, at: s.now()}
		}
	}
}

// causesOf returns the namespaces that caused an update: of those with the objects and the Secrets of its filter chains, those
// by which objects were changed. A Secret that comes and goes is thus charged to its namespace, and not to those that it is
// lent to. If none of them changed an object, it is those of the objects.
func causesOf(u translate.ListenerUpdate, by map[string]bool) []string {
	causes := slices.DeleteFunc(slices.Concat(u.Namespaces, u.Lenders), func(namespace string) bool { return !by[namespace] })
	if len(causes) == 0 {
		return u.Namespaces
	}
	return causes
}

// admit returns the changes of a batch to apply now: those of namespaces whose accounts are not overdrawn, and those of
// endpoints, which change no filter chain.
func (s *shares) admit(batch []store.Change) []store.Change {
	if len(s.held) == 0 && (s.rate == 0 || len(s.accounts) == 0) {
		return batch
	}
	var admitted []store.Change
	for _, c := range batch {
		switch held := s.held[c.Key.Namespace]; {
		case c.Key.Kind == kobj.EndpointSlice:
			admitted = append(admitted, c)
		case held != nil: // also without a bound: none overtakes those that wait for due
			held[c.Key] = c
		case s.rate > 0 && s.balance(c.Key.Namespace) < 0:
			if len(s.held) == 0 {
				s.timer.Reset(retry)
			}
			s.held[c.Key.Namespace] = map[kobj.Key]store.Change{c.Key: c}
		default:
			admitted = append(admitted, c)
		}
	}
	return admitted
}

// due removes and returns the changes of namespaces whose accounts are no longer overdrawn, sorted by object. Run calls it when
// the timer fires.
func (s *shares) due() []store.Change {
	var out []store.Change
	for namespace, held := range s.held {
		if s.rate > 0 && s.balance(namespace) < 0 {
			continue
		}
		out = slices.AppendSeq(out, maps.Values(held))
		delete(s.held, namespace)
	}
	for namespace := range s.accounts {
		s.balance(namespace) // drops those at rest
	}
	if len(s.held) > 0 {
		s.timer.Reset(retry)
	}
	slices.SortFunc(out, func(a, b store.Change) int { return a.Key.Compare(b.Key) })
	return out
}

// Waiting returns the number of changes of each namespace that wait because it changes filter chains too often; no zeros.
func (p *Pipeline) Waiting() map[string]int {
	n := make(map[string]int, len(p.shares.held))
	for namespace, held := range p.shares.held {
		n[namespace] = len(held)
	}
	return n
}
