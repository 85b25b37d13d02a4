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

// pendingTime is how long an edit waits at most, at least half of it. A deletion of what was in use before waits longer
// (source/kube), so that the two together leave no gap.
const pendingTime = 150 * time.Millisecond

// pendingEdits are edits of objects that refer to something which is not known yet: a Secret, the delegation that
// permits its use, an included HTTPProxy, a Service or its endpoints. Each kind is watched by itself, and EndpointSlices
// are made some time after their Service: "create the Service, then route to it" would answer with errors until they
// come. Only that object waits, its former state is served until then, and not for long: what it refers to may never
// come. A new object has nothing to lose and does not wait (docs/design/0008-edits-wait.md).
type pendingEdits struct {
	store   *store.Store
	compile *compile.Compile
	edits   map[kobj.Key]*edit
	timer   *time.Timer // fires halfway through the time of the newest edit or earlier; stopped while there is none
}

type edit struct {
	newest store.Change
	refers []kind.Reference // newest does
	aged   bool             // the timer has fired since the first of the edits came
}

func newPendingEdits(s *store.Store, c *compile.Compile) *pendingEdits {
	p := &pendingEdits{store: s, compile: c, edits: map[kobj.Key]*edit{}, timer: time.NewTimer(pendingTime)}
	p.timer.Stop()
	return p
}

// apply applies a batch to the store, except for edits that are early, together with edits that waited for what is in
// it. It returns what store.Apply returns.
func (p *pendingEdits) apply(batch []store.Change) []kobj.Key {
	var edits []edit
	var others []store.Change
	for _, c := range batch {
		if refers := p.edited(c); len(refers) > 0 {
			edits = append(edits, edit{newest: c, refers: refers})
			continue
		}
		delete(p.edits, c.Key)
		others = append(others, c)
	}
	changed := p.store.Apply(others) // what edits may refer to is among them
	return append(changed, p.store.Apply(p.admit(edits))...)
}

// edited is what a change refers to if it is an edit of an object that is known; else nothing.
func (p *pendingEdits) edited(c store.Change) []kind.Reference {
	if c.Object == nil {
		return nil
	}
	refers := p.compile.References(c.Key.Kind, c.Object)
	if len(refers) == 0 || p.store.Peek(c.Key) == nil {
		return nil
	}
	return refers
}

// admit returns the edits to apply now, of new ones and of those that waited.
func (p *pendingEdits) admit(edits []edit) []store.Change {
	var admitted []store.Change
	for i := range edits {
		e := &edits[i]
		if waiting := p.edits[e.newest.Key]; waiting != nil {
			waiting.newest, waiting.refers = e.newest, e.refers
		} else if p.early(e) {
			p.wait(e)
		} else {
			admitted = append(admitted, e.newest)
		}
	}
	return append(admitted, p.release(func(e *edit) bool { return !p.early(e) })...)
}

// overdue returns the edits that have waited long enough. It is to be called when the timer has fired.
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

// release removes the edits that are ripe, and returns them in order.
func (p *pendingEdits) release(ripe func(*edit) bool) []store.Change {
	var released []store.Change
	for _, k := range slices.SortedFunc(maps.Keys(p.edits), kobj.Key.Compare) {
		if e := p.edits[k]; ripe(e) {
			released = append(released, e.newest)
			delete(p.edits, k)
		}
	}
	return released
}

// early reports whether an edit refers to something that the object did not refer to before and that is not known yet,
// or not permitted yet.
func (p *pendingEdits) early(e *edit) bool {
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

// resolves reports whether what is referred to is complete, and permitted where it has to be, and the same of what it
// refers to itself; but not of objects of its own kind, since an HTTPProxy may include itself.
func (p *pendingEdits) resolves(r kind.Reference) bool {
	return p.found(r) && !slices.ContainsFunc(p.referencesOf(r.To), func(next kind.Reference) bool {
		return next.To.Kind != r.To.Kind && !p.found(next)
	})
}

// referencesOf is what an object refers to as it is known.
func (p *pendingEdits) referencesOf(k kobj.Key) []kind.Reference {
	return p.compile.References(k.Kind, p.store.Peek(k))
}

func (p *pendingEdits) found(r kind.Reference) bool {
	return p.store.Complete(r.To) && (r.Permission == "" || p.store.Permitted(r))
}
