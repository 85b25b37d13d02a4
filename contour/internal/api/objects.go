package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"runtime"
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

// matchObject returns what selects the objects that a query asks for, without its severity.
func matchObject(q query) (func(kobj.Key, *status.Desired) bool, *failure) {
	states := []apiv1.ObjectState{apiv1.Valid, apiv1.Warning, apiv1.Invalid, apiv1.Orphaned, apiv1.NotServed}
	var names []string
	for _, s := range states {
		names = append(names, string(s))
	}
	if fault := q.oneOf("severity", string(preview.Error), string(preview.Warning), string(preview.Note)); fault != nil {
		return nil, fault
	}
	if fault := q.oneOf("state", names...); fault != nil {
		return nil, fault
	}
	kind, namespace, search := kobj.Kind(q.Get("kind")), q.Get("namespace"), strings.ToLower(q.Get("search"))
	state := apiv1.ObjectState(q.Get("state"))
	return func(k kobj.Key, d *status.Desired) bool {
		return (kind == "" || k.Kind == kind) &&
			(namespace == "" || k.Namespace == namespace) &&
			(state == "" || stateOf(d) == state) &&
			(search == "" || contains(search, string(k.Kind), k.Name.String(), hostOf(d)))
	}, nil
}

// isAtLeast reports whether something as bad as a severity is to be said about an object.
func isAtLeast(d *status.Desired, severity preview.Severity) bool {
	w := worst(d)
	return w != "" && w.AtLeast(severity)
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

// objectsAfter returns up to limit objects that match after the key of a position, and where the next ones begin.
func (a *API) objectsAfter(
	ctx context.Context, key string, limit int, match func(kobj.Key, *status.Desired) bool,
) (found []indexed[kobj.Key, *status.Desired], next *position, fault *failure) {
	var after *kobj.Key
	if key != "" {
		k, fault := objectAt(key)
		if fault != nil {
			return nil, nil, fault
		}
		after = &k
	}
	found, last, ok := a.objects.page(ctx, after, limit, match)
	if !ok {
		return nil, nil, stopping()
	}
	if last != nil {
		next = &position{Key: objectKey(*last)}
	}
	return found, next, nil
}

func (a *API) listObjects(r *http.Request, q query) (items []item, next *position, fault *failure) {
	match, fault := matchObject(q)
	if fault != nil {
		return nil, nil, fault
	}
	severity := preview.Severity(q.Get("severity"))
	found, next, fault := a.objectsAfter(r.Context(), q.from.Key, q.limit, func(k kobj.Key, d *status.Desired) bool {
		return (severity == "" || isAtLeast(d, severity)) && match(k, d)
	})
	for _, e := range found {
		items = append(items, item{key: objectKey(e.key), make: func() any { return objectItem(e.key, e.value) }})
	}
	return items, next, fault
}

// The bounds of what is evaluated for a page of diagnostics.
const (
	maxEvaluated  = 2000 // objects
	evaluatedStep = 100  // of them between two calls of the pipeline
)

// listDiagnostics lists what is reported about objects. A page ends within an object if it has more diagnostics than fit: the position has the
// object before it, and how many of its own are done.
func (a *API) listDiagnostics(r *http.Request, q query) (items []item, next *position, fault *failure) {
	match, fault := matchObject(q)
	if fault != nil {
		return nil, nil, fault
	}
	d := diagnosing{api: a, least: preview.Severity(cmp.Or(q.Get("severity"), string(preview.Note))), limit: q.limit, at: q.from, known: a.known(r.Context())}
	may := func(k kobj.Key, x *status.Desired) bool { return d.mayConcern(k, x) && match(k, x) }
	for range maxEvaluated / evaluatedStep {
		found, next, fault := a.objectsAfter(r.Context(), d.at.Key, evaluatedStep, may)
		if fault == nil {
			fault = d.add(r.Context(), found)
		}
		switch {
		case fault != nil:
			return nil, nil, fault
		case d.full:
			return d.items, after(d.items), nil
		case next == nil:
			return d.items, nil, nil
		}
		d.at = *next
		if len(found) < evaluatedStep { // enough objects are visited
			break
		}
		runtime.Gosched()
	}
	return d.items, &d.at, nil
}

// diagnosing collects the diagnostics of a page.
type diagnosing struct {
	api   *API
	least preview.Severity
	limit int
	known func(kobj.Key) bool

	at    position
	items []item
	full  bool // and there are more
}

// mayConcern reports whether a diagnostic of the severity may be about an object. A route may name a Gateway that does not exist, whatever
// this controller reports about it.
func (d *diagnosing) mayConcern(k kobj.Key, x *status.Desired) bool {
	return isAtLeast(x, d.least) || preview.Warning.AtLeast(d.least) && preview.HasParents(k.Kind)
}

// add adds the diagnostics of objects until the page is full. The pipeline waits for it once.
func (d *diagnosing) add(ctx context.Context, found []indexed[kobj.Key, *status.Desired]) *failure {
	if len(found) == 0 {
		return nil
	}
	objects, classes, ok := d.api.peek(ctx, found)
	if !ok {
		return stopping()
	}
	for _, e := range found {
		o := objects[e.key]
		if o == nil { // it is deleted meanwhile
			continue
		}
		of := preview.Of(preview.Live{
			Classes: classes, Objects: map[kobj.Key]metav1.Object{e.key: o}, Desired: map[kobj.Key]*status.Desired{e.key: e.value}, Exists: d.known,
		}).Findings
		of = slices.DeleteFunc(of, func(f preview.Finding) bool { return !f.Severity.AtLeast(d.least) })
		done := min(d.at.Skip, len(of))
		for i, f := range of[done:] {
			if len(d.items) == d.limit {
				d.full = true
				return nil
			}
			it := item{key: d.at.Key, skip: done + i + 1, make: func() any { return apiv1.DiagnosticsOf([]preview.Finding{f})[0] }}
			if it.skip == len(of) {
				it.key, it.skip = objectKey(e.key), 0
			}
			d.items = append(d.items, it)
		}
		d.at = position{Key: objectKey(e.key)}
	}
	return nil
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
	out.Diagnostics = apiv1.DiagnosticsOf(preview.Of(preview.Live{
		Classes: classes, Objects: objects, Desired: map[kobj.Key]*status.Desired{k: d}, Exists: a.known(r.Context()),
	}).Findings)
	if d != nil {
		out.Conditions = conditions(d.Status)
	}
	if last := a.History.List(history.Filter{Object: &k}, 1); len(last) > 0 {
		c := change(&last[0])
		out.LastChange = &c
	}
	of := slices.DeleteFunc(a.rejections(), func(x rejection) bool { return !slices.Contains(x.origins, k) })
	a.addNodes(of)
	for _, x := range of[:min(len(of), maxNamedObjects)] {
		out.Rejections = append(out.Rejections, x.Rejection)
	}
	if fault := a.serving(r.Context(), k, of, &out); fault != nil {
		return nil, fault
	}
	return &out, nil
}

// serving adds the hosts of an object, and how many of the Envoys that serve them have its last change; of is what is rejected of the object.
func (a *API) serving(ctx context.Context, k kobj.Key, of []rejection, out *apiv1.ObjectReport) *failure {
	hosts, ok := a.hosts.all(ctx)
	if !ok {
		return stopping()
	}
	fleets := map[ir.Fleet]bool{}
	work := 0
	for _, h := range hosts {
		if h.value == nil {
			continue
		}
		if work += 1 + len(h.value.Routes); work >= yieldStep {
			work = 0
			runtime.Gosched()
		}
		if !serves(h.value, k) {
			continue
		}
		fleets[h.key.Listener.Fleet] = true
		if out.HostCount++; len(out.Hosts) < maxNamedHosts {
			out.Hosts = append(out.Hosts, hostName(h.key))
		}
	}
	var lacking, having []apiv1.ObjectSync
	rejecting := byNode(of)
	for _, s := range a.Sessions() {
		if !fleets[s.Fleet] {
			continue
		}
		if x := a.objectSync(k, s, len(rejecting[nameOf(s)]) > 0); x.Has {
			having = append(having, x)
		} else {
			lacking = append(lacking, x)
		}
	}
	out.Have, out.EnvoyCount = len(having), len(having)+len(lacking)
	all := append(lacking, having...)
	out.Envoys = all[:min(len(all), maxNamedEnvoys)]
	return nil
}

func (a *API) objectSync(k kobj.Key, s server.Session, rejects bool) apiv1.ObjectSync {
	out := apiv1.ObjectSync{Node: nameOf(s).node, Has: !rejects && a.History.Has(s.ID, s.Fleet, k)}
	switch {
	case rejects:
		out.State = apiv1.Rejects
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
