// Package debug shows the stages of a running controller over HTTP, as YAML: the
// objects in the store, the virtual hosts derived from them, the diagnostics of each object, the
// xDS resources and the state of each Envoy.
//
// It takes functions that read the stages; every answer is a copy made while the
// pipeline is between two batches. Private keys are never shown. It must not
// change anything.
package debug

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	anypb "google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/ir/irtext"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// View contains the stages that are read between two batches.
type View struct {
	Store   *store.Store
	Compile *compile.Compile
	Status  *status.Status
	Stats   []memo.Stat
}

// Sources are the stages to read.
type Sources struct {
	// Inspect calls f between two batches; it returns false if the pipeline has ended.
	Inspect  func(ctx context.Context, f func(View)) bool
	Fleets   *fleet.Tables
	Sessions func() []server.Session
	// Acked returns the version that an Envoy has of each resource, by type and name; false if it is not connected.
	Acked func(node string) (map[table.Type]map[string]string, bool)
}

// Register adds the pages to a mux.
func Register(mux *http.ServeMux, s Sources) {
	mux.HandleFunc("GET /debug/{$}", index)
	mux.HandleFunc("GET /debug/store", s.inspected(storePage))
	mux.HandleFunc("GET /debug/ir", s.inspected(irPage))
	mux.HandleFunc("GET /debug/listeners", s.inspected(listenersPage))
	mux.HandleFunc("GET /debug/fleets", func(w http.ResponseWriter, _ *http.Request) { write(w, s.fleets(), nil) })
	mux.HandleFunc("GET /debug/report", s.inspected(reportPage))
	mux.HandleFunc("GET /debug/derivations", s.inspected(func(v View) (any, error) { return v.Stats, nil }))
	mux.HandleFunc("GET /debug/xds", s.xds)
	mux.HandleFunc("GET /debug/rejections", func(w http.ResponseWriter, _ *http.Request) { write(w, s.Fleets.Rejections(), nil) })
	mux.HandleFunc("GET /debug/sessions", s.sessions)
}

const pages = `/debug/store        objects in the store, by kind
/debug/ir           virtual hosts
/debug/report       statuses and diagnostics
/debug/derivations  keys and runs of each derived table
/debug/fleets       fleets, and the counters of each table
/debug/listeners    listeners
/debug/xds          xDS resources; ?type=CDS&name=... shows one, &fleet=... those of another fleet than the default one
/debug/rejections   what Envoy rejects
/debug/sessions     state of the session of each Envoy; ?node=... shows the versions that one has
/debug/pprof/       profiles
`

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(pages))
}

// sessions summarizes all Envoys, or shows the versions of one.
func (s Sources) sessions(w http.ResponseWriter, r *http.Request) {
	node := r.URL.Query().Get("node")
	if node == "" {
		write(w, s.Sessions(), nil)
		return
	}
	acked, ok := s.Acked(node)
	if !ok {
		http.Error(w, "no such Envoy is connected", http.StatusNotFound)
		return
	}
	body := map[string]map[string]string{}
	for t, names := range acked {
		body[t.String()] = names
	}
	write(w, body, nil)
}

// inspected answers with the page of the pipeline between two batches.
func (s Sources) inspected(page func(View) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var (
			body any
			err  error
		)
		if !s.Inspect(r.Context(), func(v View) { body, err = page(v) }) {
			http.Error(w, "the controller is stopping", http.StatusServiceUnavailable)
			return
		}
		write(w, body, err)
	}
}

// write answers with YAML, or with text that is YAML already.
func write(w http.ResponseWriter, body any, err error) {
	text, isText := body.([]byte)
	if err == nil && !isText {
		text, err = yaml.Marshal(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(text)
}

func storePage(v View) (any, error) { return v.Store.Len(), nil }

func irPage(v View) (any, error) {
	hosts := map[ir.HostKey]*ir.VirtualHost{}
	v.Compile.VirtualHosts.Keys(func(k ir.HostKey) bool {
		hosts[k], _ = v.Compile.VirtualHosts.Peek(k)
		return true
	})
	text, err := irtext.Hosts(hosts)
	return text, err
}

func listenersPage(v View) (any, error) {
	var listeners []*ir.Listener
	v.Compile.Listeners.Keys(func(k ir.ListenerKey) bool {
		if l, ok := v.Compile.Listeners.Peek(k); ok && l != nil {
			listeners = append(listeners, l)
		}
		return true
	})
	slices.SortFunc(listeners, func(a, b *ir.Listener) int { return a.Key.Compare(b.Key) })
	text, err := irtext.Marshal(listeners)
	return text, err
}

func reportPage(v View) (any, error) {
	var statuses []*status.Desired
	v.Status.Desired.Keys(func(k kobj.Key) bool {
		if d, ok := v.Status.Desired.Peek(k); ok {
			statuses = append(statuses, d)
		}
		return true
	})
	text, err := status.YAML(statuses)
	return text, err
}

// resource is the line of an xDS resource in the list.
type resource struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

// fleets returns the counters of each fleet's table.
func (s Sources) fleets() map[ir.Fleet]table.Stats {
	stats := map[ir.Fleet]table.Stats{}
	for _, f := range s.Fleets.Names() {
		if t := s.Fleets.Get(f); t != nil {
			stats[f] = t.Stats()
		}
	}
	return stats
}

// xds lists the effective resources of a fleet, or shows one.
func (s Sources) xds(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	of := s.Fleets.Get(cmp.Or(ir.Fleet(q.Get("fleet")), ir.DefaultFleet))
	if of == nil {
		http.Error(w, fmt.Sprintf("there is no fleet %q", q.Get("fleet")), http.StatusNotFound)
		return
	}
	if q.Get("name") != "" {
		one(w, of, q.Get("type"), q.Get("name"))
		return
	}
	var list []resource
	for _, v := range of.All() {
		if t := q.Get("type"); t == "" || strings.EqualFold(t, v.Ref.Type.String()) {
			list = append(list, resource{Type: v.Ref.Type.String(), Name: v.Ref.Name, Version: v.Hash})
		}
	}
	write(w, list, nil)
}

func one(w http.ResponseWriter, of *table.Table, typ, name string) {
	for _, t := range table.Types() {
		if !strings.EqualFold(typ, t.String()) {
			continue
		}
		v := of.Get(table.Ref{Type: t, Name: name})
		if v == nil {
			http.Error(w, fmt.Sprintf("there is no %s resource %q", t, name), http.StatusNotFound)
			return
		}
		if t == table.Secret {
			http.Error(w, "secrets are not shown", http.StatusForbidden)
			return
		}
		text, err := show(&anypb.Any{TypeUrl: t.URL(), Value: v.Body()})
		write(w, text, err)
		return
	}
	http.Error(w, fmt.Sprintf("%q is no xDS type: CDS, EDS, SDS, LDS, RDS", typ), http.StatusBadRequest)
}

func show(a *anypb.Any) ([]byte, error) {
	text, err := protojson.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	return yaml.JSONToYAML(text)
}
