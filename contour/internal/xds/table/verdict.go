package table

import (
	"cmp"
	"maps"
	"slices"

	"contour.example/contour/internal/xds/quarantine"
)

// A verdict is about bytes: the table remembers which content Envoys reject, also while that content is not wanted, so that
// the same content is rejected, and reported, when it comes back. Envoys that rejected it are not sent it again. A verdict
// is not forgotten before an Envoy accepts the content, except for the oldest ones beyond a bound.
//
// A verdict is confirmed, so that no Envoy is sent the content, while more than half of the connected Envoys support it. If
// Envoys come or go and it is not, the content is retried: it is sent to the others, and still reported, until an Envoy
// accepts it or enough of them reject it. An Envoy that connects gets what is known to be good first.

// standing is what a verdict counts for.
type standing uint8

const (
	unconfirmed standing = iota // other Envoys may accept the content
	confirmed
	retried  // was confirmed, and is not supported any more
	disputed // another Envoy accepted the content
)

// Bounds of what is remembered: contents that are not wanted, and Envoys of one verdict.
const (
	maxFormer = 1024
	maxNodes  = 16
)

// content is the bytes of a piece, in whatever resource of the type it is.
type content struct {
	typ Type
	id  quarantine.ID
}

// verdict is that Envoys reject a content.
type verdict struct {
	detail   string  // as quarantine.Excerpt returns it
	voters   []voter // some of the Envoys that rejected it, in the order of their answers
	standing standing
	order    uint64

	accepted          bool // by an Envoy of this replica
	acceptedElsewhere bool // by an Envoy of another replica

	ref       Ref    // a resource in which it was wanted
	namespace string // of an object that it was made from
	fallback  bool   // it is one
}

// voter is an Envoy that rejected a content.
type voter struct {
	identity
	remote bool // another replica says so
}

// identity is what an Envoy is known by: its name, which it chooses itself, and the host that it connects from, so that a
// client elsewhere which uses its name does not speak for it.
type identity struct{ node, address string }

// rejectedBy reports whether the Envoy rejected the content.
func (v *verdict) rejectedBy(id identity) bool { return v.indexOf(id) >= 0 }

func (v *verdict) indexOf(id identity) int {
	return slices.IndexFunc(v.voters, func(of voter) bool { return of.identity == id })
}

// add records that an Envoy of this replica rejects the content, and reports whether that is new.
func (v *verdict) add(id identity) bool {
	if i := v.indexOf(id); i >= 0 {
		was := v.voters[i].remote
		v.voters[i].remote = false
		return was
	}
	if len(v.voters) >= maxNodes {
		return false
	}
	v.voters = append(v.voters, voter{identity: id})
	return true
}

// remove forgets what an Envoy said.
func (v *verdict) remove(id identity) {
	v.voters = slices.DeleteFunc(v.voters, func(of voter) bool { return of.identity == id })
}

// remote reports whether another replica says something about the content.
func (v *verdict) remote() bool {
	return slices.ContainsFunc(v.voters, func(of voter) bool { return of.remote })
}

// addVerdict records that Envoys reject a content, which another one accepted or not, and reports whether that is new.
func (t *Table) addVerdict(c content, of []*Watch, detail string, accepted bool) (changed bool) {
	known := t.verdicts[c]
	if known == nil {
		known = t.newVerdict(c, detail)
		changed = true
	}
	for _, w := range of {
		changed = known.add(w.identity) || changed
	}
	before := known.standing
	known.accepted = known.accepted || accepted
	t.setStanding(known)
	changed = changed || known.standing != before
	t.votesChanged = t.votesChanged || changed
	return changed
}

// newVerdict adds a verdict without an Envoy.
func (t *Table) newVerdict(c content, detail string) *verdict {
	t.lastOrder++
	v := &verdict{detail: quarantine.Excerpt(detail), order: t.lastOrder}
	t.verdicts[c] = v
	t.forgetOldest()
	return v
}

// setStanding sets what a verdict counts for, after its Envoys or what others accepted changed.
func (t *Table) setStanding(v *verdict) {
	switch {
	case v.accepted || v.acceptedElsewhere:
		v.standing = disputed
	case t.supported(v):
		v.standing = confirmed
	case v.standing == disputed:
		v.standing = unconfirmed
	}
}

// support records that the Envoy rejects a version of which it accepted all but one piece, and that is known to be rejected.
// If there are several, it may mean any of them.
func (t *Table) support(w *Watch, v, accepted *Version) {
	if len(t.verdicts) == 0 {
		return
	}
	suspects := unacceptedPieces(v, accepted)
	if len(suspects) != 1 {
		return
	}
	if of := t.verdicts[content{v.Ref.Type, suspects[0].ID}]; of != nil && of.standing == confirmed {
		t.votesChanged = of.add(w.identity) || t.votesChanged
	}
}

// contradicts reports whether the Envoy rejected a piece of the version: Envoy accepts the second copy of a bad Secret
// without using it.
func (t *Table) contradicts(w *Watch, v *Version) bool {
	if len(t.verdicts) == 0 {
		return false
	}
	return slices.ContainsFunc(v.pieces, func(p *piece) bool {
		known := t.verdicts[content{v.Ref.Type, p.ID}]
		return known != nil && known.rejectedBy(w.identity)
	})
}

// confirmed reports whether the fleet rejects a piece of a version; nil has none.
func (t *Table) confirmed(v *Version) bool {
	if v == nil || len(t.verdicts) == 0 {
		return false
	}
	return slices.ContainsFunc(v.pieces, func(p *piece) bool {
		known := t.verdicts[content{v.Ref.Type, p.ID}]
		return known != nil && known.standing == confirmed
	})
}

