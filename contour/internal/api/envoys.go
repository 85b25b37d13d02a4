package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// maxRefs bounds what an Envoy is shown to wait for, and what it rejects.
const maxRefs = 20

func (a *API) info(r *http.Request) (any, *failure) {
	replica, role := a.Identity()
	out := apiv1.Info{
		Type: apiv1.TypeOf("Info"), Version: a.Version, Build: a.Build, Replica: replica, Role: role, Started: a.Started,
		Published: a.Published(), Revision: a.History.Revision(), Objects: map[string]int{}, Fleets: []apiv1.Fleet{},
	}
	if last := a.History.List(history.Filter{}, 1); len(last) > 0 {
		out.LastChange = last[0].Seen
	}
	if !a.countObjects(r.Context(), &out) {
		return nil, stopping()
	}
	out.Fleets = append(out.Fleets, a.fleets()...)
	return &out, nil
}

func (a *API) countObjects(ctx context.Context, out *apiv1.Info) bool {
	return a.Inspect(ctx, func(v View) {
		out.IngressClass = v.Store.Settings.Objects.Peek().IngressClassNames
		for k, n := range v.Store.Len() {
			if n > 0 {
				out.Objects[string(k)] = n
			}
		}
	})
}

// fleets counts the Envoys and rejections of each fleet.
func (a *API) fleets() []apiv1.Fleet {
	connected, inSync, rejected, disagreements := map[ir.Fleet]int{}, map[ir.Fleet]int{}, map[string]int{}, map[string]int{}
	all := a.rejections()
	a.addNodes(all)
	for _, x := range all {
		if x.Disagreement {
			disagreements[x.Fleet]++
		} else {
			rejected[x.Fleet]++
		}
	}
	by := byNode(all)
	for _, s := range a.Sessions() {
		if connected[s.Fleet]++; a.envoy(s, by).State == apiv1.InSync {
			inSync[s.Fleet]++
		}
	}
	var out []apiv1.Fleet
	for _, f := range a.Fleets.Names() {
		t := a.Fleets.Get(f)
		if t == nil {
			continue
		}
		x := apiv1.Fleet{
			Name: string(f), Sequence: t.Seq(), Resources: map[string]int{}, Envoys: connected[f], InSync: inSync[f], Rejected: rejected[string(f)],
			Disagreements: disagreements[string(f)],
		}
		for v := range t.Scan() { // in steps, unlike Stats
			x.Resources[v.Ref.Type.String()]++
		}
		out = append(out, x)
	}
	return out
}

// envoyName is what an Envoy is known by to readers.
type envoyName struct {
	fleet ir.Fleet
	node  string
}

func nameOf(s server.Session) envoyName { return envoyName{s.Fleet, table.NodeName(s.Node)} }

// envoyKey orders Envoys by name and then by connection.
func envoyKey(s server.Session) string {
	return joined(string(s.Fleet), s.Node, fmt.Sprintf("%020d", s.ID))
}

func (a *API) listEnvoys(_ *http.Request, q query) (items []item, next *position, fault *failure) {
	if fault := q.oneOf("state", string(apiv1.InSync), string(apiv1.Waiting), string(apiv1.Rejects)); fault != nil {
		return nil, nil, fault
	}
	rejected := a.rejections()
	a.addNodes(rejected)
	by := byNode(rejected)
	sessions := a.Sessions()
	slices.SortFunc(sessions, func(x, y server.Session) int { return strings.Compare(envoyKey(x), envoyKey(y)) })
	for _, s := range sessions {
		key := envoyKey(s)
		if key <= q.from.Key || q.Get("fleet") != "" && q.Get("fleet") != string(s.Fleet) || !contains(strings.ToLower(q.Get("search")), s.Node) {
			continue
		}
		e := a.envoy(s, by)
		if state := q.Get("state"); state != "" && state != string(e.State) {
			continue
		}
		if len(items) == q.limit {
			return items, after(items), nil
		}
		items = append(items, item{key: key, make: func() any { return e }})
	}
	return items, nil, nil
}

