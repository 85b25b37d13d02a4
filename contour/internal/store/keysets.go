package store

import (
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/memo"
)

// newKeySets is the table of the fetched key sets.
func newKeySets(e *memo.Engine) *memo.Input[jwks.Owner, jwks.KeySet] {
	return memo.NewInput[jwks.Owner](e, "store/keysets", func(a, b jwks.KeySet) bool { return a == b })
}

// SetKeySets replaces fetched key sets; the zero value removes one. It reports whether one changed.
func (s *Store) SetKeySets(sets map[jwks.Owner]jwks.KeySet) bool {
	changed := false
	for owner, set := range sets {
		if set == (jwks.KeySet{}) {
			changed = s.KeySets.Delete(owner) || changed
		} else {
			changed = s.KeySets.Set(owner, set) || changed
		}
	}
	return changed
}
