package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/similar"
)

// The bounds of pages.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxPageBytes = 4 << 20 // without the last item
)

// failure is an answer without a document.
type failure struct {
	code int
	text string
}

func (f *failure) write(w http.ResponseWriter) {
	if f.code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, f.code, apiv1.Error{Type: apiv1.TypeOf("Error"), Code: f.code, Message: f.text})
}

func badRequest(format string, args ...any) *failure {
	return &failure{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *failure {
	return &failure{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func busy(text string) *failure { return &failure{http.StatusServiceUnavailable, text} }

func stopping() *failure {
	return &failure{http.StatusServiceUnavailable, "the controller is stopping, or the request ended"}
}

// checkParameters returns a failure if the query has a parameter that has no meaning, or one several times that has a meaning once.
func checkParameters(r *http.Request, known []string) *failure {
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) {
			text := fmt.Sprintf("there is no parameter %q", name)
			if best := similar.Best(name, slices.Values(known), 2); best != "" {
				text += fmt.Sprintf("; did you mean %q?", best)
			}
			return badRequest("%s", text)
		}
		if len(values) > 1 && name != "header" {
			return badRequest("%s: there are %d of it", name, len(values))
		}
	}
	return nil
}

// query is what a list is asked for.
type query struct {
	url.Values
	limit int
	from  position
}

// position is where a page begins. The zero value is the start.
type position struct {
	Key      string `json:"k,omitempty"` // the page begins after it
	Skip     int    `json:"n,omitempty"` // or with that many items less of it
	Revision uint64 `json:"r"`           // of the first page
	Started  int64  `json:"s"`           // of the controller that made it, in milliseconds
}

func (p position) token() string {
	text, _ := json.Marshal(p) // of strings and numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

func queryOf(r *http.Request) (query, *failure) {
	q := query{Values: r.URL.Query(), limit: defaultLimit}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return q, badRequest("limit: %q is not between 1 and %d", text, maxLimit)
		}
		q.limit = n
	}
	if text := q.Get("continue"); text != "" {
		token, err := base64.RawURLEncoding.DecodeString(text)
		if err == nil {
			err = json.Unmarshal(token, &q.from)
		}
		if err != nil || q.from.Skip < 0 {
			return q, badRequest("continue: not a value of a page of this API")
		}
	}
	return q, nil
}

// oneOf returns a failure if a parameter has another value than those.
func (q query) oneOf(name string, values ...string) *failure {
	if v := q.Get(name); v != "" && !slices.Contains(values, v) {
		return badRequest("%s: %q is not one of %s", name, v, strings.Join(values, ", "))
	}
	return nil
}

// item is an item of a page. The document is made when the page is written.
type item struct {
	key  string
	skip int // of position, for the page after this item
	make func() any
}

// lister returns the items of a page, at most as many as the query asks for, and where the next page begins; nil if there is none. The work for a
// page is bounded: it may have fewer items, or none, although others follow.
type lister func(r *http.Request, q query) (items []item, next *position, fault *failure)

// after returns the position after the last item.
func after(items []item) *position {
	last := items[len(items)-1]
	return &position{Key: last.key, Skip: last.skip}
}

// page answers with a page of a list.
func (a *API) page(kind string, f lister) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, fault := queryOf(r)
		if fault != nil {
			fault.write(w)
			return
		}
		revision := a.History.Revision()
		items, next, fault := f(r, q)
		if fault != nil {
			fault.write(w)
			return
		}
		if q.Get("continue") == "" {
			q.from.Revision, q.from.Started = revision, a.Started.UnixMilli()
		}
		list := apiv1.List[json.RawMessage]{
			Type: apiv1.TypeOf(kind), Items: []json.RawMessage{},
			Page: &apiv1.Page{
				Revision: revision, Started: a.Started,
				Changed: a.History.Revision() != q.from.Revision || a.Started.UnixMilli() != q.from.Started,
			},
		}
		size := 0
		for i, it := range items {
			text, err := json.Marshal(it.make())
			if err != nil {
				(&failure{http.StatusInternalServerError, "an item cannot be encoded"}).write(w)
				return
			}
			list.Items, size = append(list.Items, text), size+len(text)
			if size >= maxPageBytes && i+1 < len(items) {
				next = after(items[:i+1])
				break
			}
			runtime.Gosched() // the pipeline may have work, and only this processor
		}
		if next != nil {
			list.Page.Continue = position{next.Key, next.Skip, q.from.Revision, q.from.Started}.token()
		}
		writeJSON(w, http.StatusOK, list)
	}
}

// separator is between the parts of a key in a position; none of them contains it.
const separator = "\x00"

func joined(parts ...string) string { return strings.Join(parts, separator) }

// parts returns n parts of a key; false if it has another number.
func parts(key string, n int) ([]string, bool) {
	out := strings.Split(key, separator)
	return out, len(out) == n
}
