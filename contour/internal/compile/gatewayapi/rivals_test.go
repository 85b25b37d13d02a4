package gatewayapi

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"contour.example/contour/internal/kobj"
)

// After any edits, the routes that are attached are those of the definition: from the oldest to the youngest, each is attached unless
// one of the other kind with a hostname in common is.
func TestRivals(t *testing.T) {
	long := strings.Repeat("l.", 12) + "com"
	names := []string{
		"", "*.com", "a.com", "*.a.com", "b.a.com", "*.b.a.com", "c.b.a.com", "b.com", "org", "*.org", "a.org", "*." + long, "x." + long, "*.x." + long, "y.x." + long,
	}
	random := rand.New(rand.NewPCG(1, 1))
	web, other := kobj.Name{Namespace: "n", Name: "web"}, kobj.Name{Namespace: "n", Name: "other"}
	v, all := newRivals(), map[kobj.Key]route{}
	for range 3000 {
		k := kobj.Of([]kobj.Kind{kobj.HTTPRoute, kobj.GRPCRoute}[random.IntN(2)], "n", fmt.Sprint("r", random.IntN(8)))
		var of route
		if random.IntN(4) > 0 {
			of.age = age{time.Unix(int64(random.IntN(6)), 0), k}
			for _, g := range []kobj.Name{web, other} {
				p := routeParent{of: kobj.Key{Kind: kobj.Gateway, Name: g}, gateway: g}
				for i := range random.IntN(3) {
					l := routeListener{name: fmt.Sprint("l", i)}
					for range 1 + random.IntN(3) {
						l.hostnames = append(l.hostnames, names[random.IntN(len(names))])
					}
					p.listeners = append(p.listeners, l)
				}
				of.parents = append(of.parents, p)
			}
		}
		all[k] = of
		v.set(k, of)
		if random.IntN(3) > 0 {
			continue
		}
		v.resolve()
		for k, want := range lostOf(all) {
			if got := v.lost(k); !slices.Equal(got, want) {
				t.Fatalf("%v has lost %v, want %v; all: %v", k, got, want, all)
			}
		}
	}
	for k := range all {
		v.set(k, route{})
	}
	if v.resolve(); len(v.attached)+len(v.contenders)+len(v.of)+v.dirty.Len() > 0 {
		t.Errorf("without routes, there are left: %v %v %v", v.attached, v.contenders, v.of)
	}
}

// lostOf is the definition.
func lostOf(all map[kobj.Key]route) map[kobj.Key][]listenerName {
	type place struct {
		listenerName
		age       age
		hostnames []string
	}
	var places []place
	lost := map[kobj.Key][]listenerName{}
	for k, of := range all {
		lost[k] = nil
		for _, p := range of.parents {
			for _, l := range p.listeners {
				places = append(places, place{listenerName{p.of, l.name}, of.age, l.hostnames})
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return compareAge(&contender{age: a.age}, &contender{age: b.age})
	})
	var attached []place
	for _, p := range places {
		if slices.ContainsFunc(attached, func(o place) bool {
			return o.listenerName == p.listenerName && o.age.key.Kind != p.age.key.Kind && slices.ContainsFunc(o.hostnames, func(a string) bool {
				return slices.ContainsFunc(p.hostnames, func(b string) bool { return covers(a, b) || covers(b, a) })
			})
		}) {
			lost[p.age.key] = append(lost[p.age.key], p.listenerName)
		} else {
			attached = append(attached, p)
		}
	}
	for k := range lost {
		slices.SortFunc(lost[k], listenerName.compare)
	}
	return lost
}
