package translate

import (
	"fmt"
	"strings"
	"time"

	"contour.example/contour/internal/ir"
)

// The cost of a change of a route table in Envoy is proportional to its hosts, so HTTP hosts are sharded above a limit.
// Envoy computes the shard of a request with the same hash of its host (see dispatch); every shard contains all wildcard
// hosts. A shard consists of slots; the slot of a host never changes.
const (
	slots         = 1024 // a power of two; the maximum number of shards
	fewestShards  = 8
	hostsPerShard = 64   // average, at most; without policies
	maxCopies     = 4096 // of wildcard hosts over all shards, beyond the number of other hosts
	wildcardSlot  = -1   // the slot of wildcard hosts
	everySlot     = -2   // all slots of exact hosts
)

// hashFactor and hashRange define the hash of hostnames: a polynomial in hashFactor modulo hashRange, with one factor
// more than usual, so that the upper bits, which select the slot, depend on all characters. All steps are exact in the 53
// bits of numbers in Envoy's scripts.
const (
	hashFactor = 69069
	hashRange  = 1 << 32
	hashLength = 255 // characters, more than in a hostname
)

// slotOf returns the slot of a hostname in lower case.
func slotOf(hostname string) int {
	if wildcard(hostname) {
		return wildcardSlot
	}
	var h uint64
	for i := range min(len(hostname), hashLength) {
		h = (h*hashFactor + uint64(hostname[i])) % hashRange
	}
	return int(h * hashFactor % hashRange * slots / hashRange)
}

func wildcard(hostname string) bool { return strings.HasPrefix(hostname, "*") }

// shard is one of the route tables into which the hosts of an HTTP listener are sharded, or the route table of a heavy host.
// Without numbers and a host it is the entry table: the only route table, or the one that dispatches requests to the shards.
type shard struct {
	listener  ir.ListenerKey
	index, of int
	host      string // a heavy host, whose own table this is
}

// name returns the name of the shard's scope, of the scope's key and of its route table.
func (s shard) name() string {
	switch {
	case s.host != "":
		return s.listener.Name + "/host/" + s.host // no shard has such a number
	case s.of == 0:
		return s.listener.Name
	}
	return fmt.Sprint(shardPrefix(s.listener, s.of), s.index)
}

func shardPrefix(l ir.ListenerKey, of int) string { return fmt.Sprintf("%s/%d/", l.Name, of) }

// slots returns the range of slots of the shard, which is one of several.
func (s shard) slots() (from, to int) {
	size := slots / s.of
	return s.index * size, (s.index + 1) * size
}

// shardCount returns the number of shards for exact and wildcard hosts of these weights: 1 up to a total of limit, else a
// power of two.
func shardCount(exact, wildcards, limit int) int {
	if exact+wildcards <= limit {
		return 1
	}
	n := fewestShards
	for n < slots && exact > n*hostsPerShard {
		n *= 2
	}
	for n > 1 && n*wildcards > exact+maxCopies {
		n /= 2
	}
	return n
}

// shrinkAfter is the time for which fewer shards must be enough before their number decreases, so that hosts that are added
// and removed repeatedly do not cause repeated resharding.
const shrinkAfter = 10 * time.Minute

// sharding is the number of shards, and the state that determines the next number.
type sharding struct {
	shards int
	limit  int       // RouteTableHosts of the listener at the last call of next
	fewer  time.Time // since when fewer shards are enough; zero: they are not
}

// next returns the sharding for the present hosts. The number of shards increases at once, and decreases at once if the
// limit has changed.
func (d sharding) next(exact, wildcards, limit int, now time.Time) sharding {
	n := shardCount(exact, wildcards, limit)
	switch {
	case n >= d.shards || limit != d.limit:
		return sharding{shards: n, limit: limit}
	case d.fewer.IsZero():
		d.fewer = now
	case now.Sub(d.fewer) >= shrinkAfter:
		return sharding{shards: n, limit: limit}
	}
	return d
}

// Sharding is the number of route tables into which the hosts of an HTTP listener are sharded. It depends on the hosts that the
// listener had, so that a controller that starts resumes those of the former one: Envoys have these tables.
type Sharding struct {
	Shards int       // a power of two, 2 to 1024
	Fewer  time.Time // since when fewer are enough; zero: they are not
}

// Valid reports whether a listener can have that number of shards.
func (s Sharding) Valid() bool {
	return s.Shards > 1 && s.Shards <= slots && s.Shards&(s.Shards-1) == 0
}

// ResumeShardings sets how a former controller sharded the hosts of listeners; call it before the first Reshard.
func (t *Tables) ResumeShardings(former map[ir.ListenerKey]Sharding) { t.routes.resumed = former }

// ChangedShardings returns the shardings of all listeners that have more than one shard at the first call, and if they have changed since
// the last one; else nil. The map is a copy.
func (t *Tables) ChangedShardings() map[ir.ListenerKey]Sharding {
	rt := &t.routes
	if !rt.resharded {
		return nil
	}
	rt.resharded = false
	out := make(map[ir.ListenerKey]Sharding, len(rt.sharded))
	for l := range rt.sharded {
		out[l] = Sharding{Shards: rt.shardings[l].shards, Fewer: rt.shardings[l].fewer}
	}
	return out
}
