// Package budget decides which root objects of a namespace are served within the budgets of the namespace.
//
// The input is the age and the cost of each root object, the output a Verdict on each. The oldest objects are served while
// their costs are within every budget together; the newest beyond them are not. An object that exceeds a budget by itself is
// not served, and does not count. Hosts of objects that are not served are closed, so that no broader host serves their
// requests; their number is bounded by the same budget, and beyond it they are left out.
//
// The result depends on the present objects only, not on the order of changes. The package is pure. While a namespace is within
// its budgets, a change costs a sum and no memory; beyond them its cost is proportional to the objects whose verdict it changes,
// and to the logarithm of the number of objects.
package budget

import (
	"cmp"
	"slices"
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

// Object is the age and the cost of a root object.
type Object struct {
	Created time.Time
	Cost    contrib.Cost
}

// Present calls add for every present object of a namespace, and returns how many objects of all namespaces it looked at.
type Present func(namespace string, add func(kobj.Key, Object)) (visited int)

// Budgets holds the sums of every namespace, and the objects of those namespaces that exceed a budget.
type Budgets struct {
	limit      contrib.Cost // of a namespace; what is 0 has no limit
	present    Present
	namespaces map[string]*namespace
	changed    map[string][]kobj.Key // objects that changed since the last call of Changes, by namespace
	edits      int                   // calls of Set
	emptied    []string              // namespaces that had no objects before their ledgers might be dropped
}

// namespace is what the objects of a namespace cost. While they are within the budgets together, only the sum is held; once
// they are not, the ledgers are made of the present objects. They are dropped when the sum is far below the budgets, but not
// before as many changes, in any namespace, as pay for making them.
type namespace struct {
	sum     contrib.Cost
	objects int
	huge    int // objects that exceed a budget by themselves
	until   int // the number of edits from which on the ledgers may be dropped
	served  *ledger
	closed  *ledger // those that are not served, with the cost of their hosts, as of the last call of Changes
}

// visitsPerChange is how many objects a change pays for when ledgers are made.
const visitsPerChange = 16

// New returns Budgets without objects. present must contain the changes that were passed to Set when Changes is called.
func New(limit contrib.Cost, present Present) *Budgets {
	return &Budgets{limit: limit, present: present, namespaces: map[string]*namespace{}, changed: map[string][]kobj.Key{}}
}

// Limit returns the budgets of a namespace.
func (b *Budgets) Limit() contrib.Cost { return b.limit }

// Set replaces an object, as the last call of Set for its key left it, by another; nil is none.
func (b *Budgets) Set(k kobj.Key, former, later *Object) {
	if former == nil && later == nil {
		return
	}
	n := b.namespaces[k.Namespace]
	if n == nil {
		n = &namespace{}
		b.namespaces[k.Namespace] = n
	}
	b.changed[k.Namespace] = append(b.changed[k.Namespace], k)
	if former != nil {
		n.count(former.Cost.Times(-1), b.limit, -1)
	}
	if later != nil {
		n.count(later.Cost, b.limit, 1)
	}
	switch b.edits++; {
	case n.served == nil:
	case later == nil:
		n.served.remove(k)
	default:
		n.served.set(k, later.Created, later.Cost)
	}
}

// count adds the cost of an object, or subtracts it.
func (n *namespace) count(cost, limit contrib.Cost, by int) {
	n.sum, n.objects = n.sum.Plus(cost), n.objects+by
	if !cost.Times(by).Within(limit) {
		n.huge += by
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
	var out []Change
	for name, edited := range b.changed {
		n := b.namespaces[name]
		if n.served == nil && !n.within(b.limit) {
			b.open(n, name)
		}
		if n.served != nil {
			out = n.changes(out, edited)
		}
		switch {
		case n.served != nil && b.edits < n.until:
			if n.objects == 0 {
				b.emptied = append(b.emptied, name)
			}
		case n.objects == 0:
			delete(b.namespaces, name)
		case n.served != nil && n.farBelow(b.limit):
			n.served, n.closed = nil, nil
		}
	}
	clear(b.changed)
	b.dropEmpty()
	return out
}

// dropEmpty drops the namespaces whose ledgers outlived their objects long enough.
func (b *Budgets) dropEmpty() {
	b.emptied = slices.DeleteFunc(b.emptied, func(name string) bool {
		n := b.namespaces[name]
		if n != nil && n.objects == 0 && b.edits < n.until {
			return false
		}
		if n != nil && n.objects == 0 {
			delete(b.namespaces, name)
		}
		return true
	})
}

// open makes the ledgers of a namespace.
func (b *Budgets) open(n *namespace, name string) {
	hosts := contrib.Cost{VirtualHosts: b.limit.VirtualHosts, TLSHosts: b.limit.TLSHosts}
	n.served, n.closed = newLedger(b.limit), newLedger(hosts)
	visited := b.present(name, func(k kobj.Key, o Object) { n.served.set(k, o.Created, o.Cost) })
	n.until = b.edits + visited/visitsPerChange
}

// within reports whether all objects can be served.
func (n *namespace) within(limit contrib.Cost) bool { return n.huge == 0 && n.sum.Within(limit) }

// farBelow reports whether the objects need at most half of the budgets.
func (n *namespace) farBelow(limit contrib.Cost) bool {
	return n.huge == 0 && n.sum.Times(2).Within(limit)
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
	if n == nil || n.closed == nil {
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
