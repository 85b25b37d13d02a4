package kube

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// soon is the longest time until a change takes effect after the API server is available again.
const soon = 5 * time.Second

// A change during an outage of any kind and duration is received soon after the outage.
func TestChangeIsReceivedSoonAfterAnOutage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		within time.Duration
	}{
		"unreachable":  {refuse, soon},
		"starting":     {fail(http.StatusServiceUnavailable, "ServiceUnavailable", nil), soon},
		"forbidden":    {fail(http.StatusForbidden, "Forbidden", nil), soon},
		"unknown user": {fail(http.StatusUnauthorized, "Unauthorized", nil), soon},
		"no such kind": {fail(http.StatusNotFound, "NotFound", nil), soon},
		"broken":       {fail(http.StatusInternalServerError, "InternalError", nil), soon},
		"busy":         {fail(http.StatusTooManyRequests, "TooManyRequests", http.Header{"Retry-After": {"7"}}), 7*time.Second + soon},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				wire, config := newWire(t)
				fill(wire.server)
				_, out := start(t, config, Options{})
				receive(t, out)
				away := 10 * time.Minute
				wire.replace(c.answer)
				time.Sleep(away)
				wire.server.put("HTTPProxy", "default", "new", object{"spec": object{}})
				tries := wire.restore()
				back := time.Now()
				await(t, out, kobj.Of(kobj.HTTPProxy, "default", "new"))
				if took := time.Since(back); took > c.within {
					t.Errorf("the change is received %s after the outage, want at most %s", took, c.within)
				}
				t.Logf("%d requests", tries)
				if most := len(kind.All().Watched()) * int(away/time.Second); tries > most {
					t.Errorf("%d requests in %s, want at most %d", tries, away, most)
				}
			})
		})
	}
}

func TestKindThatIsServedLateIsWatchedSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire, config := newWire(t)
		fill(wire.server)
		wire.server.hide("projectcontour.io", true)
		_, out := start(t, config, Options{})
		began := time.Now()
		receive(t, out)
		if took := time.Since(began); took > 0 {
			t.Errorf("the other kinds were delayed by %s for an absent kind", took)
		}
		time.Sleep(time.Hour)
		wire.server.hide("projectcontour.io", false)
		began = time.Now()
		await(t, out, kobj.Of(kobj.HTTPProxy, "default", "web"))
		if took := time.Since(began); took > soon {
			t.Errorf("received after %s", took)
		}
	})
}

// After an outage all objects are listed again; only changes are passed on.
func TestListPassesOnOnlyChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire, config := newWire(t)
		fill(wire.server)
		s, out := start(t, config, Options{})
		receive(t, out)
		kept := kobj.Of(kobj.Service, "default", "web")
		before, _ := s.Get(kept)
		wire.replace(refuse)
		synctest.Wait()
		wire.server.put("HTTPProxy", "default", "web", nil)
		wire.server.put("HTTPProxy", "default", "new", object{"spec": object{}})
		wire.server.compact()
		wire.restore()
		batch := receive(t, out)
		if got, want := strings.Join(names(batch), ", "), "HTTPProxy default/new, HTTPProxy default/web"; got != want {
			t.Errorf("changes %s, want %s", got, want)
		}
		time.Sleep(time.Minute)
		if after, ok := s.Get(kept); !ok || after != before {
			t.Error("an unchanged object was replaced")
		}
	})
}

func TestFailuresAreLoggedLessAndLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire, config := newWire(t)
		wire.replace(fail(http.StatusForbidden, "Forbidden", nil))
		var log bytes.Buffer
		s, err := New(Options{Config: config, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx, make(chan []store.Change)) })
		time.Sleep(time.Hour)
		cancel()
		running.Wait()
		for _, failures := range []int{1, 2, 4, 512} {
			if n := strings.Count(log.String(), fmt.Sprintf("kind=HTTPProxy namespace=\"\" failures=%d ", failures)); n != 1 {
				t.Errorf("failure number %d is logged %d times", failures, n)
			}
		}
		if n := strings.Count(log.String(), "\n"); n > 12*len(kind.All().Watched()) {
			t.Errorf("%d lines in an hour", n)
		}
	})
}
