package table

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// entry is what the table knows about one resource: what is wanted, what Envoy accepted last,
// and what of the wanted pieces must not be sent. The effective version is the wanted one with
// each such piece replaced by its accepted content, or left out if it has none.
type entry struct {
	ref       Ref
	field     protowire.Number
	want      []*piece // header first; nil: removed, and kept only because something needs it
	accepted  *Version // nil: no Envoy of the fleet accepted anything yet
	effective *Version // nil: withheld
	orders    *uint64  // the table's count of versions

	bad     map[pieceID]string // found guilty, with Envoy's words
	refused map[string]string  // hashes of whole versions that were refused, with Envoy's words
	blocked string             // why an Envoy could not use the effective version, through no fault of its content
	stuck   string             // hash of the version that ought to be effective but was refused with no piece to blame
	trial   trial
}

// trial is the search for the bad pieces among several suspects: some are held back, and the
// verdict about the rest narrows the search.
type trial struct {
	blamed  []pieceID // at least one of them is bad
	held    map[pieceID]bool
	words   string
	strikes int // parts convicted in a row while the header itself was never accepted
}

// Parts convicted one after the other, while the header was in every refused version and never in
// an accepted one, make the header suspicious too. After loneStrikes of them single parts are tried,
// far from each other: one that is accepted clears the header. After maxStrikes it is convicted.
const (
	loneStrikes = 8
	maxStrikes  = 16
)

// maxFormer bounds the verdicts remembered for contents that are not wanted any more. They are
// kept until something is accepted, so that going back and forth does not send a bad one again.
const maxFormer = 64

func (e *entry) setWant(r *Resource) {
	e.field, e.want = r.Field, piecesOf(r, e.want)
	for _, p := range e.want {
		if p.invalid != "" {
			e.convict(p.pieceID, p.invalid)
		}
	}
	if len(e.trial.blamed) > 0 {
		wanted := idsOf(e.want)
		if slices.ContainsFunc(e.trial.blamed, func(id pieceID) bool { return !wanted[id] }) {
			e.trial = trial{}
		}
	}
	if len(e.bad)+len(e.refused) > maxFormer+len(e.want) {
		e.forget()
	}
}

func (e *entry) setGone() {
	e.want, e.bad, e.refused, e.stuck, e.blocked, e.trial = nil, nil, nil, "", "", trial{}
}

// accept takes note that an Envoy accepted v. What was refused once stays refused: Envoy may
// accept the second copy of a bad secret without using it.
func (e *entry) accept(v *Version) {
	if e.refused[v.Hash] != "" || e.hasBad(v) || e.accepted != nil && e.accepted.order >= v.order {
		return
	}
	e.accepted, e.blocked = v, ""
	v.proven.Store(true)
	if e.want == nil {
		return
	}
	e.trial.strikes = 0
	if len(e.trial.blamed) > 0 {
		proven := v.ids()
		e.trial.blamed = slices.DeleteFunc(e.trial.blamed, func(id pieceID) bool { return proven[id] })
	}
	switch len(e.trial.blamed) {
	case 0:
		e.trial = trial{}
		if v == e.effective {
			e.forget()
		}
	case 1:
		e.convict(e.trial.blamed[0], e.trial.words)
		e.trial = trial{}
	default:
		e.holdHalf()
	}
}

// reject takes note that an Envoy refused v with these words; compose draws the conclusions.
func (e *entry) reject(v *Version, words string) {
	if e.refused[v.Hash] != "" {
		return
	}
	if words == "" {
		words = "refused without a reason"
	}
	if e.refused == nil {
		e.refused = map[string]string{}
	}
	e.refused[v.Hash] = words
}

// narrow draws the conclusion from the refusal of a version with these suspects, at least one.
func (e *entry) narrow(v *Version, suspects []pieceID) {
	words := e.refused[v.Hash]
	if len(suspects) == 1 {
		e.convictSuspect(suspects[0], words)
		return
	}
	e.trial.blamed, e.trial.words = suspects, words
	if e.accepted == nil && e.trial.strikes >= loneStrikes {
		e.holdAllBut(suspects[e.trial.strikes*len(suspects)/maxStrikes])
		return
	}
	if guess := named(v.pieces, suspects, words); guess >= 0 {
		e.hold(suspects[guess : guess+1])
		return
	}
	e.holdHalf()
}

// suspects lists the pieces of v that no Envoy accepted. The header comes last, and only if it
// has accepted content to fall back to or if there is nobody else: Envoy may refuse a header
// without parts for having none.
func (e *entry) suspects(v *Version) []pieceID {
	proven := e.accepted.ids()
	var ids []pieceID
	for _, p := range v.pieces[1:] {
		if !proven[p.pieceID] {
			ids = append(ids, p.pieceID)
		}
	}
	header := v.pieces[0].pieceID
	if !proven[header] && (e.accepted != nil || len(ids) == 0) {
		ids = append(ids, header)
	}
	return ids
}

