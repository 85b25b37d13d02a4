package issuer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/source/fair"
)

// issuers is a Fetcher with servers that exist only in the test.
type issuers struct {
	*Fetcher
	mu        sync.Mutex
	keys      map[string]ir.KeySet // by URI; "" or absent: unreachable
	slow      map[string]time.Duration
	attempts  map[string]int
	parallel  int
	most      int
	delivered map[jwks.Owner]jwks.KeySet
	count     int // of deliveries
}

func start(t *testing.T, limits fair.Limits) *issuers {
	t.Helper()
	i := &issuers{keys: map[string]ir.KeySet{}, slow: map[string]time.Duration{}, attempts: map[string]int{}, delivered: map[jwks.Owner]jwks.KeySet{}}
	i.Fetcher = New(Options{Log: slog.New(slog.DiscardHandler), Limits: limits})
	i.fetch = i.serve
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Run(ctx, i.deliver)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return i
}

func (i *issuers) serve(ctx context.Context, r jwks.Request, _ []byte) (ir.KeySet, outcome) {
	i.mu.Lock()
	i.attempts[r.URI]++
	i.parallel++
	i.most = max(i.most, i.parallel)
	keys, slow := i.keys[r.URI], i.slow[r.URI]
	i.mu.Unlock()
	defer func() { i.mu.Lock(); i.parallel--; i.mu.Unlock() }()
	select {
	case <-ctx.Done():
		return "", failed(jwks.TooSlow, "timeout", ctx.Err())
	case <-time.After(slow):
	}
	if keys == "" {
		return "", failed(jwks.Unreachable, "unreachable", nil)
	}
	return keys, outcome{name: "success"}
}

func (i *issuers) deliver(_ context.Context, sets map[jwks.Owner]jwks.KeySet) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	maps.Copy(i.delivered, sets)
	return true
}

func (i *issuers) set(uri string, keys ir.KeySet) { i.mu.Lock(); i.keys[uri] = keys; i.mu.Unlock() }

func (i *issuers) of(o jwks.Owner) jwks.KeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.delivered[o]
}

// deliveries returns the number of deliveries.
func (i *issuers) deliveries() int { i.mu.Lock(); defer i.mu.Unlock(); return i.count }

func (i *issuers) tried(uri string) int { i.mu.Lock(); defer i.mu.Unlock(); return i.attempts[uri] }

func provider(namespace, proxy string) jwks.Owner {
	return jwks.Owner{Proxy: kobj.Name{Namespace: namespace, Name: proxy}, Provider: "p"}
}

func remote(o jwks.Owner, uri string) jwks.Remote {
	return jwks.Remote{Owner: o, Request: jwks.Request{URI: uri, Timeout: time.Second, Refresh: 5 * time.Minute}}
}

func added(r jwks.Remote) memo.Change[jwks.Remote, []byte] {
	return memo.Change[jwks.Remote, []byte]{Key: r, New: new([]byte)}
}

func removed(r jwks.Remote) memo.Change[jwks.Remote, []byte] {
	return memo.Change[jwks.Remote, []byte]{Key: r, Old: new([]byte)}
}

type changes = []memo.Change[jwks.Remote, []byte]

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Keys are refreshed, an equal document is delivered once, and new keys arrive within the interval.
func TestRefreshAndRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, o := start(t, DefaultLimits()), provider("a", "www")
		i.set("u", "k1")
		i.Update(changes{added(remote(o, "u"))})
		synctest.Wait()
		expect(t, "at first", i.of(o), jwks.KeySet{Keys: "k1"})
		select {
		case <-i.Attempted():
		default:
			t.Error("the first keys are delivered, and Attempted is not closed")
		}
		time.Sleep(time.Hour)
		if n := i.tried("u"); n < 12 || n > 16 {
			t.Errorf("%d attempts in an hour with an interval of 5 minutes", n)
		}
		expect(t, "deliveries of equal keys", i.deliveries(), 1)
		i.set("u", "k2")
		time.Sleep(5 * time.Minute)
		expect(t, "after a rotation", i.of(o), jwks.KeySet{Keys: "k2"})
	})
}

