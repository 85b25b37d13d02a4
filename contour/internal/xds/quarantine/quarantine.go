// Package quarantine determines which pieces of a resource are withheld from Envoy.
//
// Envoy accepts or rejects a resource as a whole. A resource consists of pieces: a header and, if it is composite, any
// number of parts. In go the pieces that are wanted, the versions (lists of pieces) that Envoys accepted or rejected,
// and the error details of the rejections. Out come the pieces to withhold now, and those that are rejected, each with
// the reason. The caller composes the next version: it puts something known good in the place of a withheld piece, or
// leaves it out.
//
// What the caller puts there may be a fallback: content of its own that no Envoy has accepted. It is trusted, and
// suspect only when nothing else is; see narrowFallbacks.
//
// If the error detail does not lead to the bad piece, a search bisects the suspects: it withholds half of them, and the
// answer to the next version narrows the search. It terminates, since each answer rejects a piece or makes the set of
// suspects smaller. With a header that was accepted once, it finds exactly the bad pieces, in whatever order answers
// come. Without one, a bad header looks like bad parts; see headerAfter.
//
// A verdict applies to bytes: its key is the name and the content hash of a piece, or the hash of a version. The package knows
// neither the Envoy that answered nor the meaning of a piece.
package quarantine

import (
	"encoding/hex"
	"iter"
	"maps"
	"slices"
)

// Hash is the content hash of a piece. Users choose the content, so that it must be a cryptographic one.
type Hash [16]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ID is the identity of a piece.
type ID struct {
	Name string // of a part, unique within the resource; "" is the header
	Hash Hash
}

// Piece is a header or a part. It is immutable.
type Piece struct {
	ID
	Content  []byte // in which names from an error detail are looked up
	Fallback bool   // it stands for a piece that is withheld and was never accepted
}

// Version is a composition of pieces: what an Envoy accepts or rejects.
type Version struct {
	Hash      string           // of all of it
	Pieces    iter.Seq[*Piece] // the header first
	Effective bool             // it is the effective version of the resource
}

// maxFormer limits the verdicts about contents that are not wanted. They are stored until an effective version is
// accepted, so that an edit that is undone does not send rejected bytes again.
const maxFormer = 64

// State is the state of one resource. The zero State is empty.
type State struct {
	pieces    map[ID]string     // error details by rejected piece
	fallbacks map[ID]bool       // those of pieces that are fallbacks
	versions  map[string]string // error details by hash of rejected versions
	search    *search           // nil: nothing to remember of one
	long      string            // the hash of the version whose error detail may be long; see Shorten
	revoked   bool              // see Revoked
}

// Empty reports whether the state contains no verdict and no search.
func (s *State) Empty() bool { return len(s.pieces) == 0 && len(s.versions) == 0 && s.search == nil }

// Rejected returns why a piece is rejected, as Excerpt returns it.
func (s *State) Rejected(id ID) (detail string, rejected bool) {
	detail, rejected = s.pieces[id]
	return detail, rejected
}

// RejectedPieces lists the rejected pieces, in no particular order.
func (s *State) RejectedPieces() iter.Seq[ID] { return maps.Keys(s.pieces) }

// Searching reports whether the search has still to remember something.
func (s *State) Searching() bool { return s.search != nil }

// HasVersions reports whether rejected versions are remembered.
func (s *State) HasVersions() bool { return len(s.versions) > 0 }

// Revoked reports, once, whether verdicts were revoked because something else turned out to be bad: the header, or
// fallbacks.
func (s *State) Revoked() bool {
	revoked := s.revoked
	s.revoked = false
	return revoked
}

// RejectedVersion returns why a version is rejected.
func (s *State) RejectedVersion(hash string) (detail string, rejected bool) {
	detail, rejected = s.versions[hash]
	return detail, rejected
}

// Withholds reports whether anything may be withheld.
func (s *State) Withholds() bool { return len(s.pieces) > 0 || s.search.running() }

// Withheld reports whether the piece must not be sent now: it is rejected, or the search tries the resource without it.
func (s *State) Withheld(p *Piece) bool {
	_, rejected := s.pieces[p.ID]
	return rejected || s.search.running() && s.search.withheld[p.ID] || p.Fallback && s.search != nil && s.search.distrusts
}

// SetWanted replaces the wanted pieces; n is their number. A search among pieces that are not all wanted ends: the
// next answer starts another.
func (s *State) SetWanted(n int, wanted iter.Seq[*Piece]) {
	if s.search.running() && !containsAll(wanted, s.search.suspects) {
		s.search = nil
	}
	if len(s.pieces)+len(s.versions) > maxFormer+n {
		s.dropVerdicts(wanted)
	}
}

