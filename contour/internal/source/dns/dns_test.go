package dns

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/source/fair"
	"contour.example/contour/internal/store"
)

// servers is a Resolver with DNS servers that exist only in the test.
type servers struct {
	*Resolver
	mu        sync.Mutex
	rules     Rules
	answers   map[string][]string // by name; absent: the server never answers
	unknown   map[string]bool
	lookups   map[string]int
	parallel  int
	most      int
	delivered map[kobj.Key]*discoveryv1.EndpointSlice
	count     int // of deliveries
}

func start(t *testing.T, limits Limits) *servers {
	t.Helper()
	s := &servers{
		rules: Rules{Family: ir.AddressesAuto}, answers: map[string][]string{}, unknown: map[string]bool{}, lookups: map[string]int{},
		delivered: map[kobj.Key]*discoveryv1.EndpointSlice{},
	}
	s.Resolver = New(Options{
		Log: slog.New(slog.DiscardHandler), Limits: limits, Lookup: s.lookup,
		Rules: func() Rules { s.mu.Lock(); defer s.mu.Unlock(); return s.rules },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, s.deliver)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func (s *servers) lookup(ctx context.Context, host string, _ ir.AddressFamily) ([]netip.Addr, error) {
	s.mu.Lock()
	s.lookups[host]++
	s.parallel++
	s.most = max(s.most, s.parallel)
	texts, answers := s.answers[host]
	unknown := s.unknown[host]
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.parallel--; s.mu.Unlock() }()
	if unknown {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if !answers {
		<-ctx.Done()
		return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
	}
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out, nil
}

func (s *servers) deliver(_ context.Context, batch []store.Change) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	for _, c := range batch {
		if c.Object == nil {
			delete(s.delivered, c.Key)
		} else {
			s.delivered[c.Key] = c.Object.(*discoveryv1.EndpointSlice)
		}
	}
	return true
}

func (s *servers) set(host string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[host] = addresses
	delete(s.unknown, host)
}

func (s *servers) silence(host string) { s.mu.Lock(); delete(s.answers, host); s.mu.Unlock() }

func (s *servers) remove(host string) { s.mu.Lock(); s.unknown[host] = true; s.mu.Unlock() }

// deliveries returns the number of deliveries.
func (s *servers) deliveries() int { s.mu.Lock(); defer s.mu.Unlock(); return s.count }

func (s *servers) tried(host string) int { s.mu.Lock(); defer s.mu.Unlock(); return s.lookups[host] }

// of is what the EndpointSlice of a Service says: addresses, ports, and the problem; "none" if there is none.
func (s *servers) of(n kobj.Name) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.delivered[sliceOf(n)]
	if e == nil {
		return "none"
	}
	out := []string{}
	for _, x := range e.Endpoints {
		out = append(out, x.Addresses...)
	}
	for _, p := range e.Ports {
		out = append(out, fmt.Sprintf("%s:%d", *p.Name, *p.Port))
	}
	if problem := e.Annotations[kind.UnresolvedAnnotation]; problem != "" {
		out = append(out, problem)
	}
	return strings.Join(out, " ")
}

func web(host string) ir.ExternalService {
	return ir.ExternalService{Host: host, Ports: []ir.NamedPort{{Name: "web", Number: 80}}}
}

func service1(namespace string) kobj.Name { return kobj.Name{Namespace: namespace, Name: "s"} }

type changes = []memo.Change[kobj.Name, ir.ExternalService]