// dispute records that an Envoy accepted the pieces of a version.
func (t *Table) dispute(v *Version) {
	if len(t.verdicts) == 0 {
		return
	}
	var changed []content
	for _, p := range v.pieces {
		c := content{v.Ref.Type, p.ID}
		known := t.verdicts[c]
		if known == nil || known.accepted {
			continue
		}
		known.standing, known.accepted, t.votesChanged = disputed, true, true
		if t.supporters(known) == 0 && !known.remote() {
			delete(t.verdicts, c)
		}
		changed = append(changed, c)
	}
	t.verdictsChanged(changed)
}

// revoke forgets the verdicts about wanted pieces of the resource that are of this Envoy alone.
func (t *Table) revoke(e *entry, w *Watch) {
	var dropped []content
	for _, p := range e.want {
		c := content{e.ref.Type, p.ID}
		known := t.verdicts[c]
		if known == nil {
			continue
		}
		known.remove(w.identity)
		t.votesChanged = true
		if len(known.voters) == 0 {
			delete(t.verdicts, c)
			dropped = append(dropped, c)
		}
	}
	e.applyVerdicts()
	t.verdictsChanged(dropped)
}

// verdictsChanged updates the resources that contents are a part of about which the verdicts changed.
func (t *Table) verdictsChanged(changed []content) {
	if len(changed) == 0 {
		return
	}
	for ref := range t.withRejections {
		e := t.entries[ref]
		if e == nil || !slices.ContainsFunc(changed, func(c content) bool { return e.hasVerdict(c) }) {
			continue
		}
		e.applyVerdicts()
		t.changed[ref] = struct{}{}
	}
}

// hasVerdict reports whether a content is a piece of the resource, and was rejected.
func (e *entry) hasVerdict(c content) bool {
	_, rejected := e.rejected[c.id]
	return rejected && c.typ == e.ref.Type
}

// leave forgets what only an Envoy said that is gone, and has the contents sent again whose verdicts are not supported any
// more. Without another Envoy, all verdicts are kept.
func (t *Table) leave(id identity) {
	if len(t.watches) == 0 || t.isConnected(id) {
		return
	}
	var changed []content
	for c, v := range t.verdicts {
		if !v.rejectedBy(id) {
			continue
		}
		t.votesChanged = true
		switch v.standing {
		case unconfirmed, disputed:
			if v.remove(id); len(v.voters) == 0 {
				delete(t.verdicts, c)
			}
			changed = append(changed, c)
		case confirmed:
			changed = append(changed, c)
		case retried: // reported until another Envoy answers
		}
	}
	t.verdictsChanged(changed)
}

func (t *Table) isConnected(id identity) bool { return t.connected[id] > 0 }

// supporters counts the connected Envoys that are known to reject the content.
func (t *Table) supporters(v *verdict) int {
	connected := 0
	for _, of := range v.voters {
		connected += t.connected[of.identity]
	}
	return connected
}

// supported reports whether enough of the connected Envoys are among those of the verdict. Without an Envoy it is.
func (t *Table) supported(v *verdict) bool {
	return len(t.watches) == 0 || t.supporters(v) >= min(len(t.watches)/2+1, maxNodes/2)
}

// forgetOldest forgets the oldest verdicts about contents that are not wanted, if there are too many.
func (t *Table) forgetOldest() {
	if len(t.verdicts) <= maxFormer+t.wantedVerdicts {
		return
	}
	wanted := t.wantedContents()
	former := slices.DeleteFunc(slices.Collect(maps.Keys(t.verdicts)), func(c content) bool { return wanted[c] })
	slices.SortFunc(former, func(a, b content) int { return cmp.Compare(t.verdicts[a].order, t.verdicts[b].order) })
	for _, c := range former[:max(0, len(former)-maxFormer/2)] {
		delete(t.verdicts, c)
	}
	t.wantedVerdicts = len(wanted)
}

// wantedContents is the rejected contents that are wanted, and the rejected fallbacks.
func (t *Table) wantedContents() map[content]bool {
	wanted := map[content]bool{}
	for ref := range t.withRejections {
		if e := t.entries[ref]; e != nil {
			for id := range e.rejected {
				wanted[content{ref.Type, id}] = true
			}
		}
	}
	return wanted
}

// retryEntry has the pieces of a resource sent again whose verdicts are not supported.
func (t *Table) retryEntry(e *entry) {
	for id, sent := range e.rejected {
		if v := t.verdicts[content{e.ref.Type, id}]; v != nil && !sent && !t.supported(v) {
			e.applyVerdicts()
			t.changed[e.ref] = struct{}{}
			return
		}
	}
}

// retryWithheld does so for the resources that have no effective version, so that no Envoy will accept one.
func (t *Table) retryWithheld() {
	for ref := range t.withRejections {
		if e := t.entries[ref]; e != nil && e.effective == nil {
			t.retryEntry(e)
		}
	}
}

// hasUnsupported reports whether a confirmed verdict about wanted content is not supported.
func (t *Table) hasUnsupported() bool {
	for ref := range t.withRejections {
		e := t.entries[ref]
		if e == nil {
			continue
		}
		for id := range e.rejected {
			if v := t.verdicts[content{ref.Type, id}]; v != nil && v.standing == confirmed && !t.supported(v) {
				return true
			}
		}
	}
	return false
}
