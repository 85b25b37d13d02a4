package table

import (
	"cmp"
	"iter"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/xds/quarantine"
)

// entry is the state of one resource: the wanted pieces, the version that Envoy accepted last,
// and the pieces that must not be sent. The effective version is the wanted one with
// each such piece replaced by its accepted content, or without it if there is none.
type entry struct {
	ref       Ref
	field     protowire.Number
	want      []*piece // header first; nil: removed, but something still needs it
	accepted  *Version // nil: no Envoy of the fleet has accepted a version
	effective *Version // nil: withheld
	lastOrder *uint64  // Table.lastOrder

	quarantine  quarantine.State
	unusable    string // error detail of an Envoy that cannot use the effective version for a reason that is not in its content
	unexplained string // hash of the version that is wanted but was rejected although each of its pieces was accepted
}

func (e *entry) setWant(r *Resource) {
	e.field, e.want = r.Field, piecesOf(r, e.want)
	for _, p := range e.want {
		if reason := p.invalidReason(); reason != "" {
			e.quarantine.RejectPiece(p.ID, reason)
		}
	}
	if !e.quarantine.Empty() {
		e.quarantine.SetWanted(len(e.want), all(e.want))
	}
}

func (e *entry) setRemoved() {
	e.want, e.quarantine, e.unexplained, e.unusable = nil, quarantine.State{}, "", ""
}

// accept records that an Envoy accepted v, unless the quarantine knows v or a piece of it as rejected.
func (e *entry) accept(v *Version) {
	if e.accepted != nil && e.accepted.order >= v.order {
		return
	}
	if !e.quarantine.Empty() {
		version := v.forQuarantine()
		version.Effective = v == e.effective && e.want != nil
		if !e.quarantine.Accept(version, all(e.want)) {
			return
		}
	}
	e.accepted, e.unusable = v, ""
	v.acceptedOnce.Store(true)
}

// reject records that an Envoy rejected v. compose then narrows the rejection to pieces.
func (e *entry) reject(v *Version, detail string) {
	e.quarantine.RejectVersion(v.Hash, cmp.Or(detail, "rejected without an error detail"))
}

// compose returns the effective version for the present state, nil to withhold the resource. A removed
// resource keeps its effective version. The loop terminates: see package quarantine.
func (e *entry) compose() *Version {
	e.unexplained = ""
	if e.want == nil {
		return e.last()
	}
	for {
		pieces := e.effectivePieces()
		if pieces == nil {
			return nil
		}
		v := e.version(pieces)
		if _, rejected := e.quarantine.RejectedVersion(v.Hash); !rejected {
			return v
		}
		if !e.quarantine.Narrow(v.forQuarantine(), e.acceptedPieces()) {
			e.unexplained = v.Hash
			return e.accepted
		}
	}
}

// acceptedPieces is nil if nothing was accepted.
func (e *entry) acceptedPieces() iter.Seq[*quarantine.Piece] {
	if e.accepted == nil {
		return nil
	}
	return all(e.accepted.pieces)
}

// last returns the effective version of a removed resource.
func (e *entry) last() *Version {
	if e.effective == nil {
		return nil
	}
	if _, rejected := e.quarantine.RejectedVersion(e.effective.Hash); rejected {
		return e.accepted
	}
	return e.effective
}

// effectivePieces returns the wanted pieces, with the accepted content of those that must not be sent; nil if the
// header is one of them and was never accepted.
func (e *entry) effectivePieces() []*piece {
	if !e.quarantine.Withholds() {
		return e.want
	}
	var fallback map[string]*piece
	if e.accepted != nil {
		fallback = byName(e.accepted.pieces)
	}
	pieces := make([]*piece, 0, len(e.want))
	for _, p := range e.want {
		if e.quarantine.Withheld(p.ID) {
			p = fallback[p.Name]
		}
		if p != nil {
			pieces = append(pieces, p)
		} else if len(pieces) == 0 {
			return nil
		}
	}
	return pieces
}

// version returns the version made of these pieces: the effective or accepted one if it has the same pieces.
func (e *entry) version(pieces []*piece) *Version {
	for _, known := range []*Version{e.effective, e.accepted} {
		if known != nil && slices.Equal(known.pieces, pieces) {
			if slices.Equal(e.want, pieces) {
				e.want = known.pieces
			}
			return known
		}
	}
	*e.lastOrder++
	return newVersion(e.ref, e.field, pieces, *e.lastOrder, cmp.Or(e.effective, e.accepted))
}

// rejections lists the rejected pieces of the wanted content, sorted.
func (e *entry) rejections() []Rejection {
	var out []Rejection
	if e.quarantine.Withholds() {
		for _, p := range e.want {
			if detail, rejected := e.quarantine.Rejected(p.ID); rejected {
				out = append(out, Rejection{Ref: e.ref, Part: p.Name, Hash: p.Hash.String(), ErrorDetail: detail, Origins: p.origins})
			}
		}
	}
	if e.unexplained != "" {
		detail, _ := e.quarantine.RejectedVersion(e.unexplained)
		out = append(out, Rejection{Ref: e.ref, Hash: e.unexplained, ErrorDetail: detail, Origins: e.want[0].origins})
	}
	if e.unusable != "" && e.effective != nil {
		out = append(out, Rejection{Ref: e.ref, Hash: e.effective.Hash, ErrorDetail: e.unusable})
	}
	slices.SortFunc(out, Rejection.Compare)
	return out
}
