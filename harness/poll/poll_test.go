package poll_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"contour.example/harness/poll"
)

func TestUntilDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		observations := 0
		err := poll.Until(t.Context(), time.Second, "third observation", func(context.Context) (bool, string, error) {
			observations++
			return observations == 3, "", nil
		})
		if err != nil || observations != 3 {
			t.Errorf("error %v after %d observations, want none after 3", err, observations)
		}
	})
}

func TestTimeoutHasTheLastObservation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := poll.Until(t.Context(), time.Second, "answer of a.example", func(context.Context) (bool, string, error) {
			return false, "status 404", nil
		})
		want := "answer of a.example: timed out after 1s; last seen: status 404"
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	})
}

func TestErrorEndsAtOnce(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	observations := 0
	err := poll.Until(t.Context(), time.Minute, "x", func(context.Context) (bool, string, error) {
		observations++
		return false, "", broken
	})
	if !errors.Is(err, broken) || observations != 1 {
		t.Errorf("error %v after %d observations, want %v after 1", err, observations, broken)
	}
}

func TestContextEndsIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := poll.Until(ctx, time.Minute, "x", func(context.Context) (bool, string, error) {
		cancel()
		return false, "", nil
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "nothing yet") {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
