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
	suspects []ID // none: no search runs
	withheld map[ID]bool
	detail   string // of the rejection
	parts    int    // rejected one after the other without an accepted version between
}

func (b *search) running() bool { return b != nil && len(b.suspects) > 0 }

// suspectsOf lists the pieces of v that were not accepted. The header comes last, and only if there is an accepted one
// to fall back to or if no part is suspect: Envoy may reject a header without parts because there are none.
func suspectsOf(v Version, accepted iter.Seq[*Piece]) []ID {
	good := idsOf(accepted)
	var parts, header []ID
	for p := range v.Pieces {
		switch {
		case good[p.ID]:
		case p.Name == "":
			header = append(header, p.ID)
		default:
			parts = append(parts, p.ID)
		}
	}
	if accepted != nil || len(parts) == 0 {
		return append(parts, header...)
	}
	return parts
}

// narrow starts or continues a search after the rejection of v, in which these are suspect.
func (s *State) narrow(v Version, suspects []ID, headerAccepted bool) {
	detail := s.versions[v.Hash]
	if len(suspects) == 1 {
		s.rejectLast(suspects[0], v, detail, headerAccepted)
		return
	}
	if s.search == nil {
		s.search = &search{}
	}
	b := s.search
	b.suspects, b.detail = suspects, detail
	if !headerAccepted && b.parts >= singlyAfter {
		b.withholdAllBut(suspects[b.parts*len(suspects)/headerAfter])
		return
	}
	if guess := mentioned(v.Pieces, suspects, detail); guess >= 0 {
		b.withhold(suspects[guess : guess+1])
		return
	}
	b.withholdHalf()
}

// rejectLast ends a search that has one suspect left.
func (s *State) rejectLast(id ID, v Version, detail string, headerAccepted bool) {
	parts := 0
	if s.search != nil {
		parts = s.search.parts
	}
	s.search = nil
	if id.Name == "" || headerAccepted {
		s.setVerdict(id, verdict{detail: detail})
		return
	}
	if parts+1 < headerAfter {
		s.setVerdict(id, verdict{detail: detail})
		s.search = &search{parts: parts + 1}
		return
	}
	s.rejectHeader(v, detail)
}

// rejectHeader rejects the header instead of the parts.
func (s *State) rejectHeader(v Version, detail string) {
	for id, known := range s.pieces {
		if !known.invalid {
			delete(s.pieces, id)
		}
	}
	for p := range v.Pieces {
		if p.Name == "" {
			s.setVerdict(p.ID, verdict{detail: detail})
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
	b.parts = 0
	if b.running() {
		good := idsOf(v.Pieces)
		b.suspects = slices.DeleteFunc(b.suspects, func(id ID) bool { return good[id] })
	}
	switch len(b.suspects) {
	case 0:
		s.search = nil
		return true
	case 1:
		s.setVerdict(b.suspects[0], verdict{detail: b.detail})
		s.search = nil
	default:
		b.withholdHalf()
	}
	return false
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
