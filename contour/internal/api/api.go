// Package api is the read-only HTTP API of a running controller: what it is, the Envoys that are connected, objects and what is wrong with
// them, hosts and routes, resources, rejections, the last changes, and what happens to a request. Package apiv1 has its documents.
//
// Its input is the stages of the controller. Lists come in pages that are filtered here. The pipeline waits in steps, each for as long as it
// takes to copy pointers to some hundred immutable values: a page of objects or hosts takes at most one, one of diagnostics at most 20, and an
// explanation after a change as many as there are objects. Answers are rendered beside the pipeline. Lists in an order are read from indexes: these are
// made when the first page is read, in steps between which edits are processed, follow the results of the pipeline, and are
// dropped when nobody reads. An answer has no secret, and those who may read one may read all. The package changes nothing.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/compile"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/preview"
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
}

// Sources are the stages to read. All fields are required.
type Sources struct {
	// Inspect calls f between two batches, which wait for it; it returns false if the context ended before.
	Inspect  func(ctx context.Context, f func(View)) bool
	Fleets   *fleet.Tables
	Sessions func() []server.Session
	// Acked iterates over the resources that an Envoy has, with their versions; false if it is not connected.
	Acked   func(node string) (iter.Seq2[table.Ref, string], bool)
	History *history.History

	Version, Build string // of the controller
	Started        time.Time
	Now            func() time.Time
	// Identity returns the name of the replica, "" without replicas, and one of the roles of apiv1.
	Identity func() (replica, role string)
	// Published reports whether the first complete configuration is published.
	Published func() bool
}

// The bounds of the answers that are made or written at a time.
const (
	maxPages     = 8
	maxQuestions = 4 // of them one is evaluated, and the others wait; they do not count as pages
	// maxAnswerTime is how long it may take to make and write an answer: a client that does not read holds it no longer.
	maxAnswerTime = time.Minute
)

// API serves the pages.
type API struct {
	Sources
	objects *index[kobj.Key, *status.Desired]
	hosts   *index[ir.HostKey, *ir.VirtualHost]

	pages     chan struct{} // a value for each page that is made or written
	asked     chan struct{} // a value for each question that is answered or waits
	questions chan struct{} // has a value while a request is explained
	evaluated evaluation    // the one that questions are for
}

// evaluation is what requests are explained with.
type evaluation struct {
	revision uint64
	preview  *preview.Preview // nil: none
}

// New returns an API.
func New(s Sources) *API {
	a := &API{Sources: s, pages: make(chan struct{}, maxPages), asked: make(chan struct{}, maxQuestions), questions: make(chan struct{}, 1)}
	a.objects = newIndex(kobj.Key.Compare, a.scanObjects, s.Now)
	a.hosts = newIndex(ir.HostKey.Compare, a.scanHosts, s.Now)
	return a
}

// Changes is what an iteration of the pipeline changed.
type Changes struct {
	Statuses []memo.Change[kobj.Key, *status.Desired]
	Hosts    []memo.Change[ir.HostKey, *ir.VirtualHost]
}

// Follow makes changes known to the indexes. The pipeline calls it after each iteration; it does nothing if nobody reads pages, else it appends them to
// a queue.
func (a *API) Follow(c Changes) {
	a.objects.follow(c.Statuses)
	a.hosts.follow(c.Hosts)
}

// Register adds the paths to a mux.
func (a *API) Register(mux *http.ServeMux) {
	one := func(slots chan struct{}, path string, parameters []string, f func(*http.Request) (any, *failure)) {
		mux.Handle("GET "+apiv1.Path+path, a.limited(slots, parameters, func(w http.ResponseWriter, r *http.Request) {
			body, fault := f(r)
			if fault != nil {
				fault.write(w)
				return
			}
			writeJSON(w, http.StatusOK, body)
		}))
	}
	list := func(path, kind string, parameters []string, f lister) {
		mux.Handle("GET "+apiv1.Path+path, a.limited(a.pages, append(parameters, "limit", "continue"), a.page(kind, f)))
	}
	one(a.pages, "{$}", nil, func(*http.Request) (any, *failure) { return paths(), nil })
	one(a.pages, "info", nil, a.info)
	list("envoys", "EnvoyList", []string{"search", "state", "fleet"}, a.listEnvoys)
	list("objects", "ObjectList", []string{"search", "namespace", "kind", "state", "severity"}, a.listObjects)
	one(a.pages, "objects/{kind}/{namespace}/{name}", nil, a.object)
	list("diagnostics", "DiagnosticList", []string{"search", "namespace", "kind", "severity"}, a.listDiagnostics)
	list("changes", "ChangeList", []string{"object", "since", "after"}, a.listChanges)
	list("hosts", "HostList", []string{"search", "namespace", "fleet"}, a.listHosts)
	list("routes", "HostRoutesList", []string{"host", "search", "namespace", "fleet"}, a.listRoutes)
	list("resources", "ResourceList", []string{"type", "search", "fleet", "node"}, a.listResources)
	list("rejections", "RejectionList", []string{"node", "search", "fleet"}, a.listRejections)
	one(a.asked, "explain", []string{"url", "method", "header", "sni", "http2", "websocket"}, a.explain)
	mux.Handle("GET "+apiv1.Path, a.limited(a.pages, nil, func(w http.ResponseWriter, r *http.Request) {
		notFound("there is no %s; GET %s lists the paths", r.URL.Path, apiv1.Path).write(w)
	}))
}

// limited bounds the answers at a time and their duration, and rejects parameters that have no meaning: a filter with a typing error would select
// everything.
func (a *API) limited(slots chan struct{}, parameters []string, f http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			busy("too many pages are read, or requests explained, at this time").write(w)
			return
		}
		end := a.Now().Add(maxAnswerTime)
		ctx, cancel := context.WithDeadline(r.Context(), end)
		defer cancel()
		r = r.WithContext(ctx)
		if err := http.NewResponseController(w).SetWriteDeadline(end); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return // the connection is closed
		}
		if fault := checkParameters(r, parameters); fault != nil {
			fault.write(w)
			return
		}
		f(w, r)
	})
}

// paths is the index of the API.
func paths() any {
	return apiv1.PathList{Type: apiv1.TypeOf("PathList"), Paths: []string{
		"info", "envoys", "objects", "objects/{kind}/{namespace}/{name}", "diagnostics", "changes", "hosts", "routes", "resources", "rejections", "explain",
	}}
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(`{"message":"the answer cannot be encoded"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n'))
}
