package translate

import (
	"slices"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/shrinkmap"
	"contour.example/contour/internal/xds/table"
)

// shared is a table of resources that fleets share: each is derived once, without a fleet, and published to every fleet
// that uses it. Uses are not part of the derivations, so that adding or removing a fleet runs none.
type shared[K comparable] struct {
	resources *memo.Table[K, *table.Resource]
	users     shrinkmap.Map[K, []user]
	// before contains the uses that began or ended since the last call of changes; true: it existed at that call.
	before map[use[K]]bool
}

// use is the use of a resource by a fleet.
type use[K comparable] struct {
	fleet ir.Fleet
	key   K
}

// user is a fleet that uses a resource, with the number of uses.
type user struct {
	fleet ir.Fleet
	uses  int
}

// share adds a table whose values are published to the fleets that use them; nil is none. namespace is that of the object that a
// resource is about: a change that concerns many resources of one namespace does not hold up those of others.
func share[K comparable](t *Tables, name string, namespace func(K) string, derive func(*memo.Reader, K) *table.Resource) *shared[K] {
	s := &shared[K]{
		resources: newResourceTable(t, memo.Options[K, *table.Resource]{Name: name, Derive: derive, DeferBy: namespace}),
		before:    map[use[K]]bool{},
	}
	t.outputs = append(t.outputs, s)
	return s
}

// follow counts the uses of resources by the values of a table of hosts.
func follow[K comparable, V any](s *shared[K], hosts memo.Derived[ir.HostKey, V], of func(V) []K) {
	memo.Follow(hosts, func(k ir.HostKey, v V) []use[K] {
		keys := of(v)
		if len(keys) == 0 {
			return nil
		}
		uses := make([]use[K], 0, len(keys))
		for _, key := range keys {
			uses = append(uses, use[K]{k.Listener.Fleet, key})
		}
		return uses
	}, s.count)
}

// followListeners counts the uses of resources by listeners.
func followListeners[K comparable](s *shared[K], listeners *memo.Table[ir.ListenerKey, *ir.Listener], of func(*ir.Listener) []K) {
	memo.Follow(listeners, func(k ir.ListenerKey, l *ir.Listener) []use[K] {
		var uses []use[K]
		for _, key := range of(l) {
			uses = append(uses, use[K]{k.Fleet, key})
		}
		return uses
	}, s.count)
}

// count counts a use that began, or one that ended.
func (s *shared[K]) count(u use[K], more bool) {
	users := s.users.Get(u.key)
	i := slices.IndexFunc(users, func(x user) bool { return x.fleet == u.fleet })
	switch {
	case more && i >= 0:
		users[i].uses++
		return
	case more:
		users = append(users, user{u.fleet, 1})
	case i < 0: // impossible: each use ends once
		return
	case users[i].uses > 1:
		users[i].uses--
		return
	default:
		users = slices.Delete(users, i, i+1)
	}
	if _, ok := s.before[u]; !ok {
		s.before[u] = !more
	}
	s.put(u.key, users)
}

// put replaces the users of a resource.
func (s *shared[K]) put(k K, users []user) {
	had := len(s.users.Get(k)) > 0
	if len(users) == 0 {
		s.users.Delete(k)
		s.resources.Release(k)
		return
	}
	s.users.Set(k, users)
	if !had {
		s.resources.Demand(k)
	}
}

// changes calls add for each use whose resource differs from the last call, with both resources; nil is none.
func (s *shared[K]) changes(add func(f ir.Fleet, before, after *table.Resource)) {
	former := map[K]*table.Resource{}
	for _, c := range s.resources.Changes() {
		former[c.Key] = deref(c.Old)
		for _, u := range s.users.Get(c.Key) {
			before := former[c.Key]
			if had, ok := s.before[use[K]{u.fleet, c.Key}]; ok && !had {
				before = nil
			}
			add(u.fleet, before, deref(c.New))
		}
	}
	for u, had := range s.before {
		uses := slices.ContainsFunc(s.users.Get(u.key), func(x user) bool { return x.fleet == u.fleet })
		before, changed := former[u.key]
		if !changed {
			before, _ = s.resources.Peek(u.key)
		}
		switch {
		case uses && !had && !changed:
			add(u.fleet, nil, before)
		case !uses && had:
			add(u.fleet, before, nil)
		}
	}
	if len(s.before) > maxReused {
		s.before = map[use[K]]bool{}
	}
	clear(s.before)
}

// maxReused is the number of uses up to which their map is reused: clearing a map takes as long as its largest size.
const maxReused = 256

// all calls add for each resource of each of the fleets.
func (s *shared[K]) all(fleets map[ir.Fleet]bool, add func(ir.Fleet, *table.Resource)) {
	for k, users := range s.users.All() {
		r, ok := s.resources.Peek(k)
		if !ok || r == nil {
			continue
		}
		for _, u := range users {
			if fleets[u.fleet] {
				add(u.fleet, r)
			}
		}
	}
}
