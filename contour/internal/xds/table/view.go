package table

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/quarantine"
)

// view is the state of a resource for one Envoy that rejected a version of it. It ends when the fleet rejects the same
// pieces, or when the Envoy is gone.
type view struct {
	watch      *Watch
	quarantine quarantine.State
	accepted   *Version // by this Envoy, the newest one; nil: nothing, or something unknown
	effective  *Version
	has        string // the hash of the version that the Envoy accepted last, which may be older than accepted
	// unexplained is the hash of the version that is wanted but was rejected although the Envoy accepted each of its pieces.
	unexplained string
}

// view returns the view of an Envoy, which it creates if there is none. accepted is what the Envoy accepted last, nil if
// that is unknown.
func (e *entry) view(w *Watch, accepted *Version) *view {
	if accepted != nil && !e.table.complete(accepted) {
		accepted = nil
	}
	if x := e.views[w]; x != nil {
		if x.accepted == nil { // it was made to withhold something
			e.table.setVersion(&x.accepted, accepted)
		}
		return x
	}
	x := &view{watch: w}
	if e.views == nil {
		e.views = map[*Watch]*view{}
	}
	e.views[w] = x
	w.involve(e.ref)
	e.table.split[e.ref] = struct{}{}
	e.table.setVersion(&x.accepted, accepted)
	e.table.setVersion(&x.effective, e.effective)
	for id := range e.rejected { // also of pieces that are sent in the place of wanted ones
		if known := e.table.verdicts[content{e.ref.Type, id}]; known != nil && known.rejectedBy(w.identity) {
			x.quarantine.RejectPiece(id, known.detail)
		}
	}
	return x
}

// dropView ends a view: the Envoy gets what the fleet gets.
func (e *entry) dropView(w *Watch) {
	x := e.views[w]
	if x == nil {
		return
	}
	delete(e.views, w)
	if len(e.views) == 0 {
		e.views, e.split = nil, nil
		delete(e.table.split, e.ref)
	}
	e.table.setVersion(&x.effective, nil)
	e.table.setVersion(&x.accepted, nil)
	w.dirty[e.ref] = struct{}{}
	w.updateInvolved(e)
}

// accept records that the Envoy accepted v, and reports whether that counts: see quarantine.State.Accept.
func (x *view) accept(e *entry, v *Version) bool {
	x.has = v.Hash
	version := v.forQuarantine()
	version.Effective = v == x.effective && e.want != nil
	if !x.quarantine.Accept(version, e.used()) {
		return false
	}
	if x.accepted == nil || x.accepted.order < v.order {
		e.table.setVersion(&x.accepted, v)
	}
	return true
}

// reject records that the Envoy rejected v. If the Envoy accepted all of it but one piece, it is that piece, whatever is
// wanted now: what v has in the place of wanted pieces may differ from what the view has there.
func (x *view) reject(v *Version, errorDetail string) {
	x.quarantine.RejectVersion(v.Hash, errorDetail)
	suspects := unacceptedPieces(v, x.accepted)
	if len(suspects) == 1 && !suspects[0].Fallback {
		x.quarantine.RejectPiece(suspects[0].ID, errorDetail)
		x.quarantine.Found(suspects[0].ID)
	}
}

// unacceptedPieces lists the pieces of a version that are not in an accepted one, nil has none, two at most.
func unacceptedPieces(v, accepted *Version) []*piece {
	known := map[quarantine.ID]bool{}
	if accepted != nil {
		for _, p := range accepted.pieces {
			known[p.ID] = true
		}
	}
	var out []*piece
	for _, p := range v.pieces {
		if !known[p.ID] && len(out) < 2 {
			out = append(out, p)
		}
	}
	return out
}

