package votes

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/quarantine"
	"contour.example/contour/internal/xds/table"
)

const fleetName ir.Fleet = "default"

// apply is what the API server does with a patch.
func apply(data map[string]string, p Plan) {
	maps.Copy(data, p.Set)
	for _, key := range p.Removed {
		delete(data, key)
	}
}

func rejects(node, address, namespace string, i int) table.Vote {
	return table.Vote{
		Ref: table.Ref{Type: table.Route, Name: "rc"}, Piece: quarantine.ID{Name: fmt.Sprint("host", i), Hash: quarantine.Hash{byte(i), byte(i >> 8)}},
		Namespace: namespace, Wanted: true, Node: node, Address: address, Connected: true, ErrorDetail: "no",
	}
}

// writeAll writes what the replica wants, and reports how many writes that took.
func writeAll(t *testing.T, x *Exchange, data map[string]string, own []table.Vote, now time.Time) (writes int) {
	t.Helper()
	for range 10 {
		x.Read(data)
		p := x.Plan(map[ir.Fleet][]table.Vote{fleetName: own}, now)
		if p.Empty() {
			return writes
		}
		apply(data, p)
		writes++
	}
	t.Fatal("the replica does not stop writing")
	return 0
}

func TestEntriesComeBackAsVotes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one, two, data := New("one"), New("two"), map[string]string{"README": "somebody's"}
	vote := rejects("envoy", "10.0.0.1", "ns", 1)
	vote.ErrorDetail = `a "quoted" <text>`
	accepts := vote
	accepts.Accepts, accepts.Node, accepts.Address, accepts.ErrorDetail = true, "", "", ""
	writeAll(t, one, data, []table.Vote{vote, accepts}, now)
	if len(data) != 3 {
		t.Fatalf("data: %v", data)
	}
	two.Read(data)
	if got := one.Others(now); len(got) != 0 {
		t.Errorf("a replica takes its own votes for those of others: %v", got)
	}
	vote.Wanted, vote.Connected, accepts.Wanted, accepts.Connected = false, false, false, false
	got := two.Others(now)[fleetName]
	if len(got) != 2 || got[0] != vote && got[1] != vote || got[0] != accepts && got[1] != accepts {
		t.Errorf("got %+v", got)
	}
}

// An Envoy that connects to another replica takes its votes there; the former one does not remove them.
func TestVotesFollowTheirEnvoy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	one, two, data := New("one"), New("two"), map[string]string{}
	vote := rejects("envoy", "10.0.0.1", "ns", 1)
	writeAll(t, one, data, []table.Vote{vote}, now)
	writeAll(t, one, data, nil, now) // it has left
	if len(data) != 1 {
		t.Fatal("removed at once")
	}
	writeAll(t, two, data, []table.Vote{vote}, now)
	writeAll(t, one, data, nil, now.Add(time.Hour))
	one.Read(data)
	if len(data) != 1 || len(one.Others(now)) != 1 {
		t.Errorf("data %v", data)
	}
	writeAll(t, two, data, nil, now)
	if writeAll(t, two, data, nil, now.Add(2*keepLeft)); len(data) != 0 {
		t.Errorf("data %v", data)
	}
}

// Two clients of one name at two replicas do not make these write all the time.
func TestSameNameTwice(t *testing.T) {
	t.Parallel()
	now := time.Now()
	one, two, data := New("one"), New("two"), map[string]string{}
	vote, writes := rejects("envoy", "10.0.0.1", "ns", 1), 0
	for range 60 {
		for _, x := range []*Exchange{one, two} {
			writes += writeAll(t, x, data, []table.Vote{vote}, now)
		}
		now = now.Add(time.Second)
	}
	if writes > 5 {
		t.Errorf("%d writes in a minute", writes)
	}
}

