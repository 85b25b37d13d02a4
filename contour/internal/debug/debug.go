// Package debug shows the stages of a running controller over HTTP, as YAML: the
// objects in the store, the virtual hosts derived from them, the diagnostics of each object, the
// xDS resources and the state of each Envoy.
//
// It takes functions that read the stages. A page reads a stage in small steps, so that neither a page nor a reader that
// is slow delays an edit: what a step reads is immutable, and is sorted and written afterwards. Pages show a part of
// a list that is too long, and where to find the next one. Private keys are never shown. The package must not change
// anything.
package debug

import (
	"context"
	"iter"
	"net/http"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/ir"
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
	Stats   func() []memo.Stat
}

// Sources are the stages to read.
type Sources struct {
	// Inspect calls f between two batches, which wait for it; it returns false if the pipeline has ended.
	Inspect  func(ctx context.Context, f func(View)) bool
	Fleets   *fleet.Tables
	Sessions func() []server.Session
	// Acked iterates over the resources that an Envoy has, with their versions; false if it is not connected.
	Acked func(node string) (iter.Seq2[table.Ref, string], bool)
}

// Register adds the pages to a mux.
func Register(mux *http.ServeMux, s Sources) {
	slots := make(chan struct{}, maxPages)
	mux.HandleFunc("GET /debug/{$}", index)
	mux.HandleFunc("GET /debug/store", s.inspected(func(v View) any { return v.Store.Len() }))
	mux.HandleFunc("GET /debug/derivations", s.inspected(func(v View) any { return v.Stats() }))
	mux.HandleFunc("GET /debug/fleets", func(w http.ResponseWriter, _ *http.Request) { write(w, s.fleets()) })
	mux.Handle("GET /debug/ir", s.hosts().handler(slots))
	mux.Handle("GET /debug/dag", s.dag().handler(slots))
	mux.Handle("GET /debug/listeners", s.listeners().handler(slots))
	mux.Handle("GET /debug/chains", s.chains().handler(slots))
	mux.Handle("GET /debug/report", s.report().handler(slots))
	mux.Handle("GET /debug/rejections", s.rejections().handler(slots))
	mux.Handle("GET /debug/disagreements", s.disagreements().handler(slots))
	mux.Handle("GET /debug/xds", s.xds(slots))
	mux.Handle("GET /debug/sessions", s.sessions(slots))
}

const pages = `/debug/store        objects in the store, by kind
/debug/ir           virtual hosts
/debug/dag          virtual hosts as a graph from listeners to Services, in the DOT language; at most 500 routes of each host
/debug/report       statuses and diagnostics
/debug/derivations  keys and runs of each derived table
/debug/fleets       fleets, and the counters of each table
/debug/listeners    listeners
/debug/chains       filter chains of listeners of Gateways, with their certificates
/debug/xds          xDS resources; ?type=CDS&name=... shows one, &fleet=... those of another fleet than the default one
/debug/rejections   what Envoy rejects
/debug/disagreements what single Envoys reject and others accept, by node
/debug/sessions     state of the session of each Envoy; ?node=... shows the versions that one has
/debug/pprof/       profiles

Lists are in order and in parts of up to 1000 entries: ?limit=N shows fewer, ?after=KEY those after a key,
?match=TEXT those whose key contains the text. The last line names the next part, if there is one.
`

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(pages))
}

// inspected answers with a small value that is read between two batches.
func (s Sources) inspected(read func(View) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body any
		if !s.Inspect(r.Context(), func(v View) { body = read(v) }) {
			stopping().write(w)
			return
		}
		write(w, body)
	}
}

// write answers with YAML.
func write(w http.ResponseWriter, body any) {
	text, err := yaml.Marshal(body)
	if err != nil {
		failed(err).write(w)
		return
	}
	writeText(w, text)
}

func writeText(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(text)
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
