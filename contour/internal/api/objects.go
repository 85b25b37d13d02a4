package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/xds/server"
)

// The bounds of what an item names of others.
const (
	maxNamedHosts   = 100
	maxNamedEnvoys  = 100
	maxNamedObjects = 20
)

func (a *API) scanObjects(ctx context.Context, add func(kobj.Key, *status.Desired)) bool {
	return scan(ctx, a, func(v View) scanned[kobj.Key, *status.Desired] { return v.Status.Desired }, add)
}

// objectKey is the key of an object in a position.
func objectKey(k kobj.Key) string { return joined(string(k.Kind), k.Namespace, k.Name.Name) }

func objectAt(key string) (kobj.Key, *failure) {
	p, ok := parts(key, 3)
	if !ok {
		return kobj.Key{}, badRequest("continue: not a value of a page of this list")
	}
	return kobj.Of(kobj.Kind(p[0]), p[1], p[2]), nil
}

// matchObject returns what selects the objects that a query asks for.
func matchObject(q query) (func(kobj.Key, *status.Desired) bool, *failure) {
	severities := []string{string(preview.Error), string(preview.Warning), string(preview.Note)}
	states := []apiv1.ObjectState{apiv1.Valid, apiv1.Warning, apiv1.Invalid, apiv1.Orphaned, apiv1.NotServed}
	var names []string
	for _, s := range states {
		names = append(names, string(s))
	}
	if fault := q.oneOf("severity", severities...); fault != nil {
		return nil, fault
	}
	if fault := q.oneOf("state", names...); fault != nil {
		return nil, fault
	}
	kind, namespace, search := kobj.Kind(q.Get("kind")), q.Get("namespace"), strings.ToLower(q.Get("search"))
	severity, state := preview.Severity(q.Get("severity")), apiv1.ObjectState(q.Get("state"))
	return func(k kobj.Key, d *status.Desired) bool {
		return (kind == "" || k.Kind == kind) &&
			(namespace == "" || k.Namespace == namespace) &&
			(severity == "" || worst(d) != "" && worst(d).AtLeast(severity)) &&
			(state == "" || stateOf(d) == state) &&
			(search == "" || contains(search, string(k.Kind), k.Name.String(), hostOf(d)))
	}, nil
}

// contains reports whether one of the texts contains the lower-case text, in any case.
func contains(search string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), search) })
}

func hostOf(d *status.Desired) string {
	if d == nil {
		return ""
	}
	return d.Host
}

// worst returns the worst severity of what there is to say about an object, "" for nothing.
func worst(d *status.Desired) preview.Severity {
	errors, warnings := count(d)
	switch {
	case d == nil:
		return preview.Note
	case errors > 0:
		return preview.Error
	case warnings > 0:
		return preview.Warning
	}
	return ""
}

