package table

import "slices"

// step locks the table, and returns a function that unlocks it, wakes watches and calls onRejections and onVotes.
func (t *Table) step() func() {
	t.mu.Lock()
	return func() {
		t.updateChanged()
		t.signal()
		rejections, votes := t.rejectionsChanged, t.votesChanged
		t.rejectionsChanged, t.votesChanged = false, false
		t.mu.Unlock()
		if rejections && t.onRejections != nil {
			t.onRejections()
		}
		if votes && t.onVotes != nil {
			t.onVotes()
		}
	}
}

// updateChanged updates the changed resources, and those that change meanwhile.
func (t *Table) updateChanged() {
	for len(t.changed) > 0 {
		for ref := range t.changed {
			delete(t.changed, ref)
			if e := t.entries[ref]; e != nil {
				t.update(e)
				t.rest(e)
			}
		}
	}
}

// update composes the effective versions and the rejections of a resource anew.
func (t *Table) update(e *entry) {
	t.updateViews(e)
	before := e.effective
	t.setVersion(&e.effective, e.compose())
	if e.effective != before {
		t.stats.Versions++
		t.touch(e.ref)
	}
	if v := e.effective; v != nil && v.Accepted() && (e.accepted == nil || v.order > e.accepted.order) && t.complete(v) {
		t.setVersion(&e.accepted, v)
	}
	for w, x := range e.views {
		if x.agrees(e) {
			e.dropView(w)
		}
	}
	e.forgetFallbacks()
	t.updateRejections(e)
}

// updateViews composes the effective versions for the Envoys with a view, until no further verdict follows.
func (t *Table) updateViews(e *entry) {
	for changed := len(e.views) > 0; changed; {
		changed = false
		for w, x := range e.views {
			before := x.effective
			if t.setVersion(&x.effective, x.compose(e)); x.effective != before {
				w.dirty[e.ref] = struct{}{}
			}
			if x.quarantine.Revoked() {
				t.revoke(e, w)
				changed = true
			}
		}
		changed = e.vote() || changed
	}
}

func (t *Table) updateRejections(e *entry) {
	if len(e.rejected) == 0 {
		delete(t.withRejections, e.ref)
	}
	rejections, disagreements := e.rejections(), e.disagreements()
	if slices.EqualFunc(rejections, t.rejected[e.ref], sameRejection) && slices.EqualFunc(disagreements, t.disagreed[e.ref], sameDisagreement) {
		return
	}
	t.rejectionsChanged = true
	t.rejectionSeq++
	t.note(e.ref)
	t.setRejected(e.ref, rejections)
	if t.disagreed[e.ref] = disagreements; len(disagreements) == 0 {
		delete(t.disagreed, e.ref)
	}
}

func sameDisagreement(a, b Disagreement) bool {
	return a.Compare(b) == 0 && slices.Equal(a.Origins, b.Origins)
}

func sameRejection(a, b Rejection) bool {
	return a.Compare(b) == 0 && a.Node == b.Node && a.ErrorDetail == b.ErrorDetail && a.Unconfirmed == b.Unconfirmed && slices.Equal(a.Origins, b.Origins)
}

func (t *Table) setRejected(ref Ref, rejections []Rejection) {
	if len(rejections) == 0 {
		delete(t.rejected, ref)
		delete(t.dependants, ref)
		return
	}
	t.rejected[ref] = rejections
}

// setVersion replaces a version that a resource keeps, and the needs of the former one by those of the latter.
func (t *Table) setVersion(kept **Version, v *Version) {
	if former := *kept; former != v {
		*kept = v
		t.updateNeedCounts(former, v)
	}
}
