package table

import (
	"iter"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/xds/quarantine"
)

// entry is the state of one resource: the wanted pieces, the version that the fleet accepted last, and the pieces that
// must not be sent. The effective version is the wanted one with each such piece replaced by its accepted content, else
// by its fallback. An Envoy that rejects something has a view of its own until the fleet has the same verdict.
type entry struct {
	table     *Table
	ref       Ref
	field     protowire.Number
	want      []*piece // header first; nil: removed, but something still needs it
	accepted  *Version // nil: no Envoy of the fleet has accepted a version
	effective *Version // nil: withheld

	rejected  map[quarantine.ID]bool   // wanted pieces that Envoys reject; true: others are sent them, see verdict
	fallbacks map[quarantine.ID]*piece // by rejected or withheld piece; nil: it has none
	views     map[*Watch]*view
	unusable  map[*Watch]string // why Envoys cannot use the resource for a reason that is not in its content
	split     *Version          // made for a view last
}

// setWant replaces the wanted pieces.
func (e *entry) setWant(r *Resource) {
	former := e.want
	e.field, e.want = r.Field, piecesOf(r, e.want)
	removed, added := replaced(former, e.want)
	e.table.dependantsChanged(e.ref, removed, added)
	for _, p := range removed {
		if f := e.fallbacks[p.ID]; f != nil {
			delete(e.rejected, f.ID)
		}
		delete(e.rejected, p.ID)
		delete(e.fallbacks, p.ID)
	}
	for _, p := range added {
		e.applyVerdict(p)
	}
	for _, x := range e.views {
		x.quarantine.SetWanted(len(e.want)+len(e.fallbacks), e.sendable())
	}
}

// applyVerdict applies what is known about a wanted piece or a fallback: it is invalid, or Envoys reject it.
func (e *entry) applyVerdict(p *piece) {
	known := e.table.verdicts[content{e.ref.Type, p.ID}]
	if known == nil && p.invalidReason() == "" {
		delete(e.rejected, p.ID)
		return
	}
	if e.rejected == nil {
		e.rejected = map[quarantine.ID]bool{}
	}
	e.table.withRejections[e.ref] = struct{}{}
	if known != nil {
		known.wantedAt(e.ref, p)
	}
	if e.rejected[p.ID] = p.invalidReason() == "" && e.sends(p, known); e.rejected[p.ID] {
		e.withhold(p, known)
		return
	}
	for _, x := range e.views {
		x.quarantine.Found(p.ID)
	}
}

// sends reports whether a content is sent to some Envoys in spite of a verdict. A fallback always is: without it, a broader
// host would answer, so that only the Envoy that rejects it is without.
func (e *entry) sends(p *piece, v *verdict) bool {
	if p.Fallback {
		return true
	}
	if v.standing == confirmed && !e.table.supported(v) {
		v.standing = retried
	}
	return v.standing != confirmed
}

// applyVerdicts applies what is known about the pieces that were rejected.
func (e *entry) applyVerdicts() {
	for p := range e.pieces() {
		if _, rejected := e.rejected[p.ID]; rejected {
			e.applyVerdict(p)
		}
	}
}

// withhold withholds a piece from the Envoys that are known to reject it, while the others get it.
func (e *entry) withhold(p *piece, known *verdict) {
	for w := range e.table.watches {
		if known.rejectedBy(w.identity) {
			if e.views[w] == nil {
				e.table.changed[e.ref] = struct{}{}
			}
			e.view(w, nil).quarantine.RejectPiece(p.ID, known.detail)
		}
	}
}

// used is what may be sent: sendable, and the accepted pieces that are sent in the place of wanted ones.
func (e *entry) used() iter.Seq[*quarantine.Piece] {
	return func(yield func(*quarantine.Piece) bool) {
		for p := range e.sendable() {
			if !yield(p) {
				return
			}
		}
		if e.effective == nil {
			return
		}
		for _, p := range e.effective.pieces {
			if !yield(&p.Piece) {
				return
			}
		}
	}
}

func (e *entry) setRemoved() {
	e.table.dependantsChanged(e.ref, e.want, nil)
	e.want, e.rejected, e.fallbacks, e.split = nil, nil, nil, nil
	for w := range e.unusable {
		delete(e.unusable, w)
		w.updateInvolved(e)
	}
}

// withheld reports whether the fleet rejects a piece.
func (e *entry) withheld(p *piece) bool {
	sent, rejected := e.rejected[p.ID]
	return rejected && !sent
}

// withholds reports whether the fleet rejects any wanted piece.
func (e *entry) withholds() bool {
	for _, sent := range e.rejected {
		if !sent {
			return true
		}
	}
	return false
}

// pieces iterates over the wanted pieces and the fallbacks.
func (e *entry) pieces() iter.Seq[*piece] {
	return func(yield func(*piece) bool) {
		for _, p := range e.want {
			if !yield(p) {
				return
			}
		}
		for _, p := range e.fallbacks {
			if p != nil && !yield(p) {
				return
			}
		}
	}
}

// sendable is pieces in the form of package quarantine.
func (e *entry) sendable() iter.Seq[*quarantine.Piece] {
	return func(yield func(*quarantine.Piece) bool) {
		for p := range e.pieces() {
			if !yield(&p.Piece) {
				return
			}
		}
	}
}