// envoy describes a connected Envoy.
func (a *API) envoy(s server.Session, by map[envoyName][]rejection) apiv1.Envoy {
	rejected := by[nameOf(s)]
	replica, _ := a.Identity()
	e := apiv1.Envoy{
		Node: nameOf(s).node, Fleet: string(s.Fleet), Replica: replica, Version: s.Version, Connected: s.Since, State: apiv1.InSync, Since: s.Behind,
		Sequence: s.Seq, Pending: s.Pending, RejectionCount: len(rejected),
	}
	for _, x := range rejected[:min(len(rejected), maxRefs)] {
		e.Rejections = append(e.Rejections, x.Rejection)
	}
	if t := a.Fleets.Get(s.Fleet); t != nil {
		e.Published = t.Seq()
	}
	for _, ref := range s.InFlight[:min(len(s.InFlight), maxRefs)] {
		e.InFlight = append(e.InFlight, ref.String())
	}
	for _, b := range s.Blocked[:min(len(s.Blocked), maxRefs)] {
		e.Blocked = append(e.Blocked, apiv1.Blocked{Resource: b.Ref.String(), Needs: b.Needs.String()})
	}
	switch {
	case len(rejected) > 0:
		e.State = apiv1.Rejects
	case !s.Behind.IsZero() || s.Seq < e.Published:
		e.State = apiv1.Waiting
	}
	return e
}

// rejection is what Envoys reject, with all objects that it is about.
type rejection struct {
	apiv1.Rejection
	origins []kobj.Key
	of      table.Rejection // unless it is a disagreement
}

// rejections returns what Envoys reject, in order. It does not have the nodes of those that are no disagreements: see addNodes.
func (a *API) rejections() []rejection {
	out := []rejection{}
	for _, x := range a.Fleets.Rejections() {
		out = append(out, rejection{apiv1.Rejection{
			Fleet: string(x.Fleet), Resource: x.Ref.String(), Part: x.Part, Version: x.Hash, Message: semantic.MaskedText(x.ErrorDetail),
			Objects: apiv1.ObjectsOf(x.Origins, maxNamedObjects),
		}, x.Origins, x.Rejection})
	}
	for _, x := range a.Fleets.Disagreements() {
		out = append(out, rejection{Rejection: apiv1.Rejection{
			Fleet: string(x.Fleet), Resource: x.Ref.String(), Part: x.Part, Message: semantic.MaskedText(x.ErrorDetail), Nodes: []string{x.Node},
			Disagreement: true, Objects: apiv1.ObjectsOf(x.Origins, maxNamedObjects),
		}, origins: x.Origins})
	}
	slices.SortFunc(out, func(x, y rejection) int { return strings.Compare(x.key(), y.key()) })
	return out
}

func (x *rejection) key() string {
	node := ""
	if x.Disagreement {
		node = x.Nodes[0]
	}
	return joined(x.Fleet, x.Resource, x.Part, x.Version, node)
}

// addNodes adds the Envoys that reject something. The table of a fleet is locked once for each of its resources.
func (a *API) addNodes(of []rejection) {
	type resource struct {
		fleet string
		ref   table.Ref
	}
	groups := map[resource][]*rejection{}
	for i := range of {
		if x := &of[i]; !x.Disagreement {
			r := resource{x.Fleet, x.of.Ref}
			groups[r] = append(groups[r], x)
		}
	}
	for r, group := range groups {
		t := a.Fleets.Get(ir.Fleet(r.fleet))
		if t == nil {
			continue
		}
		var all []table.Rejection
		for _, x := range group {
			all = append(all, x.of)
		}
		for i, nodes := range t.RejectedBy(r.ref, all) {
			group[i].Nodes = nodes
		}
		runtime.Gosched()
	}
}

// byNode returns what each Envoy rejects.
func byNode(of []rejection) map[envoyName][]rejection {
	out := map[envoyName][]rejection{}
	for _, x := range of {
		for _, n := range x.Nodes {
			name := envoyName{ir.Fleet(x.Fleet), n}
			out[name] = append(out[name], x)
		}
	}
	return out
}

func (a *API) listRejections(_ *http.Request, q query) (items []item, next *position, fault *failure) {
	node, search := q.Get("node"), strings.ToLower(q.Get("search"))
	all := slices.DeleteFunc(a.rejections(), func(x rejection) bool {
		return x.key() <= q.from.Key || q.Get("fleet") != "" && x.Fleet != q.Get("fleet") || !contains(search, x.Resource, x.Part, x.Message)
	})
	if node == "" {
		all = all[:min(len(all), q.limit+1)]
	}
	a.addNodes(all)
	for _, x := range all {
		if node != "" && !slices.Contains(x.Nodes, table.NodeName(node)) {
			continue
		}
		if len(items) == q.limit {
			return items, after(items), nil
		}
		items = append(items, item{key: x.key(), make: func() any { return x.Rejection }})
	}
	return items, nil, nil
}

// fleetOf returns the table of the fleet that a query names.
func (a *API) fleetOf(q query) (*table.Table, *failure) {
	name := ir.Fleet(cmp.Or(q.Get("fleet"), string(ir.DefaultFleet)))
	if t := a.Fleets.Get(name); t != nil {
		return t, nil
	}
	return nil, notFound("there is no fleet %q", name)
}