// RejectPiece records that a piece is known to be bad without an answer about this resource.
func (s *State) RejectPiece(id ID, detail string) { s.setVerdict(id, detail) }

// EndSearch ends a search, and reports whether one ran. The next answer may start another.
func (s *State) EndSearch() bool {
	running := s.search.running()
	if running {
		s.search = nil
	}
	return running
}

// Repeat records once more that an Envoy accepted a version, which the caller has composed again, and reports whether a search
// among its pieces goes on with that.
func (s *State) Repeat(v Version, wanted iter.Seq[*Piece]) bool {
	return s.search.suspectsAny(v.Pieces) && s.Accept(v, wanted)
}

// Found ends a search in which the piece is suspect, since it is known by other means that it is bad, and is not sent any
// more. If others are bad too, the next answer starts another search.
func (s *State) Found(id ID) {
	if s.search.running() && slices.Contains(s.search.suspects, id) {
		s.search = nil
	}
}

// RejectVersion records that an Envoy rejected a version. What follows from it is decided by Narrow, if the version is
// still what the caller composes. Call Shorten after that.
func (s *State) RejectVersion(hash, detail string) {
	if s.versions == nil {
		s.versions = map[string]string{}
	}
	if _, known := s.versions[hash]; !known {
		s.Shorten()
		s.versions[hash], s.long = detail, hash
	}
}

// Accept records that an Envoy accepted a version. It ignores the acceptance and returns false if the version or one of
// its pieces was rejected before: Envoy accepts the second copy of a bad Secret without using it. After the effective
// version was accepted and no search runs, verdicts about pieces that are not wanted are dropped.
func (s *State) Accept(v Version, wanted iter.Seq[*Piece]) bool {
	if _, rejected := s.versions[v.Hash]; rejected || s.hasRejected(v.Pieces) {
		return false
	}
	if s.narrowAccepted(v) && v.Effective {
		s.dropVerdicts(wanted)
	}
	return true
}

// Narrow draws a conclusion from the rejection of a version that the caller has composed: afterwards other pieces are
// withheld, and the caller composes again. It reports false if every piece of the version was accepted before, so that
// none can be rejected; accepted is the version accepted last, nil if there is none. hint, if not nil, reports the pieces
// that are likely to be bad: these are tried first.
func (s *State) Narrow(v Version, accepted iter.Seq[*Piece], hint func(ID) bool) bool {
	u, headerAccepted := unacceptedOf(v, accepted), accepted != nil
	switch {
	case len(u.suspects(headerAccepted)) > 0 && (headerAccepted || len(u.parts) > 0 || len(u.fallbacks) == 0):
		s.narrow(v, u, headerAccepted, hint)
	case len(u.fallbacks) > 0 && !headerAccepted:
		s.distrustFallbacks()
	case len(u.fallbacks) > 0:
		s.narrowFallbacks(u.fallbacks, s.versions[v.Hash])
	default:
		return false
	}
	return true
}

func (s *State) setVerdict(id ID, detail string) {
	if s.pieces == nil {
		s.pieces = map[ID]string{}
	}
	s.pieces[id] = Excerpt(detail)
}

func (s *State) hasRejected(pieces iter.Seq[*Piece]) bool {
	if len(s.pieces) == 0 {
		return false
	}
	for p := range pieces {
		if _, rejected := s.pieces[p.ID]; rejected {
			return true
		}
	}
	return false
}

// dropVerdicts drops all verdicts about versions, and those about pieces that are not wanted.
func (s *State) dropVerdicts(wanted iter.Seq[*Piece]) {
	s.versions = nil
	if len(s.pieces) == 0 {
		return
	}
	ids := idsOf(wanted)
	for id := range s.pieces {
		if !ids[id] {
			delete(s.pieces, id)
			delete(s.fallbacks, id)
		}
	}
}

// idsOf is the set of the pieces' identities; nil has none.
func idsOf(pieces iter.Seq[*Piece]) map[ID]bool {
	if pieces == nil {
		return nil
	}
	ids := map[ID]bool{}
	for p := range pieces {
		ids[p.ID] = true
	}
	return ids
}

func containsAll(pieces iter.Seq[*Piece], ids []ID) bool {
	has := idsOf(pieces)
	for _, id := range ids {
		if !has[id] {
			return false
		}
	}
	return true
}
