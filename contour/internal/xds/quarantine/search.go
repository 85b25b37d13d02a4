package quarantine

import (
	"iter"
	"slices"
)

// Without an accepted header, a bad header cannot be distinguished from bad parts: it is in every version. Parts are rejected one
// after the other. After singlyAfter of them without an accepted version between, single parts are tried, far from each
// other: one that is accepted proves the header good. After headerAfter of them the header is rejected in their stead.
const (
	singlyAfter = 8
	headerAfter = 16
)

// search is a search for bad pieces. Its suspects are in a rejected version, at least one of them is bad, and some are
// withheld until the next answer.
type search struct {
	suspects    []ID // none: no search runs
	withheld    map[ID]bool
	detail      string // of the rejection
	parts       int    // rejected one after the other without an accepted version between
	distrusts   bool   // no fallback is used until a version is accepted
	ofFallbacks bool   // the suspects are fallbacks
}

func (b *search) running() bool { return b != nil && len(b.suspects) > 0 }

// suspectsAny reports whether a search runs and one of the pieces is suspect.
func (b *search) suspectsAny(pieces iter.Seq[*Piece]) bool {
	if !b.running() {
		return false
	}
	for p := range pieces {
		if slices.Contains(b.suspects, p.ID) {
			return true
		}
	}
	return false
}

// unaccepted is the pieces of a version that were not accepted.
type unaccepted struct{ parts, header, fallbacks []ID }

func unacceptedOf(v Version, accepted iter.Seq[*Piece]) (u unaccepted) {
	good := idsOf(accepted)
	for p := range v.Pieces {
		switch {
		case good[p.ID]:
		case p.Fallback:
			u.fallbacks = append(u.fallbacks, p.ID)
		case p.Name == "":
			u.header = append(u.header, p.ID)
		default:
			u.parts = append(u.parts, p.ID)
		}
	}
	return u
}

// suspects lists the pieces that may be bad. The header comes last, and only if there is an accepted one to fall back to
// or if no part is suspect: Envoy may reject a header without parts because there are none.
func (u unaccepted) suspects(headerAccepted bool) []ID {
	if headerAccepted || len(u.parts) == 0 {
		return append(slices.Clone(u.parts), u.header...)
	}
	return u.parts
}

// A fallback has little but the names of the part that it stands for, and these are validated: that one is bad must not
// happen, and if it does, costs a search that is run again. With a bad one in every version, the verdicts meanwhile may be
// about good pieces, and are revoked.

// distrustFallbacks has the search start again without fallbacks, until a version is accepted.
func (s *State) distrustFallbacks() {
	s.revoke()
	s.search = &search{distrusts: true}
}

// narrowFallbacks starts or continues a search among fallbacks, when nothing else is suspect.
func (s *State) narrowFallbacks(fallbacks []ID, detail string) {
	if len(fallbacks) == 1 {
		s.rejectFallback(fallbacks[0], detail)
		return
	}
	if s.search == nil {
		s.search = &search{}
	}
	s.search.suspects, s.search.detail, s.search.ofFallbacks = fallbacks, detail, true
	s.search.withholdHalf()
}

func (s *State) rejectFallback(id ID, detail string) {
	s.revoke()
	if s.fallbacks == nil {
		s.fallbacks = map[ID]bool{}
	}
	s.fallbacks[id] = true
	s.setVerdict(id, detail)
}

// revoke forgets the verdicts about all pieces that are not fallbacks.
func (s *State) revoke() {
	known := s.pieces
	s.pieces, s.search, s.revoked = nil, nil, true
	for id, detail := range known {
		if s.fallbacks[id] {
			s.setVerdict(id, detail)
		}
	}
}

// narrow starts or continues a search after the rejection of v, of which these pieces were not accepted.
func (s *State) narrow(v Version, u unaccepted, headerAccepted bool, hint func(ID) bool) {
	suspects, detail := u.suspects(headerAccepted), s.versions[v.Hash]
	if len(suspects) == 1 {
		s.rejectLast(suspects[0], v, u.fallbacks, headerAccepted)
		return
	}
	if s.search == nil {
		s.search = &search{}
	}
	b := s.search
	b.suspects, b.detail, b.ofFallbacks = suspects, detail, false
	if !headerAccepted && b.parts >= singlyAfter {
		b.withholdAllBut(suspects[b.parts*len(suspects)/headerAfter])
		return
	}
	if likely := matching(suspects, hint); len(likely) > 0 && len(likely) < len(suspects) {
		b.withhold(likely)
		return
	}
	if guess := mentioned(v.Pieces, suspects, detail); guess >= 0 {
		b.withhold(suspects[guess : guess+1])
		return
	}
	b.withholdHalf()
}

// matching lists the pieces for which the hint is true, none without a hint.
func matching(ids []ID, hint func(ID) bool) []ID {
	if hint == nil {
		return nil
	}
	var matches []ID
	for _, id := range ids {
		if hint(id) {
			matches = append(matches, id)
		}
	}
	return matches
}

// rejectLast ends a search that has one suspect left.
func (s *State) rejectLast(id ID, v Version, fallbacks []ID, headerAccepted bool) {
	detail := s.versions[v.Hash]
	former := search{}
	if s.search != nil {
		former = *s.search
	}
	s.search = nil
	switch {
	case id.Name == "" || headerAccepted:
		s.setVerdict(id, detail)
	case former.parts+1 < headerAfter:
		s.setVerdict(id, detail)
		s.search = &search{parts: former.parts + 1, distrusts: former.distrusts}
	case len(fallbacks) > 0:
		s.distrustFallbacks()
	default:
		s.rejectHeader(v, detail)
	}
}

// rejectHeader rejects the header instead of the parts.
func (s *State) rejectHeader(v Version, detail string) {
	s.pieces, s.fallbacks, s.revoked = nil, nil, true
	for p := range v.Pieces {
		if p.Name == "" {
			s.setVerdict(p.ID, detail)
		}
	}
}

// narrowAccepted removes the pieces of an accepted version from the suspects. It reports whether that rejects no piece
// and no search runs.
func (s *State) narrowAccepted(v Version) bool {
	b := s.search
	if b == nil {
		return true
	}
	b.parts, b.distrusts = 0, false
	if b.running() {
		good := idsOf(v.Pieces)
		b.suspects = slices.DeleteFunc(b.suspects, func(id ID) bool { return good[id] })
	}
	switch len(b.suspects) {
	case 0:
		s.search = nil
		return true
	case 1:
		s.rejectFound(b)
	default:
		b.withholdHalf()
	}
	return false
}

// rejectFound ends a search that has found a bad piece.
func (s *State) rejectFound(b *search) {
	s.search = nil
	if b.ofFallbacks {
		s.rejectFallback(b.suspects[0], b.detail)
		return
	}
	s.setVerdict(b.suspects[0], b.detail)
}

// withholdHalf withholds the second half of the suspects; the next version tries the first.
func (b *search) withholdHalf() {
	half := (len(b.suspects) + 1) / 2
	for _, id := range b.suspects {
		delete(b.withheld, id)
	}
	b.withhold(b.suspects[half:])
}

// withholdAllBut withholds all suspects but one.
func (b *search) withholdAllBut(id ID) {
	b.withhold(b.suspects)
	delete(b.withheld, id)
}

func (b *search) withhold(ids []ID) {
	if b.withheld == nil {
		b.withheld = map[ID]bool{}
	}
	for _, id := range ids {
		b.withheld[id] = true
	}
}