// convictSuspect ends a search with a single suspect, unless too many searches ended so.
func (e *entry) convictSuspect(id pieceID, words string) {
	strikes := e.trial.strikes
	e.trial = trial{}
	if id.name == "" || e.accepted != nil {
		e.convict(id, words)
		return
	}
	if strikes+1 < maxStrikes {
		e.convict(id, words)
		e.trial.strikes = strikes + 1
		return
	}
	e.bad = nil
	for _, p := range e.want {
		if p.invalid != "" {
			e.convict(p.pieceID, p.invalid)
		}
	}
	e.convict(e.want[0].pieceID, words)
}

func (e *entry) convict(id pieceID, words string) {
	if e.bad == nil {
		e.bad = map[pieceID]string{}
	}
	e.bad[id] = words
}

// holdHalf holds back the second half of the blamed pieces and tries the first.
func (e *entry) holdHalf() {
	half := (len(e.trial.blamed) + 1) / 2
	for _, id := range e.trial.blamed {
		delete(e.trial.held, id)
	}
	e.hold(e.trial.blamed[half:])
}

// holdAllBut tries one of the blamed pieces alone.
func (e *entry) holdAllBut(id pieceID) {
	e.hold(e.trial.blamed)
	delete(e.trial.held, id)
}

func (e *entry) hold(ids []pieceID) {
	if e.trial.held == nil {
		e.trial.held = map[pieceID]bool{}
	}
	for _, id := range ids {
		e.trial.held[id] = true
	}
}

// forget drops verdicts about contents that are not wanted.
func (e *entry) forget() {
	e.refused = nil
	if len(e.bad) == 0 {
		return
	}
	wanted := idsOf(e.want)
	for id := range e.bad {
		if !wanted[id] {
			delete(e.bad, id)
		}
	}
}

func (e *entry) hasBad(v *Version) bool {
	return len(e.bad) > 0 && slices.ContainsFunc(v.pieces, func(p *piece) bool { return e.bad[p.pieceID] != "" })
}

// compose is the version that ought to be effective now, nil to withhold the resource. A
// removed resource stays as it was. Every refusal of what would be effective leads to a
// conviction or to a smaller trial, so this ends.
func (e *entry) compose() *Version {
	e.stuck = ""
	if e.want == nil {
		return e.last()
	}
	for {
		pieces := e.chosen()
		if pieces == nil {
			return nil
		}
		v := e.version(pieces)
		if e.refused[v.Hash] == "" {
			return v
		}
		suspects := e.suspects(v)
		if len(suspects) == 0 {
			e.stuck = v.Hash
			return e.accepted
		}
		e.narrow(v, suspects)
	}
}

// last is what a removed resource stays.
func (e *entry) last() *Version {
	if e.effective != nil && e.refused[e.effective.Hash] != "" {
		return e.accepted
	}
	return e.effective
}

// chosen is the wanted pieces with fallbacks for those that must not be sent; nil if the
// header is one of them and has no fallback.
func (e *entry) chosen() []*piece {
	if len(e.bad) == 0 && len(e.trial.held) == 0 {
		return e.want
	}
	var fallback map[string]*piece
	if e.accepted != nil {
		fallback = byName(e.accepted.pieces)
	}
	pieces := make([]*piece, 0, len(e.want))
	for _, p := range e.want {
		if e.bad[p.pieceID] != "" || e.trial.held[p.pieceID] {
			p = fallback[p.name]
		}
		if p != nil {
			pieces = append(pieces, p)
		} else if len(pieces) == 0 {
			return nil
		}
	}
	return pieces
}

// version is the version made of these pieces: a known one if nothing differs.
func (e *entry) version(pieces []*piece) *Version {
	for _, known := range []*Version{e.effective, e.accepted} {
		if known != nil && slices.Equal(known.pieces, pieces) {
			return known
		}
	}
	*e.orders++
	return newVersion(e.ref, e.field, pieces, *e.orders, cmp.Or(e.effective, e.accepted))
}

// rejections is what of the wanted content is refused, sorted.
func (e *entry) rejections() []Rejection {
	var out []Rejection
	for _, p := range e.want {
		if len(e.bad) == 0 {
			break
		}
		if words := e.bad[p.pieceID]; words != "" {
			out = append(out, Rejection{Ref: e.ref, Part: p.name, Hash: p.hash.String(), Message: words, Origins: p.origins})
		}
	}
	if e.stuck != "" {
		out = append(out, Rejection{Ref: e.ref, Hash: e.stuck, Message: e.refused[e.stuck], Origins: e.want[0].origins})
	}
	if e.blocked != "" && e.effective != nil {
		out = append(out, Rejection{Ref: e.ref, Hash: e.effective.Hash, Message: e.blocked})
	}
	slices.SortFunc(out, Rejection.Compare)
	return out
}