// While the issuer is away the last good keys stay in use, first without a word, and end after maxAge.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, o := start(t, DefaultLimits()), provider("a", "www")
		i.set("u", "k")
		i.Update(changes{added(remote(o, "u"))})
		time.Sleep(time.Minute)
		i.set("u", "")
		time.Sleep(5 * time.Minute)
		expect(t, "after 5 minutes", i.of(o), jwks.KeySet{Keys: "k", Failure: jwks.Unreachable})
		expect(t, "stale", i.Count()["stale"], 1)
		before := i.tried("u")
		time.Sleep(time.Hour)
		if n := i.tried("u") - before; n < 55 || n > 125 {
			t.Errorf("%d attempts in an hour of failures", n)
		}
		time.Sleep(22 * time.Hour)
		expect(t, "after 23 hours", i.of(o).Keys, ir.KeySet("k"))
		time.Sleep(2 * time.Hour)
		expect(t, "after 25 hours", i.of(o), jwks.KeySet{Failure: jwks.Unreachable})
		i.set("u", "k")
		time.Sleep(maxBackoffMissing)
		expect(t, "after the outage", i.of(o), jwks.KeySet{Keys: "k"})
	})
}

// One failed attempt is no news.
func TestOneFailureIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, o := start(t, DefaultLimits()), provider("a", "www")
		i.set("u", "k")
		i.Update(changes{added(remote(o, "u"))})
		time.Sleep(time.Minute)
		i.set("u", "")
		for i.tried("u") == 1 {
			time.Sleep(100 * time.Millisecond)
		}
		i.set("u", "k")
		time.Sleep(10 * time.Second)
		expect(t, "deliveries", i.deliveries(), 1)
	})
}

// An edit of the request keeps the former keys until the new ones are there, for a bounded time.
func TestEditOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, o := start(t, DefaultLimits()), provider("a", "www")
		i.set("u", "k1")
		i.Update(changes{added(remote(o, "u"))})
		synctest.Wait()
		i.Update(changes{added(remote(o, "v")), removed(remote(o, "u"))})
		synctest.Wait()
		expect(t, "at once", i.of(o).Keys, ir.KeySet("k1"))
		time.Sleep(maxInherited + maxBackoffMissing)
		expect(t, "after a minute", i.of(o), jwks.KeySet{Failure: jwks.Unreachable})
		i.set("v", "k2")
		time.Sleep(maxBackoffMissing)
		expect(t, "with new keys", i.of(o), jwks.KeySet{Keys: "k2"})
		i.Update(changes{removed(remote(o, "v"))})
		synctest.Wait()
		expect(t, "removed", i.of(o), jwks.KeySet{})
		n := i.tried("v")
		time.Sleep(time.Hour)
		expect(t, "attempts after the removal", i.tried("v"), n)
	})
}

// Providers of a namespace share a document; namespaces do not.
func TestSharedDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, DefaultLimits())
		i.set("u", "k")
		for n := range 50 {
			i.Update(changes{added(remote(provider("a", fmt.Sprint(n)), "u"))})
		}
		i.Update(changes{added(remote(provider("b", "www"), "u"))})
		synctest.Wait()
		expect(t, "attempts", i.tried("u"), 2)
		expect(t, "keys", i.of(provider("a", "49")).Keys, ir.KeySet("k"))
	})
}

// What exceeds a limit is not fetched and says so, until there is room; other namespaces are not affected.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, fair.Limits{PerNamespace: 2, Total: 10, Parallel: 4, ParallelEach: 2, ParallelNew: 2, Slow: 2, SlowEach: 1})
		var all changes
		for n := range 5 {
			uri := fmt.Sprint("u", n)
			i.set(uri, "k")
			all = append(all, added(remote(provider("a", fmt.Sprint(n)), uri)))
		}
		i.Update(all)
		i.set("other", "k")
		i.Update(changes{added(remote(provider("b", "www"), "other"))})
		synctest.Wait()
		expect(t, "within", i.of(provider("a", "1")), jwks.KeySet{Keys: "k"})
		expect(t, "beyond", i.of(provider("a", "2")), jwks.KeySet{Failure: jwks.OverBudget})
		expect(t, "attempts beyond", i.tried("u2"), 0)
		expect(t, "of another namespace", i.of(provider("b", "www")), jwks.KeySet{Keys: "k"})
		i.Update(changes{removed(remote(provider("a", "0"), "u0"))})
		synctest.Wait()
		i.Update(changes{added(remote(provider("a", "late"), "u3"))})
		synctest.Wait()
		expect(t, "another provider of a key set that is beyond", i.of(provider("a", "late")), jwks.KeySet{Failure: jwks.OverBudget})
		expect(t, "with room", i.of(provider("a", "2")), jwks.KeySet{Keys: "k"})
		expect(t, "still beyond", i.of(provider("a", "3")), jwks.KeySet{Failure: jwks.OverBudget})
	})
}

