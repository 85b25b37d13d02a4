package table

import (
	"slices"

	"contour.example/contour/internal/xds/quarantine"
)

// Replicas share what their Envoys say, so that a verdict outlives the replica that it was given to, and each replica
// reports it (docs/design/0014-shared-verdicts.md). What other replicas say counts like Envoys that are not connected: they
// support no verdict for the Envoys here, and what one of them accepted is disputed here.

// maxRemoteVoters is the number of Envoys of other replicas that a verdict keeps: those of this replica have room left.
const maxRemoteVoters = maxNodes / 2

// Vote is that an Envoy rejects a content, or that one accepts what others reject.
type Vote struct {
	Ref       Ref           // a resource in which the content is, or was, wanted
	Piece     quarantine.ID // of the content
	Namespace string        // of an object that it is made from; "" is unknown
	Wanted    bool

	Accepts     bool
	Node        string // of the Envoy; "" if it accepts
	Address     string // the host that the Envoy connected from; "" is unknown
	Connected   bool   // it is connected to this replica
	ErrorDetail string // as quarantine.Excerpt returns it
}

// Votes lists what the Envoys of this replica say about the contents that Envoys reject, the oldest verdict first. It says
// nothing of Envoys that other replicas speak for.
func (t *Table) Votes() []Vote {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := t.wantedContents()
	contents := make([]content, 0, len(t.verdicts))
	for c, v := range t.verdicts {
		if !v.fallback { // of which each Envoy has its own
			contents = append(contents, c)
		}
	}
	slices.SortFunc(contents, func(a, b content) int { return int(t.verdicts[a].order) - int(t.verdicts[b].order) })
	var votes []Vote
	for _, c := range contents {
		votes = t.appendVotes(votes, c, wanted[c])
	}
	return votes
}

func (t *Table) appendVotes(votes []Vote, c content, wanted bool) []Vote {
	v := t.verdicts[c]
	vote := Vote{Ref: v.ref, Piece: c.id, Namespace: v.namespace, Wanted: wanted}
	vote.Ref.Type = c.typ
	for _, of := range v.voters {
		if of.remote {
			continue
		}
		rejects := vote
		rejects.Node, rejects.Address, rejects.ErrorDetail, rejects.Connected = of.node, of.address, v.detail, t.isConnected(of.identity)
		votes = append(votes, rejects)
	}
	if v.accepted && t.supporters(v) < len(t.watches) {
		vote.Accepts, vote.Connected = true, true
		votes = append(votes, vote)
	}
	return votes
}

// reporter is the name of the Envoy that rejected the content first, for readers.
func (v *verdict) reporter() string {
	if len(v.voters) == 0 {
		return ""
	}
	return nameOf(v.voters[0].node)
}

// maxName bounds in bytes what readers see of the name of an Envoy, which it chooses itself.
const maxName = 128

func nameOf(node string) string { return quarantine.Printable(node, maxName) }

// NodeName is the name of an Envoy for readers, as in a Rejection.
func NodeName(node string) string { return nameOf(node) }

// wantedAt records where a content was wanted first.
func (v *verdict) wantedAt(ref Ref, p *piece) {
	v.fallback = p.Fallback
	if v.ref.Name == "" {
		v.ref = ref
	}
	if v.namespace == "" && len(p.origins) > 0 {
		v.namespace = p.origins[0].Namespace
	}
}

// OnVotes sets a function that is called, outside of all locks, after Votes changed. The goroutine that caused the change
// calls it; it must not wait. Set it before the first Publish.
func (t *Table) OnVotes(f func()) { t.onVotes = f }

// remoteVotes is what other replicas say about a content.
type remoteVotes struct {
	first    Vote // that rejects
	rejects  []identity
	accepted bool
}

// SetRemoteVotes replaces what other replicas say. An Envoy that is connected to this one counts as its own.
func (t *Table) SetRemoteVotes(votes []Vote) {
	defer t.step()()
	if t.isClosed() {
		return
	}
	by := remoteByContent(votes)
	var changed []content
	for c, v := range t.verdicts {
		if t.setRemote(v, by[c]) {
			changed = append(changed, c)
		}
		delete(by, c)
		if len(v.voters) == 0 {
			delete(t.verdicts, c)
		}
	}
	t.verdictsChanged(changed)
	t.addRemote(by)
	if len(t.verdicts) > 0 {
		t.unsupported.Store(true)
	}
}

