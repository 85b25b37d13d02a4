package table

import "iter"

// scanStep is the number of resources that a scan reads at a time; Publish and Accept wait no longer than for that.
const scanStep = 512

// Scan iterates over the effective versions, in no particular order. The table may change meanwhile: a resource that
// does not change is visited once, one that does may be missed or visited twice.
func (t *Table) Scan() iter.Seq[*Version] {
	return func(yield func(*Version) bool) {
		next, stop := iter.Pull(t.each)
		defer stop()
		part := make([]*Version, 0, scanStep)
		for {
			if part = t.scanPart(next, part[:0]); len(part) == 0 {
				return
			}
			for _, v := range part {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// scanPart appends the next versions to part, which is empty after the last one.
func (t *Table) scanPart(next func() (*Version, bool), part []*Version) []*Version {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range cap(part) {
		v, ok := next()
		if !ok {
			break
		}
		part = append(part, v)
	}
	return part
}

// each iterates over the effective versions. The caller holds the lock at each step, and may release it between two: the
// iteration over a map allows changes of it.
func (t *Table) each(yield func(*Version) bool) {
	for _, e := range t.entries {
		if e.effective != nil && !yield(e.effective) {
			return
		}
	}
	for v := range t.atRest() {
		if !yield(v) {
			return
		}
	}
}

// Revision changes with each change of what Scan returns, and when a resource moves within the table, so that a Scan may
// have missed it or returned it twice: what Scan returns is complete if Revision is the same before and after.
func (t *Table) Revision() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.revision
}