// Slow issuers of one namespace occupy its attempts, so that those of others are not delayed.
func TestSlowIssuersDelayNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, DefaultLimits())
		var all changes
		for n := range 40 {
			uri := fmt.Sprint("slow", n)
			i.slow[uri] = time.Hour
			all = append(all, added(remote(provider("a", fmt.Sprint(n)), uri)))
		}
		i.Update(all)
		synctest.Wait()
		expect(t, "attempts at a time", i.most, 2)
		i.set("u", "k")
		i.Update(changes{added(remote(provider("b", "www"), "u"))})
		synctest.Wait()
		expect(t, "another namespace", i.of(provider("b", "www")), jwks.KeySet{Keys: "k"})
	})
}

// Issuers of many namespaces that never answer do not keep those of others from being fetched, at first and after an hour.
func TestSlowNamespacesDelayNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := start(t, DefaultLimits())
		var all changes
		for n := range 200 {
			for m := range 3 {
				uri := fmt.Sprint("slow", n, "-", m)
				i.slow[uri] = time.Hour
				r := remote(provider(fmt.Sprint("hostile-", n), fmt.Sprint(m)), uri)
				r.Request.Timeout = maxTimeout
				all = append(all, added(r))
			}
		}
		i.set("u", "k1")
		honest := provider("team", "www")
		r := remote(honest, "u")
		r.Request.Refresh = minRefresh
		i.Update(append(all, added(r)))
		time.Sleep(10 * quick) // 601 first attempts, 64 at a time
		synctest.Wait()
		expect(t, "at first", i.of(honest), jwks.KeySet{Keys: "k1"})
		time.Sleep(time.Hour)
		i.set("u", "k2")
		time.Sleep(minRefresh)
		synctest.Wait()
		expect(t, "after a rotation", i.of(honest), jwks.KeySet{Keys: "k2"})
	})
}

// An issuer that answers within the timeout of the provider, but slowly, is fetched.
func TestSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, o := start(t, DefaultLimits()), provider("a", "www")
		i.set("u", "k")
		i.slow["u"] = 5 * time.Second
		r := remote(o, "u")
		r.Request.Timeout = 10 * time.Second
		i.Update(changes{added(r)})
		time.Sleep(quick + 5*time.Second)
		synctest.Wait()
		expect(t, "keys", i.of(o), jwks.KeySet{Keys: "k"})
		expect(t, "attempts", i.tried("u"), 2)
		time.Sleep(5 * time.Minute)
		expect(t, "attempts after the next, which is a slow one at once", i.tried("u"), 3)
	})
}

// An edit costs the caller the same, however many key sets wait, and one without changes of key sets costs nothing.
func TestWhatWaitsCostsOtherEditsNothing(t *testing.T) {
	work := func(waiting int) (edit, none float64) {
		f := New(Options{Log: slog.New(slog.DiscardHandler)}) // no limit permits anything
		f.ctx = t.Context()
		for n := range waiting {
			uri := fmt.Sprint("https://issuer.example.org/", n)
			f.Update(changes{added(remote(provider("greedy", uri), uri))})
		}
		clear(f.pending)
		edit = testing.AllocsPerRun(10, func() {
			f.Update(changes{added(remote(provider("b", "www"), "u"))})
			f.Update(changes{removed(remote(provider("b", "www"), "u"))})
		})
		return edit, testing.AllocsPerRun(10, func() { f.Update(nil) })
	}
	few, _ := work(10)
	many, none := work(10_000)
	if many > few+2 || none > 0 {
		t.Errorf("allocations of an edit: %.0f while 10 wait, %.0f while 10,000 do; of none: %.0f", few, many, none)
	}
}
