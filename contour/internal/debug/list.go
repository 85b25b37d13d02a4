package debug

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// The bounds of pages.
const (
	maxEntries   = 1000
	maxPageBytes = 4 << 20 // without the last entry
	maxPages     = 8       // that are made or written at a time
)

// list is a page that shows entries, each with a key that is unique in the list.
type list[V any] struct {
	// each passes the entries that a request asks for to add, in any order; an entry that is passed twice replaces the first.
	each func(r *http.Request, add func(key string, v V)) *failure
	// render returns the YAML of an entry; the YAML of several in a row is a list, a mapping or a stream of documents.
	render func(key string, v V) ([]byte, error)
	form   form
}

// form is what surrounds the entries of a page; the zero value is YAML.
type form struct{ contentType, head, tail string }

// handler answers with the part of the list that the query asks for. slots bounds the pages that are made at a time.
func (l list[V]) handler(slots chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			(&failure{http.StatusServiceUnavailable, "too many pages are read at this time"}).write(w)
			return
		}
		part, fault := partOf(r.URL.Query())
		if fault != nil {
			fault.write(w)
			return
		}
		chosen := selection[V]{part: part}
		if fault = l.each(r, chosen.add); fault != nil {
			fault.write(w)
			return
		}
		text, last, err := chosen.render(l.render)
		if err != nil {
			failed(err).write(w)
			return
		}
		if last != "" {
			next := nextPart(r.URL, last)
			w.Header().Set("Link", fmt.Sprintf("<%s>; rel=\"next\"", next))
			text = append(text, "# more: "+next+"\n"...)
		}
		w.Header().Set("Content-Type", cmp.Or(l.form.contentType, "application/yaml"))
		_, _ = w.Write(slices.Concat([]byte(l.form.head), text, []byte(l.form.tail)))
	}
}

// part is the part of a list that a request asks for.
type part struct {
	after string // the key after which it begins; "" is the start
	match string // in the keys of all entries
	limit int    // of the number of entries
}

func partOf(q url.Values) (part, *failure) {
	p := part{after: q.Get("after"), match: q.Get("match"), limit: maxEntries}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxEntries {
			return part{}, &failure{http.StatusBadRequest, fmt.Sprintf("limit: %q is not between 1 and %d", text, maxEntries)}
		}
		p.limit = n
	}
	return p, nil
}

// nextPart is the path and query of the part after a key.
func nextPart(u *url.URL, last string) string {
	q := u.Query()
	q.Set("after", last)
	return u.Path + "?" + q.Encode()
}

// selection is the first entries of a part, in order.
type selection[V any] struct {
	part
	entries []entry[V]
	more    bool // there are others after them
}

type entry[V any] struct {
	key   string
	value V
}

func (s *selection[V]) add(key string, v V) {
	if s.after != "" && key <= s.after || !strings.Contains(key, s.match) {
		return
	}
	i, found := slices.BinarySearchFunc(s.entries, key, func(e entry[V], key string) int { return strings.Compare(e.key, key) })
	switch {
	case found:
		s.entries[i].value = v
	case i == s.limit:
		s.more = true
	default:
		if len(s.entries) == s.limit {
			s.entries, s.more = s.entries[:s.limit-1], true
		}
		s.entries = slices.Insert(s.entries, i, entry[V]{key, v})
	}
}

// render returns the text of the entries up to maxPageBytes, and the key of the last one unless the list ends there.
func (s *selection[V]) render(one func(string, V) ([]byte, error)) (text []byte, last string, err error) {
	for i, e := range s.entries {
		t, err := one(e.key, e.value)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", e.key, err)
		}
		text = append(text, t...)
		if more := s.more || i+1 < len(s.entries); more && (i+1 == len(s.entries) || len(text) >= maxPageBytes) {
			return text, e.key, nil
		}
		runtime.Gosched() // the pipeline may have work, and only this processor
	}
	return text, "", nil
}

// failure is an answer without a page.
type failure struct {
	code int
	text string
}

func (f *failure) write(w http.ResponseWriter) { http.Error(w, f.text, f.code) }

func failed(err error) *failure { return &failure{http.StatusInternalServerError, err.Error()} }

func stopping() *failure {
	return &failure{http.StatusServiceUnavailable, "the controller is stopping"}
}
