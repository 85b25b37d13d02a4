// Package budget decides which root objects of a namespace are served within the budgets of the namespace.
//
// The input is the age and the cost of each root object, the output a Verdict on each. The oldest objects are served while
// their costs are within every budget together; the newest beyond them are not. An object that exceeds a budget by itself is
// not served, and does not count. Hosts of objects that are not served are closed, so that no broader host serves their
// requests; their number is bounded by the same budget, and beyond it they are left out.
//
// The result depends on the present objects only, not on the order of changes. The package is pure; the cost of a change is
// proportional to the objects whose verdict it changes, and to the logarithm of the number of objects.
package budget

import (
	"cmp"
	"time"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/kobj"
)

// Verdict is what becomes of an object.
type Verdict uint8

// The verdicts.
const (
	Served  Verdict = iota
	Closed          // requests of its hosts are answered with an error
	Omitted         // its hosts are not there
)

// Budgets holds the objects of every namespace.
type Budgets struct {
	limit      contrib.Cost // of a namespace; what is 0 has no limit
	namespaces map[string]*namespace
	changed    map[kobj.Key]bool // objects that changed since the last call of Changes
}

// namespace is the objects of one namespace.
type namespace struct {
	served *ledger
	closed *ledger // those that are not served, with the cost of their hosts, as of the last call of Changes
}

// New returns Budgets without objects.
func New(limit contrib.Cost) *Budgets {
	return &Budgets{limit: limit, namespaces: map[string]*namespace{}, changed: map[kobj.Key]bool{}}
}

// Limit returns the budgets of a namespace.
func (b *Budgets) Limit() contrib.Cost { return b.limit }

// Set adds an object, or changes its age and cost.
func (b *Budgets) Set(k kobj.Key, created time.Time, cost contrib.Cost) {
	n := b.namespaces[k.Namespace]
	if n == nil {
		hosts := contrib.Cost{VirtualHosts: b.limit.VirtualHosts, TLSHosts: b.limit.TLSHosts}
		n = &namespace{served: newLedger(b.limit), closed: newLedger(hosts)}
		b.namespaces[k.Namespace] = n
	}
	b.changed[k] = true
	n.served.set(k, created, cost)
}

// Remove removes an object.
func (b *Budgets) Remove(k kobj.Key) {
	if n := b.namespaces[k.Namespace]; n != nil {
		b.changed[k] = true
		n.served.remove(k)
	}
}

// Change is an object with another verdict than at the last call of Changes.
type Change struct {
	Object  kobj.Key
	Verdict Verdict
}

// Changes returns the objects whose verdict changed since the last call, in no particular order. A new object and one that was
// removed count as served.
func (b *Budgets) Changes() []Change {
	byNamespace := map[string][]kobj.Key{}
	for k := range b.changed {
		byNamespace[k.Namespace] = append(byNamespace[k.Namespace], k)
	}
	b.changed = map[kobj.Key]bool{}
	var out []Change
	for name, edited := range byNamespace {
		n := b.namespaces[name]
		out = n.changes(out, edited)
		if len(n.served.entries) == 0 {
			delete(b.namespaces, name)
		}
	}
	return out
}

// changes appends the objects of the namespace with another verdict than at the last call.
func (n *namespace) changes(out []Change, edited []kobj.Key) []Change {
	moved := n.served.changes()
	for _, k := range append(edited, moved...) {
		if n.served.admits(k) {
			n.closed.remove(k)
		} else {
			n.close(k)
		}
	}
	touched := map[kobj.Key]bool{}
	for _, k := range append(moved, n.closed.changes()...) {
		if !touched[k] {
			touched[k] = true
			out = append(out, Change{k, n.verdict(k)})
		}
	}
	return out
}

// Refused returns the number of objects of a namespace that are not served.
func (b *Budgets) Refused(name string) int {
	n := b.namespaces[name]
	if n == nil {
		return 0
	}
	return len(n.closed.entries)
}

// close counts the hosts of an object that is not served.
func (n *namespace) close(k kobj.Key) {
	e := n.served.entries[k]
	n.closed.set(k, e.created, contrib.Cost{
		VirtualHosts: cmp.Or(e.cost.VirtualHosts, 1), TLSHosts: e.cost.TLSHosts,
	})
}

func (n *namespace) verdict(k kobj.Key) Verdict {
	switch {
	case n.served.admits(k):
		return Served
	case n.closed.admits(k):
		return Closed
	}
	return Omitted
}