// compose returns the effective version for the Envoy, nil to withhold the resource. The loop ends: see package
// quarantine.
func (x *view) compose(e *entry) *Version {
	x.unexplained = ""
	if e.want == nil {
		return x.last()
	}
	for ended := false; ; {
		pieces := e.want
		if len(e.rejected) > 0 || x.quarantine.Withholds() {
			pieces = e.replace(func(p *piece) bool { return e.withheld(p) || x.quarantine.Withheld(&p.Piece) }, cmp.Or(x.accepted, e.accepted))
		}
		if pieces == nil {
			return nil
		}
		v := e.version(pieces, cmp.Or(x.effective, e.effective))
		e.split = v
		switch { // no answer would come about what the Envoy has
		case !ended && v == x.accepted && x.quarantine.EndSearch():
			ended = true
			continue
		case v != x.accepted && v.Hash == x.has && x.quarantine.Repeat(v.forQuarantine(), e.used()):
			continue
		}
		if _, rejected := x.quarantine.RejectedVersion(v.Hash); !rejected {
			return v
		}
		if !x.quarantine.Narrow(v.forQuarantine(), x.acceptedPieces(), x.likely(e)) {
			x.unexplained = v.Hash
			return x.accepted
		}
	}
}

// last returns the effective version of a removed resource.
func (x *view) last() *Version {
	if x.effective == nil {
		return nil
	}
	if _, rejected := x.quarantine.RejectedVersion(x.effective.Hash); rejected {
		return x.accepted
	}
	return x.effective
}

// acceptedPieces is nil if nothing was accepted.
func (x *view) acceptedPieces() iter.Seq[*quarantine.Piece] {
	if x.accepted == nil {
		return nil
	}
	return all(x.accepted.pieces)
}

// likely reports the pieces that the Envoy is likely to reject: those that others reject, and, as long as it is unknown what
// it accepted, those that the fleet did not accept.
func (x *view) likely(e *entry) func(quarantine.ID) bool {
	var accepted map[quarantine.ID]bool
	if x.accepted == nil && e.accepted != nil {
		accepted = map[quarantine.ID]bool{}
		for _, p := range e.accepted.pieces {
			accepted[p.ID] = true
		}
	}
	return func(id quarantine.ID) bool {
		_, rejected := e.rejected[id]
		return rejected || accepted != nil && !accepted[id]
	}
}

// vote records what Envoys reject, and reports whether that is anything new. All connected Envoys count: those that have not
// answered may still accept a piece, and one that accepts it is enough to let it pass.
func (e *entry) vote() (changed bool) {
	for id, votes := range e.votes() {
		detail, _ := votes[0].quarantine.Rejected(id)
		voters := make([]*Watch, len(votes))
		for i, x := range votes {
			voters[i] = x.watch
		}
		changed = e.table.addVerdict(content{e.ref.Type, id}, voters, detail, e.acceptedBy(id)) || changed
	}
	if !changed {
		return false
	}
	for p := range e.pieces() {
		e.applyVerdict(p)
	}
	return true
}

// votes returns the views that reject each piece.
func (e *entry) votes() map[quarantine.ID][]*view {
	votes := map[quarantine.ID][]*view{}
	for _, x := range e.views {
		for id := range x.quarantine.RejectedPieces() {
			votes[id] = append(votes[id], x)
		}
	}
	return votes
}

// acceptedBy reports whether an Envoy of the fleet accepted the piece.
func (e *entry) acceptedBy(id quarantine.ID) bool {
	has := func(v *Version) bool {
		return v != nil && slices.ContainsFunc(v.pieces, func(p *piece) bool { return p.ID == id })
	}
	if has(e.accepted) {
		return true
	}
	for _, x := range e.views {
		if has(x.accepted) {
			return true
		}
	}
	return false
}

// agrees reports whether the view differs in nothing from the state for the fleet.
func (x *view) agrees(e *entry) bool {
	if e.want == nil {
		return x.effective == e.effective
	}
	if x.quarantine.Searching() || x.unexplained != "" || x.quarantine.HasVersions() && x.effective != x.accepted {
		return false
	}
	if e.effective != nil {
		if _, rejected := x.quarantine.RejectedVersion(e.effective.Hash); rejected {
			return false
		}
	}
	for p := range e.pieces() {
		if _, rejected := x.quarantine.Rejected(p.ID); rejected && !e.withheld(p) {
			return false
		}
	}
	return e.effective == nil || !slices.ContainsFunc(e.effective.pieces, func(p *piece) bool {
		_, rejected := x.quarantine.Rejected(p.ID)
		return rejected
	})
}

