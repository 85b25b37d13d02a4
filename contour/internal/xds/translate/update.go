package translate

import (
	"bytes"
	"maps"
	"slices"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// ListenerUpdate is a change of the filter chains of a listener: Envoy processes all of them again.
type ListenerUpdate struct {
	Chains     int      // of the listener, and what its other server names cost
	Namespaces []string // of the objects whose filter chains changed, sorted
	// Lenders are the other namespaces whose Secrets these filter chains use, sorted.
	Lenders []string
}

// namesPerChain is how many server names of shared filter chains are as large as a filter chain: a hundred bytes each instead of a
// thousand. Of time they cost less.
const namesPerChain = 10

// ListenerUpdates returns the updates since the last call, those of listeners with hosts first, sorted by listener. A filter chain that a host with its certificate on demand gets or
// loses, because a wildcard host covers it or no longer does, is not a change of its own namespace. The filter chain with the
// fallback certificate is a change of the hosts that are the first with a fallback, or were the last.
func (t *Tables) ListenerUpdates() []ListenerUpdate {
	changed := map[ir.ListenerKey]*changedChains{}
	fallbacks := map[ir.ListenerKey]*fallbackChange{}
	for _, ch := range t.chains.Changes() {
		before, after := deref(ch.Old), deref(ch.New)
		if had, has := before.fallback != (kobj.Name{}), after.fallback != (kobj.Name{}); had != has {
			fallbacks[ch.Key.Listener] = fallbacks[ch.Key.Listener].with(ch, has)
		}
		if !sameChain(before, after) && (before.certificate == nil || after.certificate == nil) {
			addNamespaces(changed, ch)
		}
	}
	for l, f := range fallbacks {
		if now := t.fallbacks.Count(l); (now == 0) != (now-f.more == 0) {
			for _, ch := range f.hosts {
				addNamespaces(changed, ch)
			}
		}
	}
	var out []ListenerUpdate
	for _, l := range slices.SortedFunc(maps.Keys(changed), ir.ListenerKey.Compare) {
		out = append(out, ListenerUpdate{
			Chains:     t.ownChains.Count(l) + t.sharedChains.Count(l) + t.sharingNames[l]/namesPerChain,
			Namespaces: slices.Sorted(maps.Keys(changed[l].owners)), Lenders: slices.Sorted(maps.Keys(changed[l].lenders)),
		})
	}
	return append(out, t.objectListeners()...)
}

// objectListeners returns the updates of the listeners of objects, whose filter chains are not those of hosts, sorted by listener. One
// without filter chains counts as one with one.
func (t *Tables) objectListeners() []ListenerUpdate {
	changed := map[ir.ListenerKey]*changedListener{}
	of := func(k ir.ListenerKey, origins ...[]kobj.Key) *changedListener {
		if changed[k] == nil {
			changed[k] = &changedListener{owners: map[string]bool{}}
		}
		for _, object := range slices.Concat(origins...) {
			changed[k].owners[object.Namespace] = true
		}
		return changed[k]
	}
	for _, ch := range t.from.Listeners.Changes() {
		if before, after := deref(ch.Old), deref(ch.New); !sameAddresses(before, after) {
			of(ch.Key, originsOf(before), originsOf(after))
		}
	}
	for _, ch := range t.from.Chains.Changes() {
		before, after := deref(ch.Old), deref(ch.New)
		if before == nil || after == nil || !slices.Equal(before.Certificates, after.Certificates) {
			c := of(ch.Key.Listener, chainOrigins(before), chainOrigins(after))
			if after == nil {
				c.removed++
			}
		}
	}
	var out []ListenerUpdate
	for _, k := range slices.SortedFunc(maps.Keys(changed), ir.ListenerKey.Compare) {
		if c := changed[k]; len(c.owners) > 0 {
			out = append(out, ListenerUpdate{Chains: max(1, t.chainsBy.Count(k)+c.removed), Namespaces: slices.Sorted(maps.Keys(c.owners))})
		}
	}
	return out
}

// changedListener is the namespaces of the objects that changed a listener, and how many chains it has no more.
type changedListener struct {
	owners  map[string]bool
	removed int
}

func originsOf(l *ir.Listener) []kobj.Key {
	if l == nil {
		return nil
	}
	return l.Origins
}

func chainOrigins(c *ir.Chain) []kobj.Key {
	if c == nil {
		return nil
	}
	return c.Origins
}

// sameAddresses reports whether two versions of a listener have the same addresses.
func sameAddresses(a, b *ir.Listener) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Addresses, b.Addresses)
}

// sameChain reports whether Envoy gets the same filter chain. Its objects may differ: who joins the host of another namespace
// changes nothing, and must not spend its share.
func sameChain(a, b chain) bool {
	return equalPointee(a.shared, b.shared) &&
		a.part.Name == b.part.Name && a.part.Invalid == b.part.Invalid && bytes.Equal(a.part.Body, b.part.Body)
}

// fallbackChange is the hosts of a listener that got a fallback certificate, or lost it.
type fallbackChange struct {
	hosts []memo.Change[ir.HostKey, chain]
	more  int // than before; negative: fewer
}

// with returns the change with one more host.
func (f *fallbackChange) with(host memo.Change[ir.HostKey, chain], has bool) *fallbackChange {
	if f == nil {
		f = &fallbackChange{}
	}
	f.hosts = append(f.hosts, host)
	if has {
		f.more++
	} else {
		f.more--
	}
	return f
}

// changedChains is the namespaces of the filter chains of a listener that changed.
type changedChains struct{ owners, lenders map[string]bool }

// addNamespaces adds the namespaces of the objects of a host and of its Secrets, as it was and as it is.
func addNamespaces(changed map[ir.ListenerKey]*changedChains, host memo.Change[ir.HostKey, chain]) {
	of := changed[host.Key.Listener]
	if of == nil {
		of = &changedChains{map[string]bool{}, map[string]bool{}}
		changed[host.Key.Listener] = of
	}
	for _, c := range []chain{deref(host.Old), deref(host.New)} {
		for _, k := range c.origins {
			of.owners[k.Namespace] = true
		}
		for _, namespace := range c.lenders {
			of.lenders[namespace] = true
		}
	}
}

// lenders returns the namespaces whose Secrets the filter chain of a host uses without an object of the host in them.
func lenders(v *ir.VirtualHost) []string {
	if v.TLS == nil {
		return nil
	}
	var out []string
	for _, n := range []kobj.Name{v.TLS.Certificate, v.TLS.Clients.CA, v.TLS.Clients.CRL} {
		if n.Namespace != "" && !slices.ContainsFunc(v.Origins, func(k kobj.Key) bool { return k.Namespace == n.Namespace }) {
			out = append(out, n.Namespace)
		}
	}
	return out
}
