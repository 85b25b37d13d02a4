package table

import (
	"slices"
)

// needs returns the needs of the version, none for nil.
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

// DiffRefs calls f for each ref that only one of two sorted lists contains; added is true for those in the later
// list. Lists that share their memory are not compared.
func DiffRefs(former, later []Ref, f func(ref Ref, added bool)) {
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

// fewPieces is the number of replaced pieces up to which a search for their needs among all pieces costs less than
// sorting the needs of all pieces.
const fewPieces = 64

// needsOf returns the sorted union of the pieces' needs. If former has the same needs, it returns the list of
// former, so that DiffRefs does not compare them.
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
	removedPieces, addedPieces := replaced(former.pieces, pieces)
	if len(removedPieces)+len(addedPieces) > fewPieces {
		needs := unionOfNeeds(pieces)
		if slices.Equal(needs, former.Needs) {
			return former.Needs
		}
		return needs
	}
	added := unionOfNeeds(addedPieces)
	removed := slices.DeleteFunc(unionOfNeeds(removedPieces), memberOf(added))
	added = slices.DeleteFunc(added, former.HasNeed)
	removed = slices.DeleteFunc(removed, neededBy(pieces))
	if len(added) == 0 && len(removed) == 0 {
		return former.Needs
	}
	return updateNeeds(former, added, removed)
}

func strictlySorted(needs []Ref) bool {
	for i := 1; i < len(needs); i++ {
		if needs[i-1].Compare(needs[i]) >= 0 {
			return false
		}
	}
	return true
}

// updateNeeds returns the needs of former with some added and others removed; all lists are sorted.
func updateNeeds(former *Version, added, removed []Ref) []Ref {
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

// replaced lists the pieces that only one of two lists contains.
func replaced(former, later []*piece) (removed, added []*piece) {
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

// without lists the pieces that the other list does not contain.
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

// neededBy returns a predicate: one of the pieces needs the ref.
func neededBy(pieces []*piece) func(Ref) bool {
	return func(ref Ref) bool {
		return slices.ContainsFunc(pieces, func(p *piece) bool { return slices.Contains(p.needs, ref) })
	}
}

// memberOf returns a predicate: the sorted list contains the ref.
func memberOf(sorted []Ref) func(Ref) bool {
	return func(ref Ref) bool {
		_, found := slices.BinarySearchFunc(sorted, ref, Ref.Compare)
		return found
	}
}

// unionOfNeeds returns the sorted union of the pieces' needs.
func unionOfNeeds(pieces []*piece) []Ref {
	var needs []Ref
	for _, p := range pieces {
		needs = append(needs, p.needs...)
	}
	slices.SortFunc(needs, Ref.Compare)
	return slices.Clone(slices.Compact(needs)) // without unused capacity: hosts share clusters
}