// One Envoy and one namespace have a share; those of others find room beside it.
func TestShares(t *testing.T) {
	t.Parallel()
	now := time.Now()
	x, data := New("one"), map[string]string{}
	var own []table.Vote
	for i := range 1000 { // it changes its name each time
		own = append(own, rejects(fmt.Sprint("liar", i), "10.0.0.1", "victim", i))
	}
	writeAll(t, x, data, own, now)
	if len(data) != maxOfAddress {
		t.Errorf("a liar has %d entries, want %d", len(data), maxOfAddress)
	}
	own = append(own, rejects("envoy", "10.0.0.2", "ns", 2000), rejects("liar", "10.0.0.1", "ns", 2001))
	writeAll(t, x, data, own, now)
	found := 0
	for _, value := range data {
		if strings.Contains(value, "host2000") || strings.Contains(value, "host2001") {
			found++
		}
	}
	if found != 2 || len(data) != maxOfAddress+1 {
		t.Errorf("%d of 2 votes of others among %d", found, len(data))
	}
	for i := range 1000 {
		for j := range 20 {
			own = append(own, rejects(fmt.Sprint("envoy", i), fmt.Sprint("address", i), "ns", 3000+j))
		}
	}
	if writeAll(t, x, data, own, now); len(data) > maxOfFleet {
		t.Errorf("%d entries", len(data))
	}
	again := New("after a restart")
	if writeAll(t, again, data, nil, now); len(data) == 0 {
		t.Error("a replica that has just started removes what others said")
	}
	if writeAll(t, again, data, nil, now.Add(2*expireAfter)); len(data) > 0 {
		t.Errorf("%d entries that nobody renews are left", len(data))
	}
}

func TestUnwantedVotesExpire(t *testing.T) {
	t.Parallel()
	now := time.Now()
	x, data := New("one"), map[string]string{}
	vote := rejects("envoy", "10.0.0.1", "ns", 1)
	writeAll(t, x, data, []table.Vote{vote}, now)
	vote.Wanted = false
	if writes := writeAll(t, x, data, []table.Vote{vote}, now); writes > 0 || len(data) != 1 {
		t.Errorf("%d writes when it is not wanted for a moment", writes)
	}
	writeAll(t, x, data, []table.Vote{vote}, now.Add(keepUnwanted))
	if writeAll(t, x, data, []table.Vote{vote}, now.Add(keepUnwanted+keepLeft)); len(data) > 0 {
		t.Error("it is still there")
	}
}

// A vote is renewed, and one whose names are too long is not shared.
func TestRenewal(t *testing.T) {
	t.Parallel()
	now := time.Now()
	x, data := New("one"), map[string]string{}
	long := rejects(strings.Repeat("n", 300), "10.0.0.1", "ns", 2)
	own := []table.Vote{rejects("envoy", "10.0.0.1", "ns", 1), long}
	writes := 0
	for range 24 * 60 {
		writes += writeAll(t, x, data, own, now)
		now = now.Add(time.Minute)
	}
	if len(data) != 1 || writes < 40 || writes > 50 || len(New("other").entries) > 0 {
		t.Errorf("%d writes a day, %d entries", writes, len(data))
	}
}

// What others write into the ConfigMap does no harm, and is removed if it has the form of a key.
func FuzzRead(f *testing.F) {
	x, data := New("one"), map[string]string{}
	p := x.Plan(map[ir.Fleet][]table.Vote{fleetName: {rejects("envoy", "10.0.0.1", "ns", 1)}}, time.Now())
	for key, value := range p.Set {
		f.Add(key, value)
		f.Add(key[1:]+"0", value)
	}
	f.Add("x", "{}")
	f.Fuzz(func(t *testing.T, key, value string) {
		clear(data)
		data[key] = value
		y := New("two")
		y.Read(data)
		for _, votes := range y.Others(time.Now()) {
			for _, v := range votes {
				if len(v.ErrorDetail) > 512 || len(v.Node) > maxWordBytes || v.Accepts == (v.Node != "") {
					t.Errorf("vote %+v", v)
				}
			}
		}
		plan := y.Plan(nil, time.Now())
		if len(plan.Set) > 0 || len(plan.Removed) > 1 || len(plan.Removed) == 1 && !isKey(key) {
			t.Errorf("plan %+v", plan)
		}
	})
}