func count(d *status.Desired) (errors, warnings int) {
	if d == nil {
		return 0, 0
	}
	for i := range d.Diagnostics {
		if d.Diagnostics[i].Severity == report.Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

func stateOf(d *status.Desired) apiv1.ObjectState {
	if d == nil {
		return apiv1.NotServed
	}
	if slices.ContainsFunc(d.Diagnostics, func(x report.Diagnostic) bool { return x.Type == report.TypeOrphaned }) {
		return apiv1.Orphaned
	}
	switch worst(d) {
	case preview.Error:
		return apiv1.Invalid
	case preview.Warning:
		return apiv1.Warning
	default:
		return apiv1.Valid
	}
}

func objectItem(k kobj.Key, d *status.Desired) apiv1.ObjectItem {
	out := apiv1.ObjectItem{Object: *apiv1.ObjectOf(k), State: stateOf(d), Host: hostOf(d)}
	out.Errors, out.Warnings = count(d)
	if d != nil {
		out.Generation = d.Generation
	}
	if d != nil && len(d.Diagnostics) > 0 {
		out.Message = semantic.MaskedText(d.Diagnostics[0].Message)
	}
	return out
}

// objectsAfter returns the selected objects of a page, from the key of the position on: after it, or with it if some of its items are skipped.
func (a *API) objectsAfter(r *http.Request, q query) (found []indexed[kobj.Key, *status.Desired], more bool, fault *failure) {
	match, fault := matchObject(q)
	if fault != nil {
		return nil, false, fault
	}
	var after *kobj.Key
	if q.from.Key != "" {
		k, fault := objectAt(q.from.Key)
		if fault != nil {
			return nil, false, fault
		}
		after = &k
	}
	found, more, ok := a.objects.page(r.Context(), after, q.limit, match)
	if !ok {
		return nil, false, stopping()
	}
	return found, more, nil
}

func (a *API) listObjects(r *http.Request, q query) (items []item, more bool, fault *failure) {
	found, more, fault := a.objectsAfter(r, q)
	for _, e := range found {
		items = append(items, item{key: objectKey(e.key), make: func() any { return objectItem(e.key, e.value) }})
	}
	return items, more, fault
}

// listDiagnostics lists what is reported about objects. A page ends within an object if it has more diagnostics than fit: the position has the
// object before it, and how many of its own are done.
func (a *API) listDiagnostics(r *http.Request, q query) (items []item, more bool, fault *failure) {
	least := preview.Severity(cmp.Or(q.Get("severity"), string(preview.Note)))
	if least == preview.Warning || q.Get("severity") == "" { // an object that is not served may name a Gateway that does not exist
		q.Set("severity", string(preview.Note))
	}
	found, more, fault := a.objectsAfter(r, q)
	if fault != nil {
		return nil, false, fault
	}
	objects, classes, ok := a.peek(r.Context(), found)
	if !ok {
		return nil, false, stopping()
	}
	known := a.known(r.Context())
	before, skip := q.from.Key, q.from.Skip
	for _, e := range found {
		of := preview.Of(preview.Live{
			Classes: classes, Objects: map[kobj.Key]metav1.Object{e.key: objects[e.key]}, Desired: map[kobj.Key]*status.Desired{e.key: e.value}, Exists: known,
		}).Findings
		of = slices.DeleteFunc(of, func(f preview.Finding) bool { return !f.Severity.AtLeast(least) })
		for i, f := range of[min(skip, len(of)):] {
			if len(items) == q.limit {
				return items, true, nil
			}
			it := item{key: before, skip: min(skip, len(of)) + i + 1, make: func() any { return apiv1.FindingsOf([]preview.Finding{f})[0] }}
			if it.skip == len(of) {
				it.key, it.skip = objectKey(e.key), 0
			}
			items = append(items, it)
		}
		before, skip = objectKey(e.key), 0
	}
	return items, more, nil
}

// peek returns the objects of a page and the ingress classes that are served. The pipeline waits for it once.
func (a *API) peek(ctx context.Context, of []indexed[kobj.Key, *status.Desired]) (objects map[kobj.Key]metav1.Object, classes []string, ok bool) {
	objects = make(map[kobj.Key]metav1.Object, len(of))
	ok = a.Inspect(ctx, func(v View) {
		classes = v.Store.Settings.Objects.Peek().IngressClassNames
		for _, e := range of {
			if o := v.Store.Peek(e.key); o != nil {
				objects[e.key] = o
			}
		}
	})
	return objects, classes, ok
}

// known returns whether objects with a status exist.
func (a *API) known(ctx context.Context) func(kobj.Key) bool {
	return func(k kobj.Key) bool {
		a.objects.mu.Lock()
		defer a.objects.mu.Unlock()
		if !a.objects.update(ctx) {
			return true // unknown
		}
		_, found := a.objects.find(k)
		return found
	}
}

// object reports on one object.
func (a *API) object(r *http.Request) (any, *failure) {
	k := kobj.Of(kobj.Kind(r.PathValue("kind")), r.PathValue("namespace"), r.PathValue("name"))
	if k.Namespace == "-" { // it has none
		k.Namespace = ""
	}
	var d *status.Desired
	var found bool
	one := []indexed[kobj.Key, *status.Desired]{{key: k}}
	if !a.Inspect(r.Context(), func(v View) { d, found = v.Status.Desired.Peek(k) }) {
		return nil, stopping()
	}
	objects, classes, ok := a.peek(r.Context(), one)
	switch {
	case !ok:
		return nil, stopping()
	case !found || objects[k] == nil:
		return nil, notFound("there is no %s with a status among the objects of the controller", k)
	}
	out := apiv1.ObjectReport{Type: apiv1.TypeOf("ObjectReport"), ObjectItem: objectItem(k, d)}
	out.Diagnostics = apiv1.FindingsOf(preview.Of(preview.Live{
		Classes: classes, Objects: objects, Desired: map[kobj.Key]*status.Desired{k: d}, Exists: a.known(r.Context()),
	}).Findings)
	if d != nil {
		out.Conditions = conditions(d.Status)
	}
	if last := a.History.List(history.Filter{Object: &k}, 1); len(last) > 0 {
		c := change(&last[0])
		out.LastChange = &c
	}
	refusals := a.refusals(func(x apiv1.Refusal) bool { return slices.Contains(x.Objects, *apiv1.ObjectOf(k)) })
	out.Refusals = refusals[:min(len(refusals), maxNamedObjects)]
	return &out, a.serving(r.Context(), k, &out)
}

// serving adds the hosts of an object, and whether the Envoys that serve them have its last change.
func (a *API) serving(ctx context.Context, k kobj.Key, out *apiv1.ObjectReport) *failure {
	hosts, ok := a.hosts.all(ctx)
	if !ok {
		return stopping()
	}
	fleets := map[ir.Fleet]bool{}
	for _, h := range hosts {
		if !serves(h.value, k) {
			continue
		}
		fleets[h.key.Listener.Fleet] = true
		if out.HostCount++; len(out.Hosts) < maxNamedHosts {
			out.Hosts = append(out.Hosts, hostName(h.key))
		}
	}
	by := a.refusalsByNode()
	for _, s := range a.Sessions() {
		if !fleets[s.Fleet] {
			continue
		}
		if out.EnvoyCount++; len(out.Envoys) < maxNamedEnvoys {
			out.Envoys = append(out.Envoys, a.objectSync(k, s, by))
		}
	}
	return nil
}

func (a *API) objectSync(k kobj.Key, s server.Session, by map[envoyName][]apiv1.Refusal) apiv1.ObjectSync {
	refuses := slices.ContainsFunc(by[nameOf(s)], func(x apiv1.Refusal) bool { return slices.Contains(x.Objects, *apiv1.ObjectOf(k)) })
	out := apiv1.ObjectSync{Node: nameOf(s).node, Has: !refuses && a.History.Has(s.ID, s.Fleet, k)}
	switch {
	case refuses:
		out.State = apiv1.Refuses
	case out.Has:
		out.State = apiv1.InSync
	default:
		out.State = apiv1.Waiting
	}
	return out
}

// serves reports whether a host, or a route of it, is of the object.
func serves(v *ir.VirtualHost, k kobj.Key) bool {
	return v != nil && (slices.Contains(v.Origins, k) || slices.ContainsFunc(v.Routes, func(r ir.Route) bool { return r.Origin == k }))
}

// conditions returns the conditions in a status, whatever its type.
func conditions(of any) []apiv1.Condition {
	text, err := json.Marshal(of)
	if err != nil {
		return nil
	}
	var fields any
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return collect(fields, "")
}

// collect returns the conditions in a value of JSON; at is its place.
func collect(value any, at string) (out []apiv1.Condition) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list, ok := v[name].([]any)
			if name != "conditions" || !ok {
				out = append(out, collect(v[name], strings.TrimPrefix(at+"."+name, "."))...)
				continue
			}
			for _, c := range list {
				out = append(out, condition(c, at))
			}
		}
	case []any:
		for i, x := range v {
			out = append(out, collect(x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	}
	return out
}

func condition(of any, at string) apiv1.Condition {
	fields, _ := of.(map[string]any)
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	return apiv1.Condition{Of: at, Type: text("type"), Status: text("status"), Reason: text("reason"), Message: semantic.MaskedText(text("message"))}
}