func wanted(n kobj.Name, of ir.ExternalService) changes { return changes{{Key: n, New: &of}} }

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Addresses follow the name, an equal answer is delivered once, and edits of the Service and its deletion are followed.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := start(t, DefaultLimits()), service1("a")
		s.set("x", "192.0.2.2", "192.0.2.1", "192.0.2.2")
		s.Update(wanted(n, web("x")))
		synctest.Wait()
		expect(t, "at first", s.of(n), "192.0.2.1 192.0.2.2 web:80")
		select {
		case <-s.Attempted():
		default:
			t.Error("the first addresses are delivered, and Attempted is not closed")
		}
		time.Sleep(time.Minute)
		if got := s.tried("x"); got < 12 || got > 16 {
			t.Errorf("%d lookups in a minute", got)
		}
		expect(t, "deliveries of equal answers", s.deliveries(), 1)
		s.set("x", "192.0.2.3")
		time.Sleep(refresh)
		expect(t, "after a change", s.of(n), "192.0.2.3 web:80")
		s.Update(wanted(n, ir.ExternalService{Host: "x", Ports: []ir.NamedPort{{Name: "web", Number: 81}, {Number: 82}}}))
		synctest.Wait()
		expect(t, "with other ports, before a lookup", s.of(n), "192.0.2.3 web:81 :82")
		s.Update(changes{{Key: n, Old: new(web("x")), New: new(ir.ExternalService{})}})
		synctest.Wait()
		expect(t, "after the end", s.of(n), "none")
		before := s.tried("x")
		time.Sleep(time.Minute)
		expect(t, "lookups after the end", s.tried("x"), before)
	})
}

// While a name does not answer its addresses stay in use, and the problem is reported when it lasts; those of a name that does not
// exist any more end after a few answers.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := start(t, DefaultLimits()), service1("a")
		s.set("x", "192.0.2.1")
		s.Update(wanted(n, web("x")))
		synctest.Wait()
		s.silence("x")
		time.Sleep(refresh + timeout)
		synctest.Wait()
		expect(t, "after one failure", s.of(n), "192.0.2.1 web:80")
		time.Sleep(24 * time.Hour)
		expect(t, "after a day", s.of(n), "192.0.2.1 web:80 "+string(noAnswer))
		expect(t, "state", s.Count()["stale"], 1)
		s.set("x", "192.0.2.1")
		time.Sleep(maxBackoff + timeout)
		expect(t, "afterwards", s.of(n), "192.0.2.1 web:80")
		s.remove("x")
		for before := s.tried("x"); s.tried("x") == before; {
			time.Sleep(refresh / 100)
		}
		synctest.Wait()
		expect(t, "after one answer that there is no such name", s.of(n), "192.0.2.1 web:80")
		time.Sleep(time.Minute)
		expect(t, "after some", s.of(n), "web:80 "+string(notFound))
	})
}

// An edit of the name keeps the addresses until the new name was looked up.
func TestEditOfTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := start(t, DefaultLimits()), service1("a")
		s.set("x", "192.0.2.1")
		s.set("y", "192.0.2.2")
		s.Update(wanted(n, web("x")))
		synctest.Wait()
		s.Update(wanted(n, web("y")))
		synctest.Wait()
		expect(t, "after an edit", s.of(n), "192.0.2.2 web:80")
		s.Update(wanted(n, web("silent")))
		time.Sleep(timeout / 2)
		expect(t, "while the new name is looked up", s.of(n), "192.0.2.2 web:80")
		time.Sleep(timeout)
		expect(t, "when it does not answer", s.of(n), "web:80 "+string(noAnswer))
	})
}

// Addresses that endpoints may not have are not used, whatever a name says, and neither are more than the limit.
func TestAddressesOfNames(t *testing.T) {
	limits := DefaultLimits()
	limits.Addresses = 2
	for text, want := range map[string]string{
		"127.0.0.1":                   string(notPermitted),
		"169.254.169.254 ::1 fe80::1": string(notPermitted),
		"::ffff:127.0.0.1":            string(notPermitted),
		"10.96.0.1":                   string(notPermitted),
		"10.96.0.1 192.0.2.1":         "192.0.2.1",
		"192.0.2.3 192.0.2.1 192.0.2.2 192.0.2.4": "192.0.2.1 192.0.2.2",
		"192.0.2.1 2001:db8::1":                   "2001:db8::1",
		"::ffff:192.0.2.1":                        "192.0.2.1",
	} {
		synctest.Test(t, func(t *testing.T) {
			s, n := start(t, limits), service1("a")
			s.mu.Lock()
			s.rules.Endpoints.Denied = []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12")}
			s.mu.Unlock()
			s.set("x", strings.Fields(text)...)
			s.Update(wanted(n, ir.ExternalService{Host: "x"}))
			synctest.Wait()
			expect(t, text, s.of(n), want)
		})
	}
}

