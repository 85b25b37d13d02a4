package translate

import (
	"fmt"
	"strings"
	"time"

	"contour.example/contour/internal/ir"
)

// The cost of a change of a route table in Envoy is proportional to its hosts, so HTTP hosts are sharded above a limit.
// Envoy computes the shard of a request with the same hash of its host (see dispatch); wildcard hosts are in every
// shard. A shard consists of slots; the slot of a host never changes.
const (
	slots         = 1024 // a power of two, and the most shards there can be
	fewestShards  = 8
	hostsPerShard = 64   // at most, on average, without policies
	maxCopies     = 4096 // of wildcard hosts over all shards, beyond the number of other hosts
	wildcardSlot  = -1   // stands for the slot of a wildcard host
)

// hashFactor and hashRange are the hash of hostnames: a polynomial in hashFactor modulo hashRange, with one factor
// more than usual, so that the upper bits, which count, depend on all characters. All steps are exact in the 53 bits
// of the numbers that scripts in Envoy have.
const (
	hashFactor = 69069
	hashRange  = 1 << 32
	hashLength = 255 // characters, which are more than a hostname has
)

// slotOf is the slot of a hostname, which is in lower case.
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

// shard is one of a number of route tables that share the hosts of an HTTP listener; with zero numbers it is the table
// that requests come to first: the only one, or the one that leads to all others.
type shard struct {
	listener  ir.ListenerKey
	index, of int
}

// name is the name of the shard's scope, of the scope's key and of its route table.
func (s shard) name() string {
	if s.of == 0 {
		return s.listener.Name
	}
	return fmt.Sprint(shardPrefix(s.listener, s.of), s.index)
}

func shardPrefix(l ir.ListenerKey, of int) string { return fmt.Sprintf("%s/%d/", l.Name, of) }

// slots is the range of slots that the shard is made of.
func (s shard) slots() (from, to int) {
	if s.of == 0 {
		return 0, slots
	}
	size := slots / s.of
	return s.index * size, (s.index + 1) * size
}

// shardCount is the number of shards for exact and wildcard hosts of these weights: 1 up to a total of limit, else a power of
// two.
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

// shrinkAfter is how long fewer shards must have been enough before there are fewer: hosts that come and go do not
// divide the table again and again.
const shrinkAfter = 10 * time.Minute

// sharding is the number of shards in use, and what bears on changing it.
type sharding struct {
	shards int
	limit  int       // RouteTableHosts of the listener at the last call of next
	fewer  time.Time // since when fewer shards are enough; zero: they are not
}

// next is the sharding to go on with for so many hosts. It grows at once, and shrinks at once if the limit has
// changed. Its history is forgotten soon, so that replicas agree, and agree with one that starts.
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
