package votestore

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/translate"
	"contour.example/contour/internal/xds/votes"
)

// shardingsKey is the key of how the hosts of listeners are sharded; no vote has one like it. Replicas see the same hosts, so that they
// agree but for moments, and each writes what differs.
const shardingsKey = "route-tables"

// Bounds of that value.
const (
	maxShardings      = 256
	maxShardingsBytes = 128 << 10
)

// shardingEntry is one listener in the value.
type shardingEntry struct {
	Fleet    string    `json:"fleet"`
	Listener string    `json:"listener"`
	Shards   int       `json:"shards"`
	Fewer    time.Time `json:"fewer,omitzero"` // RFC 3339
}

// encodeShardings returns the value, "" if there are none: the largest ones if there are too many.
func encodeShardings(of map[ir.ListenerKey]translate.Sharding) string {
	keys := slices.SortedFunc(maps.Keys(of), ir.ListenerKey.Compare)
	if len(keys) > maxShardings {
		slices.SortStableFunc(keys, func(a, b ir.ListenerKey) int { return of[b].Shards - of[a].Shards })
		keys = keys[:maxShardings]
	}
	entries := make([]shardingEntry, 0, len(keys))
	for _, k := range keys {
		entries = append(entries, shardingEntry{
			Fleet: string(k.Fleet), Listener: k.Name, Shards: of[k].Shards, Fewer: of[k].Fewer.UTC().Truncate(time.Second),
		})
	}
	if len(entries) == 0 {
		return ""
	}
	value, err := json.Marshal(entries)
	if err != nil {
		return "" // not possible: it has only strings, numbers and times
	}
	return string(value)
}

// decodeShardings returns what is valid in a value, which is untrusted.
func decodeShardings(value string, now time.Time) map[ir.ListenerKey]translate.Sharding {
	var entries []shardingEntry
	if value == "" || len(value) > maxShardingsBytes || json.Unmarshal([]byte(value), &entries) != nil {
		return nil
	}
	of := map[ir.ListenerKey]translate.Sharding{}
	for _, e := range entries[:min(len(entries), maxShardings)] {
		if e.Fewer.After(now) { // by another clock
			e.Fewer = now
		}
		if s := (translate.Sharding{Shards: e.Shards, Fewer: e.Fewer}); s.Valid() {
			of[ir.ListenerKey{Fleet: ir.Fleet(e.Fleet), Name: e.Listener}] = s
		}
	}
	return of
}

// sameShardings reports whether a controller that starts would resume the same by the value. Replicas need not agree on the second since
// when fewer shards are enough.
func sameShardings(own map[ir.ListenerKey]translate.Sharding, value string, now time.Time) bool {
	return maps.EqualFunc(decodeShardings(encodeShardings(own), now), decodeShardings(value, now), func(a, b translate.Sharding) bool {
		return a.Shards == b.Shards && a.Fewer.IsZero() == b.Fewer.IsZero() && a.Fewer.Sub(b.Fewer).Abs() < time.Minute
	})
}

// planShardings adds how a replica shards the hosts of listeners to what it writes, if a controller that starts would resume something else
// by the present value. nil is not known.
func planShardings(p *votes.Plan, own map[ir.ListenerKey]translate.Sharding, value string, now time.Time) {
	switch {
	case own == nil || sameShardings(own, value, now):
	case len(own) == 0:
		p.Removed = append(p.Removed, shardingsKey)
	default:
		p.Set[shardingsKey] = encodeShardings(own)
	}
}