func TestFamilies(t *testing.T) {
	for family, want := range map[ir.AddressFamily]string{
		ir.AddressesAuto: "2001:db8::1", ir.AddressesV4: "192.0.2.1", ir.AddressesV6: "2001:db8::1", ir.AddressesAll: "192.0.2.1 2001:db8::1",
	} {
		synctest.Test(t, func(t *testing.T) {
			s, n, literal := start(t, DefaultLimits()), service1("a"), service1("b")
			s.mu.Lock()
			s.rules.Family = family
			s.mu.Unlock()
			s.set("x", "192.0.2.1", "2001:db8::1")
			s.Update(append(wanted(n, ir.ExternalService{Host: "x"}), wanted(literal, ir.ExternalService{Host: "192.0.2.9"})...))
			synctest.Wait()
			expect(t, string(family), s.of(n), want)
			expect(t, string(family)+", an address", s.of(literal), "192.0.2.9")
		})
	}
}

// Names that do not answer delay only those of their namespace, and the names of a namespace are bounded.
func TestSilentNamesDelayNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{Limits: fair.Limits{PerNamespace: 20, Total: 100, Parallel: 4, ParallelEach: 2, ParallelNew: 2, Slow: 2, SlowEach: 1}, Addresses: 4}
		s := start(t, limits)
		var all changes
		for i := range 30 {
			all = append(all, wanted(kobj.Name{Namespace: "hostile", Name: fmt.Sprintf("s%02d", i)}, web(fmt.Sprintf("silent-%02d", i)))...)
		}
		s.Update(all)
		synctest.Wait()
		expect(t, "lookups at a time", s.most, limits.ParallelEach)
		expect(t, "beyond the limit", s.of(kobj.Name{Namespace: "hostile", Name: "s29"}), "web:80 "+string(overLimit))
		s.set("x", "192.0.2.1")
		s.Update(wanted(service1("other"), web("x")))
		synctest.Wait() // no time passes
		expect(t, "the name of another namespace", s.of(service1("other")), "192.0.2.1 web:80")
		for i := range 15 { // room for one that waits
			s.Update(changes{{Key: kobj.Name{Namespace: "hostile", Name: fmt.Sprintf("s%02d", i)}}})
		}
		s.set("silent-29", "192.0.2.9")
		time.Sleep(2 * time.Minute)
		expect(t, "when there is room", s.of(kobj.Name{Namespace: "hostile", Name: "s29"}), "192.0.2.9 web:80")
	})
}

// What was over the limit and is given up leaves nothing behind.
func TestForgottenServicesLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Limits{Limits: fair.Limits{PerNamespace: 1, Total: 10, Parallel: 4, ParallelEach: 2, ParallelNew: 2, Slow: 2, SlowEach: 1}, Addresses: 4})
		names := []kobj.Name{{Namespace: "a", Name: "1"}, {Namespace: "a", Name: "2"}, {Namespace: "b", Name: "1"}}
		for _, n := range names {
			s.Update(wanted(n, web("x")))
		}
		for _, n := range names {
			s.Update(changes{{Key: n}})
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.services) + s.pool.Namespaces() + len(s.delivered); n > 0 {
			t.Errorf("%d things are left", n)
		}
	})
}

