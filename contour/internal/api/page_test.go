package api

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The entries that are compared for a page are bounded: pages of a rare match are short, and together they are the list.
func TestPageOfRareMatches(t *testing.T) {
	t.Parallel()
	const n = 3*maxVisited + 100
	ix := newIndex(cmp.Compare[int], func(_ context.Context, add func(int, bool)) bool {
		for i := range n {
			add(i, i == 5 || i == n-1)
		}
		return true
	}, time.Now)
	var found []int
	var after *int
	pages := 0
	for {
		visited := 0
		entries, next, ok := ix.page(t.Context(), after, 10, func(_ int, v bool) bool { visited++; return v })
		if !ok || visited > maxVisited {
			t.Fatalf("%d entries are compared, want at most %d", visited, maxVisited)
		}
		for _, e := range entries {
			found = append(found, e.key)
		}
		if pages++; next == nil || pages > 10 {
			break
		}
		after = next
	}
	if len(found) != 2 || found[0] != 5 || found[1] != n-1 || pages != 4 {
		t.Errorf("%v in %d pages", found, pages)
	}
}

// deadlined is a connection whose deadline is set.
type deadlined struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (d *deadlined) SetWriteDeadline(t time.Time) error {
	d.deadline = t
	return nil
}

// A client that does not read its answer holds a slot for a bounded time; pages and questions have slots of their own.
func TestSlotsAreHeldForABoundedTime(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	a := New(Sources{Now: func() time.Time { return now }})
	w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	var deadline time.Time
	a.limited(a.asked, nil, func(w http.ResponseWriter, r *http.Request) {
		if len(a.asked) != 1 || len(a.pages) != 0 {
			t.Errorf("%d questions and %d pages", len(a.asked), len(a.pages))
		}
		deadline, _ = r.Context().Deadline()
	}).ServeHTTP(w, r)
	if want := now.Add(maxAnswerTime); !w.deadline.Equal(want) || !deadline.Equal(want) {
		t.Errorf("deadlines %s, %s, want %s", w.deadline, deadline, want)
	}
	for range maxQuestions {
		a.asked <- struct{}{}
	}
	w = &deadlined{ResponseRecorder: httptest.NewRecorder()}
	a.limited(a.asked, nil, func(http.ResponseWriter, *http.Request) { t.Error("answered beyond the bound") }).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	answered := false
	a.limited(a.pages, nil, func(http.ResponseWriter, *http.Request) { answered = true }).ServeHTTP(httptest.NewRecorder(), r)
	if !answered {
		t.Error("waiting questions keep out pages")
	}
}
