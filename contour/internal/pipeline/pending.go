package pipeline

import (
	"maps"
	"slices"
	"time"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// pendingTime is the longest time that an edit waits; it waits at least half of it. The deletion of an object that was in
// use waits longer (source/kube), so that an edit and a deletion together interrupt no requests.
const pendingTime = 150 * time.Millisecond

// pendingEdits contains edits of objects whose new references do not resolve yet: to a Secret, the delegation that
// permits its use, an included HTTPProxy, a Service or its endpoints. Each kind has its own watch, and EndpointSlices
// are created some time after their Service: without the delay, "create the Service, then route to it" would answer with
// errors in between. Only the edited object waits, its former state is served until then, and the time is bounded, since
// the reference may never resolve. A new object does not wait (docs/design/0008-edits-wait.md).
type pendingEdits struct {
	store   *store.Store // only read
	compile *compile.Compile
	commit  func([]store.Change) []kobj.Key // applies changes to the store, and returns the changed objects
	edits   map[kobj.Key]*edit
	timer   *time.Timer // period pendingTime/2; stopped while no edit is pending
}

type edit struct {
	newest  store.Change
	awaited []kind.Reference // that the newest change adds and that were not seen to resolve
	aged    bool             // the timer has fired since the first change
}

func newPendingEdits(s *store.Store, c *compile.Compile, commit func([]store.Change) []kobj.Key) *pendingEdits {
	p := &pendingEdits{store: s, compile: c, commit: commit, edits: map[kobj.Key]*edit{}, timer: time.NewTimer(pendingTime)}
	p.timer.Stop()
	return p
}

// apply applies a batch to the store, without the edits whose references do not resolve, and with the pending edits whose
// references now resolve. It returns the changed objects.
func (p *pendingEdits) apply(batch []store.Change) []kobj.Key {
	var edits []edit
	var others []store.Change
	for _, c := range batch {
		if added := p.addedReferences(c); len(added) > 0 {
			edits = append(edits, edit{newest: c, awaited: added})
			continue
		}
		delete(p.edits, c.Key)
		others = append(others, c)
	}
	changed := p.commit(others) // before edits, which may refer to these objects
	return append(changed, p.commit(p.admit(edits))...)
}

// maxReferences is the largest number of references of an object whose edits wait.
const maxReferences = 1000

// addedReferences returns the references that the change adds to the object, each once, if it is an edit of an object in the store,
// else nil. An object with more references than maxReferences has none that edits wait for.
func (p *pendingEdits) addedReferences(c store.Change) []kind.Reference {
	before := p.store.Peek(c.Key)
	if c.Object == nil || before == nil {
		return nil
	}
	refers := distinct(p.compile.References(c.Key.Kind, c.Object))
	if len(refers) > maxReferences {
		return nil
	}
	had := map[kind.Reference]bool{}
	for _, r := range p.compile.References(c.Key.Kind, before) {
		had[r] = true
	}
	return slices.DeleteFunc(refers, func(r kind.Reference) bool { return had[r] })
}

// distinct returns the references, each once.
func distinct(refers []kind.Reference) (once []kind.Reference) {
	seen := map[kind.Reference]bool{}
	for _, r := range refers {
		if !seen[r] {
			seen[r] = true
			once = append(once, r)
		}
	}
	return once
}

// admit returns the edits to apply now, among the given and the pending ones.
func (p *pendingEdits) admit(edits []edit) []store.Change {
	var admitted []store.Change
	for i := range edits {
		e := &edits[i]
		if pending := p.edits[e.newest.Key]; pending != nil {
			pending.newest, pending.awaited = e.newest, e.awaited
		} else if p.unresolved(e) {
			p.wait(e)
		} else {
			admitted = append(admitted, e.newest)
		}
	}
	return append(admitted, p.release(func(e *edit) bool { return !p.unresolved(e) })...)
}

// overdue removes and returns the edits that have waited for pendingTime/2 or longer. Run calls it when the timer fires.
func (p *pendingEdits) overdue() []store.Change {
	due := p.release(func(e *edit) bool { return e.aged })
	for _, e := range p.edits {
		e.aged = true
	}
	if len(p.edits) > 0 {
		p.timer.Reset(pendingTime / 2)
	}
	return due
}

func (p *pendingEdits) wait(e *edit) {
	if len(p.edits) == 0 {
		p.timer.Reset(pendingTime / 2)
	}
	p.edits[e.newest.Key] = e
}

// release removes and returns the edits for which ready returns true, sorted by object.
func (p *pendingEdits) release(ready func(*edit) bool) []store.Change {
	var released []store.Change
	for _, k := range slices.SortedFunc(maps.Keys(p.edits), kobj.Key.Compare) {
		if e := p.edits[k]; ready(e) {
			released = append(released, e.newest)
			delete(p.edits, k)
		}
	}
	return released
}

// unresolved reports whether an edit adds a reference that does not resolve or is not permitted. It looks each up until it resolves:
// an edit that waits costs each batch of others one reference.
func (p *pendingEdits) unresolved(e *edit) bool {
	for len(e.awaited) > 0 && p.resolves(e.awaited[0]) {
		e.awaited = e.awaited[1:]
	}
	return len(e.awaited) > 0
}

// resolves reports whether the target of r is complete and, where necessary, permitted, and the targets of its own
// references too. References between objects of one kind are not followed, since an HTTPProxy may include itself.
func (p *pendingEdits) resolves(r kind.Reference) bool {
	return p.found(r) && !slices.ContainsFunc(p.referencesOf(r.To), func(next kind.Reference) bool {
		return next.To.Kind != r.To.Kind && !p.found(next)
	})
}

// referencesOf returns the references of the object in the store.
func (p *pendingEdits) referencesOf(k kobj.Key) []kind.Reference {
	return p.compile.References(k.Kind, p.store.Peek(k))
}

func (p *pendingEdits) found(r kind.Reference) bool {
	return p.store.Complete(r.To) && (r.Permission == "" || p.store.Permitted(r))
}
