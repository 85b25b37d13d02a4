package api

import (
	"net/http"
	"slices"
	"strings"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/xds/table"
)

// listResources lists the resources that a fleet is to have, or that one Envoy is to have or has. Contents are not shown.
func (a *API) listResources(r *http.Request, q query) (items []item, next *position, fault *failure) {
	of, typ, fault := a.tableOf(q)
	if fault != nil {
		return nil, nil, fault
	}
	search := strings.ToLower(q.Get("search"))
	chosen := selection{after: q.from.Key, limit: q.limit}
	want := func(ref table.Ref) bool {
		return (typ == 0 || ref.Type == typ) && (search == "" || strings.Contains(strings.ToLower(ref.Name), search))
	}
	for v := range of.Scan() {
		if want(v.Ref) {
			chosen.add(v.Ref).wanted = v
		}
	}
	if node := q.Get("node"); node != "" {
		acked, connected := a.Acked(node)
		if !connected {
			return nil, nil, notFound("no Envoy %q is connected to this replica", node)
		}
		for ref, hash := range acked {
			if r.Context().Err() != nil {
				return nil, nil, stopping()
			}
			if want(ref) {
				chosen.add(ref).has = hash
			}
		}
	}
	for _, c := range chosen.entries {
		items = append(items, item{key: refKey(c.ref), make: func() any { return c.resource() }})
	}
	if chosen.more {
		next = after(items)
	}
	return items, next, nil
}

func (a *API) tableOf(q query) (of *table.Table, typ table.Type, fault *failure) {
	var types []string
	for _, t := range table.Types() {
		types = append(types, t.String())
		if strings.EqualFold(q.Get("type"), t.String()) {
			typ = t
		}
	}
	if typ == 0 && q.Get("type") != "" {
		return nil, 0, q.oneOf("type", types...)
	}
	if node := q.Get("node"); node != "" && q.Get("fleet") == "" {
		for _, s := range a.Sessions() { // of the fleet of the Envoy
			if s.Node == node {
				q.Set("fleet", string(s.Fleet))
			}
		}
	}
	of, fault = a.fleetOf(q)
	return of, typ, fault
}

// refKey orders resources by type and name.
func refKey(ref table.Ref) string { return joined(ref.Type.String(), ref.Name) }

// selection is the first entries of a page, in order.
type selection struct {
	after   string
	limit   int
	entries []*selected
	more    bool // there are others after them
}

type selected struct {
	ref    table.Ref
	key    string
	wanted *table.Version
	has    string
}

// add returns the entry of a resource, which is not part of the selection if it is not among the first.
func (s *selection) add(ref table.Ref) *selected {
	e := &selected{ref: ref, key: refKey(ref)}
	if e.key <= s.after {
		return e
	}
	i, found := slices.BinarySearchFunc(s.entries, e.key, func(x *selected, key string) int { return strings.Compare(x.key, key) })
	switch {
	case found:
		return s.entries[i]
	case i == s.limit:
		s.more = true
		return e
	case len(s.entries) == s.limit:
		s.entries, s.more = s.entries[:s.limit-1], true
	}
	s.entries = slices.Insert(s.entries, i, e)
	return e
}

func (s *selected) resource() apiv1.Resource {
	out := apiv1.Resource{Type: s.ref.Type.String(), Name: s.ref.Name, Has: s.has}
	if v := s.wanted; v != nil {
		out.Version, out.Bytes, out.Needs = v.Hash, v.Size(), len(v.Needs)
		out.Objects = apiv1.ObjectsOf(v.Origins(maxNamedObjects), maxNamedObjects)
	}
	return out
}
