package translate

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

func TestShardCount(t *testing.T) {
	for _, c := range []struct{ exact, wildcards, limit, want int }{
		{0, 0, 0, 1},
		{1, 0, 0, 8},
		{512, 0, 512, 1},
		{510, 3, 512, 8},
		{512, 1, 512, 8},
		{513, 0, 512, 16},
		{25_000, 0, 512, 512},
		{50_000, 0, 512, 1024},
		{1_000_000, 0, 512, 1024},
		{25_000, 100, 512, 256}, // 25,600 copies
		{25_000, 1000, 512, 16}, // not more than 29,096 copies
		{0, 1000, 512, 4},
		{0, 100_000, 512, 1},
	} {
		if got := shardCount(c.exact, c.wildcards, c.limit); got != c.want {
			t.Errorf("%d hosts and %d wildcards, limit %d: %d shards, want %d", c.exact, c.wildcards, c.limit, got, c.want)
		}
	}
}

func TestShardsIncreaseAtOnceAndDecreaseLate(t *testing.T) {
	start := time.Unix(1000, 0)
	d := sharding{shards: 1, limit: 256}
	for _, step := range []struct {
		minutes, exact, limit, want int
	}{
		{0, 256, 256, 1},
		{1, 300, 256, 8},
		{2, 550, 256, 16},
		{3, 450, 256, 16},  // 8 would be enough, for 0 minutes
		{12, 450, 256, 16}, // for 9
		{12, 550, 256, 16},
		{14, 450, 256, 16}, // for 0 again
		{24, 450, 256, 8},
		{25, 100, 256, 8},
		{26, 100, 50, 8}, // another limit applies at once
		{27, 100, 200, 1},
		{28, 100, 0, 8},
	} {
		d = d.next(step.exact, 0, step.limit, start.Add(time.Duration(step.minutes)*time.Minute))
		if d.shards != step.want {
			t.Errorf("minute %d, %d hosts, limit %d: %d shards, want %d", step.minutes, step.exact, step.limit, d.shards, step.want)
		}
	}
}

func TestSlotsAreEven(t *testing.T) {
	for _, pattern := range []string{"h%d.example.com", "www.shop-%05d.example", "%d.a.b.c.example.org"} {
		count := map[int]int{}
		const n = 100 * slots
		for i := range n {
			count[slotOf(fmt.Sprintf(pattern, i))]++
		}
		for slot, got := range count {
			if got < 30 || got > 200 {
				t.Errorf("%s: slot %d has %d hosts of 100 expected", pattern, slot, got)
			}
		}
	}
}

// shardsOf returns the names of the parts in each route table of the HTTP listener.
func shardsOf(fx *fixture) map[string][]string {
	shards := map[string][]string{}
	for _, r := range fx.all() {
		if r.Ref.Type != table.Route || !strings.HasPrefix(r.Ref.Name, classic.HTTP().Name) {
			continue
		}
		shards[r.Ref.Name] = []string{}
		for _, p := range r.Parts {
			shards[r.Ref.Name] = append(shards[r.Ref.Name], p.Name)
		}
	}
	return shards
}

func TestHostsAreInTheirShardAndWildcardsInAll(t *testing.T) {
	fx := newFixture(tables(0))
	for i := range 100 {
		fx.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to("s")}))
	}
	everywhere := []string{"*", "*.example.com"}
	for _, name := range everywhere {
		fx.set(httpHost(name, ir.Route{Match: prefix("/"), Forward: to("s")}))
	}
	fx.run()
	shards := shardsOf(fx)
	if len(shards["ingress_http"]) > 0 || len(shards) != 1+fewestShards {
		t.Errorf("shards: %v", shards)
	}
	seen := map[string]int{}
	for i := range fewestShards {
		s := shard{listener: classic.HTTP(), index: i, of: fewestShards}
		if !slices.IsSorted(shards[s.name()]) {
			t.Errorf("the hosts of %s are not in order", s.name())
		}
		for _, name := range shards[s.name()] {
			seen[name]++
			if slot := slotOf(name); slot != wildcardSlot && slot*s.of/slots != i {
				t.Errorf("%s is in shard %d", name, i)
			}
		}
	}
	for name, n := range seen {
		if want := map[bool]int{true: fewestShards, false: 1}[slices.Contains(everywhere, name)]; n != want {
			t.Errorf("%s is in %d shards, want %d", name, n, want)
		}
	}
	if len(seen) != 102 {
		t.Errorf("%d hosts are served, want 102", len(seen))
	}
}