func remoteByContent(votes []Vote) map[content]*remoteVotes {
	by := map[content]*remoteVotes{}
	for _, v := range votes {
		c := content{v.Ref.Type, v.Piece}
		of := by[c]
		if of == nil {
			of = &remoteVotes{}
			by[c] = of
		}
		switch {
		case v.Accepts:
			of.accepted = true
		case len(of.rejects) < maxRemoteVoters:
			if len(of.rejects) == 0 {
				of.first = v
			}
			of.rejects = append(of.rejects, identity{v.Node, v.Address})
		}
	}
	return by
}

// setRemote replaces what other replicas say about the content of a verdict, nil is nothing, and reports whether that is a
// change.
func (t *Table) setRemote(v *verdict, of *remoteVotes) bool {
	if of == nil {
		of = &remoteVotes{}
	}
	before, standing, elsewhere := slices.Clone(v.voters), v.standing, v.acceptedElsewhere
	v.voters = slices.DeleteFunc(v.voters, func(x voter) bool { return x.remote && !slices.Contains(of.rejects, x.identity) })
	for _, id := range of.rejects {
		switch i := v.indexOf(id); {
		case t.isConnected(id):
			t.votesChanged = v.add(id) || t.votesChanged
		case i >= 0:
			v.voters[i].remote = true
		case len(v.voters) < maxNodes:
			v.voters = append(v.voters, voter{identity: id, remote: true})
		}
	}
	v.acceptedElsewhere = of.accepted
	t.setStanding(v)
	return standing != v.standing || elsewhere != v.acceptedElsewhere || !slices.Equal(before, v.voters)
}

// addRemote adds verdicts about contents that no Envoy of this replica rejected.
func (t *Table) addRemote(by map[content]*remoteVotes) {
	missing := map[content]bool{}
	for c, of := range by {
		if len(of.rejects) == 0 {
			continue
		}
		v := t.newVerdict(c, of.first.ErrorDetail)
		v.ref, v.namespace = of.first.Ref, of.first.Namespace
		if e := t.entry(v.ref); e == nil || !e.applyNew(c) {
			missing[c] = true
		}
		t.setRemote(v, of)
	}
	t.applyMissing(missing)
	for c := range by {
		if v := t.verdicts[c]; v != nil {
			t.setStanding(v)
			t.verdictsChanged([]content{c})
		}
	}
}

// applyNew applies a new verdict to the wanted piece that it is about, and reports whether there is one.
func (e *entry) applyNew(c content) bool {
	i := slices.IndexFunc(e.want, func(p *piece) bool { return p.ID == c.id })
	e.table.changed[e.ref] = struct{}{} // it may be at rest
	if i < 0 {
		return false
	}
	v := e.table.verdicts[c]
	v.accepted = v.accepted || e.acceptedBy(c.id)
	e.applyVerdict(e.want[i])
	return true
}

// applyMissing searches the wanted pieces that verdicts are about which are in another resource than the one that the other
// replica has them in: the tables of hosts depend on the number of shards.
func (t *Table) applyMissing(missing map[content]bool) {
	if len(missing) == 0 {
		return
	}
	for _, typ := range []Type{Listener, Route} {
		for _, ref := range t.refsOf(typ) {
			for _, p := range t.wanted(ref) {
				if c := (content{typ, p.ID}); missing[c] {
					t.entry(ref).applyNew(c)
				}
			}
		}
	}
}

// refsOf lists the resources of a type.
func (t *Table) refsOf(typ Type) []Ref {
	var refs []Ref
	for ref := range t.entries {
		if ref.Type == typ {
			refs = append(refs, ref)
		}
	}
	for v := range t.resting.Of(typ) {
		refs = append(refs, v.Ref)
	}
	return refs
}

// claim makes what other replicas say of an Envoy that has connected its own, and withholds from it what it rejects.
func (t *Table) claim(w *Watch) {
	var known []content
	for c, v := range t.verdicts {
		if v.rejectedBy(w.identity) {
			t.votesChanged = v.add(w.identity) || t.votesChanged
			known = append(known, c)
		}
	}
	t.verdictsChanged(known)
}
