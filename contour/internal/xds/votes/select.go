package votes

import (
	"cmp"
	"slices"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// candidate is a vote of this replica that may have an entry.
type candidate struct {
	key   string
	entry entry
	// The order in which candidates get entries: the earlier the more votes of its host and namespace come after it, so that
	// neither a client nor a user that causes many takes the entries of others away.
	unwanted bool
	rank     int // among the votes of its fleet, host and namespace
}

// share is whose votes have a rank.
type share struct {
	fleet              ir.Fleet
	address, namespace string
}

// candidates lists the votes for which this replica may have an entry, in their order, and the keys of all votes.
func (x *Exchange) candidates(own map[ir.Fleet][]table.Vote, now time.Time) (all []candidate, voted map[string]bool) {
	voted = map[string]bool{}
	for f, votes := range own {
		for _, v := range votes {
			e, ok := newEntry(f, v, x.self)
			if !ok {
				continue
			}
			c := candidate{key: e.key(), entry: e, unwanted: !v.Wanted}
			voted[c.key] = true
			if !x.isForgotten(c.key, v.Wanted, now) && x.speaksFor(c.key, v, now) {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(btoi(a.unwanted), btoi(b.unwanted)) })
	ranks := map[share]int{}
	for i := range all {
		of := share{ir.Fleet(all[i].entry.Fleet), all[i].entry.Address, all[i].entry.Object}
		all[i].rank = ranks[of]
		ranks[of]++
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(btoi(a.unwanted), btoi(b.unwanted)), cmp.Compare(a.rank, b.rank), cmp.Compare(a.key, b.key))
	})
	return all, voted
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// isForgotten reports whether the content of a vote has not been wanted for too long.
func (x *Exchange) isForgotten(key string, wanted bool, now time.Time) bool {
	if wanted {
		delete(x.unwanted, key)
		return false
	}
	if _, known := x.unwanted[key]; !known {
		x.unwanted[key] = now
	}
	return now.Sub(x.unwanted[key]) >= keepUnwanted
}

// speaksFor reports whether the entry is this replica's: another replica's becomes so when its Envoy connects to this one, or
// when nobody renews it.
func (x *Exchange) speaksFor(key string, v table.Vote, now time.Time) bool {
	e, exists := x.entries[key]
	switch {
	case !exists || e.By == x.self:
		return true
	case now.Sub(x.takenOver[key]) < takeOverAgain:
		return false
	case v.Accepts:
		return now.Sub(e.renewed()) > 2*renewAfter
	}
	return v.Connected
}

// counts is the entries that count against the bounds.
type counts struct {
	total     int
	ofFleet   map[string]int
	ofAddress map[[2]string]int
	ofContent map[string]int // entries that reject it
}

func (n *counts) add(e *entry) {
	n.total++
	n.ofFleet[e.Fleet]++
	if !e.Accepted {
		n.ofAddress[[2]string{e.Fleet, e.Address}]++
		n.ofContent[e.content()]++
	}
}

// fits reports whether one more entry is within the bounds. That a content is accepted matters only where it is rejected.
func (n *counts) fits(e *entry) bool {
	if n.total >= MaxEntries || n.ofFleet[e.Fleet] >= maxOfFleet {
		return false
	}
	of := n.ofContent[e.content()]
	if e.Accepted {
		return of > 0
	}
	return of < maxOfContent && n.ofAddress[[2]string{e.Fleet, e.Address}] < maxOfAddress
}

// selection returns the keys of the candidates that get an entry: those within the bounds, beside the entries of others.
func (x *Exchange) selection(all []candidate, now time.Time) map[string]bool {
	n := counts{ofFleet: map[string]int{}, ofAddress: map[[2]string]int{}, ofContent: map[string]int{}}
	mine := map[string]bool{}
	for i := range all {
		mine[all[i].key] = true
	}
	for key, e := range x.entries {
		if !mine[key] && !e.expired(now) {
			n.add(&e)
		}
	}
	selected := map[string]bool{}
	for _, accepted := range []bool{false, true} {
		for i := range all {
			if e := &all[i].entry; e.Accepted == accepted && n.fits(e) {
				n.add(e)
				selected[all[i].key] = true
			}
		}
	}
	return selected
}