// compose returns the effective version for the Envoys without a view, nil to withhold the resource. A removed resource
// keeps its effective version, unless the fleet rejects that.
func (e *entry) compose() *Version {
	if e.want == nil {
		if e.table.confirmed(e.effective) || e.rejectedAsAWhole(e.effective) {
			return e.accepted
		}
		return e.effective
	}
	pieces := e.want
	if e.withholds() {
		pieces = e.replace(e.withheld, e.accepted)
		e.withholdSubstitutes(pieces)
	}
	if pieces == nil {
		return nil
	}
	v := e.version(pieces, e.effective)
	v.fleet = true
	return v
}

// rejectedAsAWhole reports whether an Envoy rejects a version, nil is none: of a resource that is removed nobody finds out for
// which of its pieces.
func (e *entry) rejectedAsAWhole(v *Version) bool {
	if v == nil {
		return false
	}
	for _, x := range e.views {
		if _, rejected := x.quarantine.RejectedVersion(v.Hash); rejected {
			return true
		}
	}
	return false
}

// withholdSubstitutes withholds pieces that are sent in the place of wanted ones from the Envoys that reject them.
func (e *entry) withholdSubstitutes(pieces []*piece) {
	for _, p := range pieces {
		if _, noted := e.rejected[p.ID]; !noted && e.table.verdicts[content{e.ref.Type, p.ID}] != nil {
			e.applyVerdict(p)
		}
	}
}

// replace returns the wanted pieces, with something else in the place of those that are withheld: what the accepted
// version has, else the fallback, else nothing. It returns nil if there is nothing in the place of the header.
func (e *entry) replace(withheld func(*piece) bool, accepted *Version) []*piece {
	var known map[string]*piece
	if accepted != nil {
		known = byName(accepted.pieces)
	}
	pieces := make([]*piece, 0, len(e.want))
	for i, p := range e.want {
		if withheld(p) {
			p = e.substitute(p, known[p.Name], withheld)
		}
		if p != nil {
			pieces = append(pieces, p)
		} else if i == 0 {
			return nil
		}
	}
	return pieces
}

// substitute returns what is sent instead of a piece: the accepted one, else the fallback; nil if both are withheld.
func (e *entry) substitute(p, accepted *piece, withheld func(*piece) bool) *piece {
	if accepted != nil && !withheld(accepted) {
		return accepted
	}
	if f := e.fallback(p); f != nil && !withheld(f) {
		return f
	}
	return nil
}

// fallback returns the fallback of a piece, nil if it has none.
func (e *entry) fallback(p *piece) *piece {
	if p.Name == "" || e.table.fallback == nil {
		return nil
	}
	f, made := e.fallbacks[p.ID]
	if made {
		return f
	}
	if body := e.table.fallback(e.ref.Type, e.field, p.Content); body != nil {
		f = newPiece(&Part{Name: p.Name, Body: body}, hashOf(body))
		f.Fallback = true
	}
	if e.fallbacks == nil {
		e.fallbacks = map[quarantine.ID]*piece{}
	}
	e.fallbacks[p.ID] = f
	if f != nil {
		e.applyVerdict(f)
	}
	return f
}

// forgetFallbacks forgets the fallbacks that only a search used.
func (e *entry) forgetFallbacks() {
	e.forgetSubstitutes()
	if len(e.views) > 0 || len(e.fallbacks) <= len(e.rejected) {
		return
	}
	for id, f := range e.fallbacks {
		if _, rejected := e.rejected[id]; rejected {
			continue
		}
		if f != nil {
			delete(e.rejected, f.ID)
		}
		delete(e.fallbacks, id)
	}
}

// forgetSubstitutes forgets the verdicts about pieces that are neither wanted nor sent in the place of wanted ones.
func (e *entry) forgetSubstitutes() {
	if len(e.rejected) == 0 {
		return
	}
	used := make(map[quarantine.ID]bool, len(e.want))
	for p := range e.pieces() {
		used[p.ID] = true
	}
	if e.effective != nil {
		for _, p := range e.effective.pieces {
			used[p.ID] = true
		}
	}
	maps.DeleteFunc(e.rejected, func(id quarantine.ID, _ bool) bool { return !used[id] })
}

// version returns the version made of these pieces: one that is known if it has the same pieces, else a new one, which
// shares equal needs with former.
func (e *entry) version(pieces []*piece, former *Version) *Version {
	for v := range e.versions() {
		if slices.Equal(v.pieces, pieces) {
			if slices.Equal(e.want, pieces) {
				e.want = v.pieces
			}
			return v
		}
	}
	if former == nil {
		former = e.accepted
	}
	e.table.lastOrder++
	return newVersion(e.ref, e.field, pieces, e.table.lastOrder, former)
}

// versions iterates over the known versions.
func (e *entry) versions() iter.Seq[*Version] {
	return func(yield func(*Version) bool) {
		for _, v := range []*Version{e.effective, e.accepted, e.split} {
			if v != nil && !yield(v) {
				return
			}
		}
		for _, x := range e.views {
			for _, v := range []*Version{x.effective, x.accepted} {
				if v != nil && !yield(v) {
					return
				}
			}
		}
	}
}