// Silent names of many namespaces do not keep the names of others from their first addresses.
func TestSilentNamespacesDelayNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, DefaultLimits())
		var all changes
		for i := range 40 {
			for j := range 8 {
				n := kobj.Name{Namespace: fmt.Sprintf("hostile-%d", i), Name: fmt.Sprint(j)}
				all = append(all, wanted(n, web(fmt.Sprintf("silent-%d-%d", i, j)))...)
			}
		}
		honest := []kobj.Name{}
		for i := range 50 {
			n := kobj.Name{Namespace: "team", Name: fmt.Sprint(i)}
			s.set("x"+n.Name, "192.0.2.1")
			honest, all = append(honest, n), append(all, wanted(n, web("x"+n.Name))...)
		}
		s.Update(all)
		time.Sleep(quick)
		synctest.Wait()
		for _, n := range honest {
			expect(t, n.Name, s.of(n), "192.0.2.1 web:80")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, n := range honest {
			s.set("x"+n.Name, "192.0.2.2")
		}
		time.Sleep(refresh)
		synctest.Wait()
		for _, n := range honest {
			expect(t, n.Name+" after a change", s.of(n), "192.0.2.2 web:80")
		}
	})
}

// More of them than there are slots make the names of others wait for a part of the time of a lookup.
func TestMoreSilentNamespacesThanSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits()
		s := start(t, limits)
		var all changes
		for i := range limits.Parallel + 1 {
			for j := range 8 {
				n := kobj.Name{Namespace: fmt.Sprintf("a-%d", i), Name: fmt.Sprint(j)}
				all = append(all, wanted(n, web(fmt.Sprintf("silent-%d-%d", i, j)))...)
			}
		}
		s.Update(all)
		synctest.Wait()
		s.set("x", "192.0.2.1")
		var honest changes
		for i := range 50 {
			honest = append(honest, wanted(service1(fmt.Sprintf("team-%d", i)), web("x"))...)
		}
		s.Update(honest)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, c := range honest {
			expect(t, c.Key.Namespace, s.of(c.Key), "192.0.2.1 web:80")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.most > limits.Parallel+limits.Slow {
			t.Errorf("%d lookups at a time", s.most)
		}
	})
}

// An edit keeps its place, each namespace has what it is guaranteed, and places that become free are shared.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits()
		limits.PerNamespace, limits.Guaranteed, limits.Total = 4, 1, 6
		s := start(t, limits)
		s.set("x", "192.0.2.1")
		s.set("y", "192.0.2.2")
		name := func(namespace string, i int) kobj.Name { return kobj.Name{Namespace: namespace, Name: fmt.Sprint(i)} }
		var all changes
		for _, namespace := range []string{"a", "b"} {
			for i := range 5 {
				all = append(all, wanted(name(namespace, i), web("x"))...)
			}
		}
		s.Update(all)
		synctest.Wait()
		s.Update(wanted(name("late", 0), web("x")))
		s.Update(wanted(name("late", 1), web("x")))
		synctest.Wait()
		resolved, over := "192.0.2.1 web:80", "web:80 "+string(overLimit)
		for _, namespace := range []string{"a", "b"} {
			expect(t, namespace+"/2", s.of(name(namespace, 2)), resolved)
			expect(t, namespace+"/3", s.of(name(namespace, 3)), over)
		}
		expect(t, "guaranteed", s.of(name("late", 0)), resolved)
		expect(t, "not guaranteed", s.of(name("late", 1)), over)
		s.Update(wanted(name("a", 0), web("y")))
		synctest.Wait()
		expect(t, "edited", s.of(name("a", 0)), "192.0.2.2 web:80")
		s.Update(changes{{Key: name("a", 0)}, {Key: name("a", 1)}})
		synctest.Wait()
		expect(t, "with room, the first to wait", s.of(name("a", 3)), resolved)
		expect(t, "without room", s.of(name("a", 4)), over)
	})
}

