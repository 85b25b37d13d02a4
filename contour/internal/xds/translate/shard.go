package translate

import (
	"fmt"
	"strings"
	"time"

	"contour.example/contour/internal/ir"
)

// A route table costs Envoy as much per change as it has hosts, so a large one is divided into shards. Envoy finds
// the shard of a request by the same hash of its host (see dispatch); a host that stands for many names is in every
// shard. What a shard is made of comes in slots, the finest division, so that a host's slot never changes.
const (
	slots         = 1024 // a power of two, and the most shards there can be
	fewestShards  = 8
	hostsPerShard = 64   // at most, on average, without policies
	maxCopies     = 4096 // of wildcard hosts over all shards, beyond the number of other hosts
	everySlot     = -1   // stands for the slot of a wildcard host
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
		return everySlot
	}
	var h uint64
	for i := range min(len(hostname), hashLength) {
		h = (h*hashFactor + uint64(hostname[i])) % hashRange
	}
	return int(h * hashFactor % hashRange * slots / hashRange)
}

func wildcard(hostname string) bool { return strings.HasPrefix(hostname, "*") }

// shard is one of a number of route tables that share the hosts of a plain listener; with zero numbers it is the table
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

// division is the number of shards in use, and what bears on changing it.
type division struct {
	shards int
	limit  int       // what was configured when it was last looked at
	fewer  time.Time // since when fewer would be enough; zero: they are not
}

// next is the division to go on with for so many hosts. It grows at once, and shrinks at once if the limit has
// changed. Its history is forgotten soon, so that replicas agree, and agree with one that starts.
func (d division) next(exact, wildcards, limit int, now time.Time) division {
	n := shardCount(exact, wildcards, limit)
	switch {
	case n >= d.shards || limit != d.limit:
		return division{shards: n, limit: limit}
	case d.fewer.IsZero():
		d.fewer = now
	case now.Sub(d.fewer) >= shrinkAfter:
		return division{shards: n, limit: limit}
	}
	return d
}