func TestResharding(t *testing.T) {
	fx := newFixture(tables(10))
	set := func(i int, path string) {
		fx.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix(path), Forward: to("s")}))
	}
	for i := range 10 {
		set(i, "/")
	}
	fx.run()
	set(10, "/")
	_, changed := fx.run()
	want := []string{}
	for _, i := range []int{0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9} {
		want = append(want, fmt.Sprintf("set SRDS ingress_http//h%d.example.com", i))
	}
	for i := range fewestShards {
		want = append(want, "set SRDS "+shard{listener: classic.HTTP(), index: i, of: fewestShards}.name())
	}
	want = append(want, "set RDS ingress_http")
	for i := range fewestShards {
		want = append(want, "set RDS "+shard{listener: classic.HTTP(), index: i, of: fewestShards}.name())
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("sharded (-want +got):\n%s", diff)
	}
	set(3, "/other")
	fx.expect(t, map[string]uint64{"translate/virtual hosts": 1, "translate/HTTP route tables": 1},
		"set RDS "+shard{listener: classic.HTTP(), index: slotOf("h3.example.com") * fewestShards / slots, of: fewestShards}.name())
	for i := 5; i < 11; i++ {
		fx.hosts.Delete(httpHost(fmt.Sprintf("h%d.example.com", i)).Key)
	}
	fx.engine.Run()
	fx.tables.Reshard(time.Time{})
	if !fx.tables.routes.toReshard[classic.HTTP()] {
		t.Error("a number that may decrease later is forgotten")
	}
	fx.run()
	if got := shardsOf(fx); len(got) != 1 || len(got["ingress_http"]) != 5 {
		t.Errorf("shards after removal of hosts: %v, want one", got)
	}
	if len(fx.faults) > 0 {
		t.Errorf("faults: %v", fx.faults)
	}
}

func TestHostsWithEqualRedirectsShareAVirtualHost(t *testing.T) {
	fx := newFixture()
	away := ir.Route{Match: prefix("/"), Redirect: &ir.Redirect{Hostname: "www.example.com", Code: 301}}
	for _, name := range []string{"a.example.com", "b.example.com", "d.example.com"} {
		fx.set(httpHost(name, away))
	}
	fx.set(httpHost("c.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}), httpHost("e.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	fx.run()
	shared := sharedHost(virtualHost(httpHost("a.example.com", away)).common, nil).Name
	if diff := cmp.Diff([]string{shared, "c.example.com", "e.example.com"}, shardsOf(fx)["ingress_http"]); diff != "" {
		t.Errorf("virtual hosts (-want +got):\n%s", diff)
	}
	for _, r := range fx.all() {
		if r.Ref == (table.Ref{Type: table.Route, Name: "ingress_http"}) {
			domains := decode(t, r).(*routev3.RouteConfiguration).GetVirtualHosts()[0].GetDomains()
			if diff := cmp.Diff([]string{"a.example.com", "b.example.com", "d.example.com"}, domains); diff != "" || r.Parts[0].Invalid != "" {
				t.Errorf("domains of the shared virtual host (-want +got):\n%s\n%s", diff, r.Parts[0].Invalid)
			}
		}
	}
	fx.set(httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")}))
	fx.hosts.Delete(httpHost("d.example.com").Key)
	fx.run()
	want := []string{"a.example.com", "b.example.com", "c.example.com", "e.example.com"}
	if diff := cmp.Diff(want, shardsOf(fx)["ingress_http"]); diff != "" {
		t.Errorf("virtual hosts after removal of two (-want +got):\n%s", diff)
	}
}

func TestPoliciesIncreaseTheWeightOfHosts(t *testing.T) {
	fx := newFixture(tables(10))
	for i := range 10 {
		fx.set(httpHost(fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to("s")}))
	}
	fx.run()
	if n := fx.tables.Shards(classic.HTTP()); n != 1 {
		t.Errorf("%d shards of 10 hosts, want 1", n)
	}
	limited := httpHost("h0.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})
	limited.Policies = &ir.Policies{LocalRateLimit: &ir.LocalRateLimit{}}
	fx.set(limited)
	fx.run()
	if n := fx.tables.Shards(classic.HTTP()); n != fewestShards {
		t.Errorf("%d shards when one of them has a policy, want %d", n, fewestShards)
	}
}

// live is the number of objects on the heap, and the bytes that were ever allocated.
func live() (objects, bytes int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapObjects), int(m.TotalAlloc)
}

// A listener costs what its hosts cost, and not what all slots that hosts could be in would cost: neither while it has few,
// nor when these change.
func TestAListenerWithFewHostsIsSmall(t *testing.T) {
	const listeners, mostObjects, mostBytes = 1000, 100, 20 << 10
	f := newFixture()
	add := func(first, end int) {
		for i := first; i < end; i++ {
			l := other(fmt.Sprintf("l%d", i), ir.ListenHTTP)
			f.listeners.Set(l.Key, &l)
			f.set(at(l, httpHost("a.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})))
		}
		f.run()
	}
	add(0, 10)
	before, _ := live()
	add(10, 10+listeners)
	after, from := live()
	if got := (after - before) / listeners; got > mostObjects {
		t.Errorf("%d objects for a listener with a host, want at most %d", got, mostObjects)
	}
	for i := range listeners {
		l := other(fmt.Sprintf("l%d", i), ir.ListenHTTP)
		f.set(at(l, httpHost("b.example.com", ir.Route{Match: prefix("/"), Forward: to("s")})))
		f.engine.Run()
		f.changes()
	}
	if _, end := live(); (end-from)/listeners > mostBytes {
		t.Errorf("%d bytes for one more host, want at most %d", (end-from)/listeners, mostBytes)
	}
	runtime.KeepAlive(f)
}