// rejections lists the wanted pieces that the fleet rejects, and those that Envoys reject and none accepted, sorted.
func (e *entry) rejections() []Rejection {
	var out []Rejection
	if len(e.rejected) > 0 {
		for _, p := range e.want {
			if r, rejected := e.rejection(p); rejected {
				out = append(out, r)
			}
		}
	}
	for _, x := range e.views {
		if r, rejected := e.unexplained(x); rejected && !slices.ContainsFunc(out, func(o Rejection) bool { return o.Compare(r) == 0 }) {
			out = append(out, r)
		}
	}
	if details := slices.Sorted(maps.Values(e.unusable)); len(details) > 0 && e.effective != nil {
		out = append(out, Rejection{Ref: e.ref, Hash: e.effective.Hash, ErrorDetail: details[0]})
	}
	slices.SortFunc(out, Rejection.Compare)
	return out
}

// rejection returns the rejection of a wanted piece.
func (e *entry) rejection(p *piece) (Rejection, bool) {
	r := Rejection{Ref: e.ref, Part: p.Name, Hash: p.Hash.String(), ErrorDetail: p.invalidReason(), Origins: p.origins}
	if _, rejected := e.rejected[p.ID]; !rejected || r.ErrorDetail != "" {
		return r, rejected
	}
	known := e.table.verdicts[content{e.ref.Type, p.ID}]
	r.ErrorDetail, r.Unconfirmed = known.detail, known.standing == unconfirmed || known.standing == disputed
	r.Node = known.reporter()
	return r, !e.table.isDisagreement(known)
}

// unexplained returns the rejection of a version of which each piece was accepted, but never the version.
func (e *entry) unexplained(x *view) (Rejection, bool) {
	if x.unexplained == "" || e.want == nil || e.accepted != nil && e.accepted.Hash == x.unexplained {
		return Rejection{}, false
	}
	detail, _ := x.quarantine.RejectedVersion(x.unexplained)
	return Rejection{
		Ref: e.ref, Hash: x.unexplained, Node: nameOf(x.watch.node), ErrorDetail: quarantine.Excerpt(detail), Origins: e.want[0].origins,
	}, true
}

// Disagreement is content that an Envoy rejects and another one of its fleet accepted.
type Disagreement struct {
	Node        string // of the Envoy that rejects it
	Ref         Ref
	Part        string // "": the resource without its parts
	ErrorDetail string
	Origins     []kobj.Key
}

// Compare orders disagreements by Envoy, then resource and part.
func (d Disagreement) Compare(o Disagreement) int {
	return cmp.Or(
		strings.Compare(d.Node, o.Node), d.Ref.Compare(o.Ref), strings.Compare(d.Part, o.Part),
		strings.Compare(d.ErrorDetail, o.ErrorDetail),
	)
}

// isDisagreement reports whether an Envoy accepts what others reject. If all connected Envoys reject what one that is gone
// had accepted, none does.
func (t *Table) isDisagreement(v *verdict) bool {
	return v.standing == disputed && (v.acceptedElsewhere || t.supporters(v) < len(t.watches))
}

// disagreements lists what single Envoys reject, sorted.
func (e *entry) disagreements() []Disagreement {
	if len(e.views) == 0 && len(e.rejected) == 0 {
		return nil
	}
	var out []Disagreement
	for _, p := range e.want {
		known := e.table.verdicts[content{e.ref.Type, p.ID}]
		if known == nil || !e.table.isDisagreement(known) {
			continue
		}
		for _, of := range known.voters {
			if !of.remote && !e.table.isConnected(of.identity) {
				continue
			}
			out = append(out, Disagreement{Node: nameOf(of.node), Ref: e.ref, Part: p.Name, ErrorDetail: known.detail, Origins: p.origins})
		}
	}
	for _, x := range e.views {
		if x.unexplained != "" && e.accepted != nil && e.accepted.Hash == x.unexplained {
			detail, _ := x.quarantine.RejectedVersion(x.unexplained)
			out = append(out, Disagreement{Node: nameOf(x.watch.node), Ref: e.ref, ErrorDetail: quarantine.Excerpt(detail), Origins: e.want[0].origins})
		}
	}
	slices.SortFunc(out, Disagreement.Compare)
	return out
}
