package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/ir"
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
	connected, inSync := map[ir.Fleet]int{}, map[ir.Fleet]int{}
	by := a.refusalsByNode()
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
			Name: string(f), Sequence: t.Seq(), Resources: map[string]int{}, Envoys: connected[f], InSync: inSync[f], Rejected: len(t.Rejections()),
			Disagreements: len(t.Disagreements()),
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

func (a *API) listEnvoys(_ *http.Request, q query) (items []item, more bool, fault *failure) {
	if fault := q.oneOf("state", string(apiv1.InSync), string(apiv1.Waiting), string(apiv1.Refuses)); fault != nil {
		return nil, false, fault
	}
	by := a.refusalsByNode()
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
			return items, true, nil
		}
		items = append(items, item{key: key, make: func() any { return e }})
	}
	return items, false, nil
}

// envoy describes a connected Envoy.
func (a *API) envoy(s server.Session, by map[envoyName][]apiv1.Refusal) apiv1.Envoy {
	refused := by[nameOf(s)]
	replica, _ := a.Identity()
	e := apiv1.Envoy{
		Node: nameOf(s).node, Fleet: string(s.Fleet), Replica: replica, Version: s.Version, Connected: s.Since, State: apiv1.InSync, Since: s.Behind,
		Sequence: s.Seq, Pending: s.Pending, Refused: len(refused), Refusals: refused[:min(len(refused), maxRefs)],
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
	case len(refused) > 0:
		e.State = apiv1.Refuses
	case !s.Behind.IsZero() || s.Seq < e.Published:
		e.State = apiv1.Waiting
	}
	return e
}

// refusals returns what Envoys reject and that is selected, in order.
func (a *API) refusals(match func(apiv1.Refusal) bool) []apiv1.Refusal {
	out := []apiv1.Refusal{}
	add := func(x apiv1.Refusal) {
		if match(x) {
			out = append(out, x)
		}
	}
	for _, x := range a.Fleets.Rejections() {
		r := apiv1.Refusal{
			Fleet: string(x.Fleet), Resource: x.Ref.String(), Part: x.Part, Version: x.Hash, Message: semantic.MaskedText(x.ErrorDetail),
			Objects: apiv1.ObjectsOf(x.Origins, maxNamedObjects),
		}
		if t := a.Fleets.Get(x.Fleet); t != nil {
			r.Nodes = t.RejectedBy(x.Rejection)
		}
		add(r)
	}
	for _, x := range a.Fleets.Disagreements() {
		add(apiv1.Refusal{
			Fleet: string(x.Fleet), Resource: x.Ref.String(), Part: x.Part, Message: semantic.MaskedText(x.ErrorDetail), Nodes: []string{x.Node},
			Disputed: true, Objects: apiv1.ObjectsOf(x.Origins, maxNamedObjects),
		})
	}
	slices.SortFunc(out, func(x, y apiv1.Refusal) int { return strings.Compare(refusalKey(x), refusalKey(y)) })
	return out
}

func refusalKey(x apiv1.Refusal) string {
	node := ""
	if x.Disputed {
		node = x.Nodes[0]
	}
	return joined(x.Fleet, x.Resource, x.Part, x.Version, node)
}

func (a *API) refusalsByNode() map[envoyName][]apiv1.Refusal {
	out := map[envoyName][]apiv1.Refusal{}
	for _, x := range a.refusals(func(apiv1.Refusal) bool { return true }) {
		for _, n := range x.Nodes {
			name := envoyName{ir.Fleet(x.Fleet), n}
			out[name] = append(out[name], x)
		}
	}
	return out
}

func (a *API) listRejections(_ *http.Request, q query) (items []item, more bool, fault *failure) {
	node, search := q.Get("node"), strings.ToLower(q.Get("search"))
	all := a.refusals(func(x apiv1.Refusal) bool {
		return refusalKey(x) > q.from.Key && (q.Get("fleet") == "" || x.Fleet == q.Get("fleet")) &&
			(node == "" || slices.Contains(x.Nodes, table.NodeName(node))) && contains(search, x.Resource, x.Part, x.Message)
	})
	for _, x := range all[:min(len(all), q.limit)] {
		items = append(items, item{key: refusalKey(x), make: func() any { return x }})
	}
	return items, len(all) > q.limit, nil
}

// fleetOf returns the table of the fleet that a query names.
func (a *API) fleetOf(q query) (*table.Table, *failure) {
	name := ir.Fleet(cmp.Or(q.Get("fleet"), string(ir.DefaultFleet)))
	if t := a.Fleets.Get(name); t != nil {
		return t, nil
	}
	return nil, notFound("there is no fleet %q", name)
}
