package table

import (
	"slices"
)

// needs is what the version needs; a nil version needs nothing.
func (v *Version) needs() []Ref {
	if v == nil {
		return nil
	}
	return v.Needs
}

// HasNeed reports whether the version needs the resource.
func (v *Version) HasNeed(ref Ref) bool {
	_, found := slices.BinarySearchFunc(v.Needs, ref, Ref.Compare)
	return found
}

// EachDifference calls f for each ref in one of two sorted lists and not in the other, with added
// true for those in the later one. Lists that share their memory cost nothing.
func EachDifference(former, later []Ref, f func(ref Ref, added bool)) {
	if len(former) == len(later) && len(later) > 0 && &former[0] == &later[0] {
		return
	}
	i, j := 0, 0
	for i < len(former) && j < len(later) {
		if former[i] == later[j] {
			i, j = i+1, j+1
			continue
		}
		if former[i].Compare(later[j]) < 0 {
			f(former[i], false)
			i++
		} else {
			f(later[j], true)
			j++
		}
	}
	for _, ref := range former[i:] {
		f(ref, false)
	}
	for _, ref := range later[j:] {
		f(ref, true)
	}
}

// fewPieces is up to how many replaced pieces it is cheaper to look for what they needed among all others than to sort
// what all need.
const fewPieces = 64

// needsOf is the sorted union of what the pieces need. Where former needs the same it is its
// list, so that whoever counts needs sees at once that nothing changed.
func needsOf(pieces []*piece, former *Version) []Ref {
	if len(pieces) == 1 && strictlySorted(pieces[0].needs) {
		if former != nil && slices.Equal(pieces[0].needs, former.Needs) {
			return former.Needs
		}
		return pieces[0].needs
	}
	if former == nil {
		return unionOfNeeds(pieces)
	}
	gone, come := replaced(former.pieces, pieces)
	if len(gone)+len(come) > fewPieces {
		needs := unionOfNeeds(pieces)
		if slices.Equal(needs, former.Needs) {
			return former.Needs
		}
		return needs
	}
	added := slices.DeleteFunc(unionOfNeeds(come), former.HasNeed)
	removed := slices.DeleteFunc(unionOfNeeds(gone), neededBy(come))
	removed = slices.DeleteFunc(removed, neededBy(pieces))
	if len(added) == 0 && len(removed) == 0 {
		return former.Needs
	}
	return amended(former, added, removed)
}

func strictlySorted(needs []Ref) bool {
	for i := 1; i < len(needs); i++ {
		if needs[i-1].Compare(needs[i]) >= 0 {
			return false
		}
	}
	return true
}

// amended is what former needs, with some refs added and others removed; both are sorted.
func amended(former *Version, added, removed []Ref) []Ref {
	needs := make([]Ref, 0, len(former.Needs)+len(added)-len(removed))
	for _, ref := range former.Needs {
		for len(added) > 0 && added[0].Compare(ref) < 0 {
			needs, added = append(needs, added[0]), added[1:]
		}
		if len(removed) > 0 && removed[0] == ref {
			removed = removed[1:]
			continue
		}
		needs = append(needs, ref)
	}
	return append(needs, added...)
}

// replaced lists the pieces that are in one list only.
func replaced(former, later []*piece) (gone, come []*piece) {
	head, tail, most := 0, 0, min(len(former), len(later))
	for head < most && former[head] == later[head] {
		head++
	}
	for tail < most-head && former[len(former)-1-tail] == later[len(later)-1-tail] {
		tail++
	}
	former, later = former[head:len(former)-tail], later[head:len(later)-tail]
	return without(former, later), without(later, former)
}

// without lists the pieces that the other list does not have.
func without(pieces, other []*piece) []*piece {
	if len(pieces) == 0 || len(other) == 0 {
		return pieces
	}
	has := make(map[*piece]struct{}, len(other))
	for _, p := range other {
		has[p] = struct{}{}
	}
	var out []*piece
	for _, p := range pieces {
		if _, ok := has[p]; !ok {
			out = append(out, p)
		}
	}
	return out
}

// neededBy tells which refs one of the pieces needs.
func neededBy(pieces []*piece) func(Ref) bool {
	return func(ref Ref) bool {
		return slices.ContainsFunc(pieces, func(p *piece) bool { return slices.Contains(p.needs, ref) })
	}
}

// unionOfNeeds is the sorted union of what the pieces need.
func unionOfNeeds(pieces []*piece) []Ref {
	var needs []Ref
	for _, p := range pieces {
		needs = append(needs, p.needs...)
	}
	slices.SortFunc(needs, Ref.Compare)
	return slices.Clip(slices.Compact(needs))
}