// An edit costs the caller the same, however many Services wait.
func TestWorkOfAnEditWhileManyWait(t *testing.T) {
	work := func(waiting int) float64 {
		x := New(Options{Log: slog.New(slog.DiscardHandler), Limits: Limits{}})
		x.ctx = t.Context()
		for i := range waiting {
			x.Update(wanted(kobj.Name{Namespace: "a", Name: fmt.Sprint(i)}, web("x")))
		}
		clear(x.pending)
		i := 0
		return testing.AllocsPerRun(100, func() {
			i++
			x.Update(wanted(kobj.Name{Namespace: "a", Name: "0"}, web(fmt.Sprint("x", i))))
			x.Update(wanted(kobj.Name{Namespace: "b", Name: "0"}, web("x")))
			x.Update(changes{{Key: kobj.Name{Namespace: "b", Name: "0"}}})
		})
	}
	if few, many := work(10), work(10_000); many > few+2 {
		t.Errorf("%.0f allocations while 10 wait, %.0f while 10,000 do", few, many)
	}
}

// Names that fail again and again, with answers between, are logged once a minute for all of a namespace.
func TestFailingNamesAreLoggedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, DefaultLimits())
		var log strings.Builder // the handler writes with a lock of its own
		s.options.Log = slog.New(slog.NewTextHandler(&log, nil))
		for i := range 20 {
			s.Update(wanted(kobj.Name{Namespace: "a", Name: fmt.Sprint(i)}, web(fmt.Sprint("x", i))))
		}
		for minute := range 10 {
			for i := range 20 {
				if s.set(fmt.Sprint("x", i), "192.0.2.1"); minute%2 == 0 {
					s.remove(fmt.Sprint("x", i))
				}
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "cannot be resolved"); n == 0 || n > 10 {
			t.Errorf("%d warnings in ten minutes", n)
		}
	})
}

// A name that recovers whenever its failure is reported is reported ever more rarely.
func TestNamesThatKeepFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := start(t, DefaultLimits()), service1("a")
		s.set("x", "192.0.2.1")
		s.Update(wanted(n, web("x")))
		synctest.Wait()
		reports, was := 0, s.of(n)
		for range 36_000 { // an hour
			if s.of(n) != was {
				reports, was = reports+1, s.of(n)
			}
			if s.of(n) == "192.0.2.1 web:80" {
				s.remove("x")
			} else {
				s.set("x", "192.0.2.1")
			}
			time.Sleep(time.Second / 10)
		}
		if reports < 6 || reports > 24 {
			t.Errorf("%d changes in an hour", reports)
		}
	})
}

// The addresses of a former name end a minute after the edit, also when the names of the namespace that do not answer keep the present one
// from its lookup.
func TestInheritedAddressesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := DefaultLimits()
		limits.ParallelNew = 0 // none is ever looked up
		s, n := start(t, limits), service1("a")
		s.Update(wanted(n, web("x")))
		synctest.Wait()
		s.mu.Lock()
		s.services[n].addresses = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		s.mu.Unlock()
		s.Update(wanted(n, web("y")))
		expect(t, "stale", s.Count()["stale"], 1)
		time.Sleep(maxInherited + time.Second)
		synctest.Wait()
		expect(t, "after a minute", s.of(n), "web:80 "+string(noAnswer))
		expect(t, "unresolved", s.Count()["unresolved"], 1)
	})
}

// A name whose answers keep changing is looked up less often.
func TestUnsteadyNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := start(t, DefaultLimits()), service1("a")
		s.set("x", "192.0.2.1")
		s.Update(wanted(n, web("x")))
		synctest.Wait()
		before := s.deliveries()
		for i := range 6000 { // ten minutes
			s.set("x", fmt.Sprintf("192.0.%d.%d", i/250, i%250))
			time.Sleep(time.Second / 10)
		}
		synctest.Wait()
		if got := s.deliveries() - before; got > 40 {
			t.Errorf("%d changes are delivered in ten minutes", got)
		}
		time.Sleep(3 * maxBackoff)
		before = s.tried("x")
		time.Sleep(time.Minute)
		if got := s.tried("x") - before; got < 12 {
			t.Errorf("%d lookups in a minute after the answers are steady again", got)
		}
	})
}
