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
	store   *store.Store
	compile *compile.Compile
	edits   map[kobj.Key]*edit
	timer   *time.Timer // period pendingTime/2; stopped while no edit is pending
}

type edit struct {
	newest store.Change
	refers []kind.Reference // of the newest change
	aged   bool             // the timer has fired since the first change
}

func newPendingEdits(s *store.Store, c *compile.Compile) *pendingEdits {
	p := &pendingEdits{store: s, compile: c, edits: map[kobj.Key]*edit{}, timer: time.NewTimer(pendingTime)}
	p.timer.Stop()
	return p
}

// apply applies a batch to the store, without the edits whose references do not resolve, and with the pending edits whose
// references now resolve. It returns the result of store.Apply.
func (p *pendingEdits) apply(batch []store.Change) []kobj.Key {
	var edits []edit
	var others []store.Change
	for _, c := range batch {
		if refers := p.editedReferences(c); len(refers) > 0 {
			edits = append(edits, edit{newest: c, refers: refers})
			continue
		}
		delete(p.edits, c.Key)
		others = append(others, c)
	}
	changed := p.store.Apply(others) // before edits, which may refer to these objects
	return append(changed, p.store.Apply(p.admit(edits))...)
}

// maxReferences is the largest number of references of an edit that waits: they are looked up each time that objects change.
const maxReferences = 1000

// editedReferences returns the references of the new object, each once, if the change is an edit of an object in the store,
// else nil. An object with more references than maxReferences has none that edits wait for.
func (p *pendingEdits) editedReferences(c store.Change) []kind.Reference {
	if c.Object == nil || p.store.Peek(c.Key) == nil {
		return nil
	}
	var refers []kind.Reference
	seen := map[kind.Reference]bool{}
	for _, r := range p.compile.References(c.Key.Kind, c.Object) {
		if !seen[r] {
			seen[r] = true
			refers = append(refers, r)
		}
	}
	if len(refers) > maxReferences {
		return nil
	}
	return refers
}

// admit returns the edits to apply now, among the given and the pending ones.
func (p *pendingEdits) admit(edits []edit) []store.Change {
	var admitted []store.Change
	for i := range edits {
		e := &edits[i]
		if pending := p.edits[e.newest.Key]; pending != nil {
			pending.newest, pending.refers = e.newest, e.refers
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

// unresolved reports whether an edit adds a reference that does not resolve or is not permitted.
func (p *pendingEdits) unresolved(e *edit) bool {
	missing := slices.DeleteFunc(slices.Clone(e.refers), p.resolves)
	if len(missing) == 0 {
		return false
	}
	before := map[kind.Reference]bool{}
	for _, r := range p.referencesOf(e.newest.Key) {
		before[r] = true
	}
	return slices.ContainsFunc(missing, func(r kind.Reference) bool { return !before[r] })
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
