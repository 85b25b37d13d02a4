package progress_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"testing"

	"contour.example/harness/progress"
)

func TestRunNamesTheStep(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		result error
		line   string
	}{
		"good": {nil, `^good +0\.\d s\n$`},
		"bad":  {broken, `^bad +0\.\d s  failed\n$`},
	} {
		var out bytes.Buffer
		err := progress.Log{W: &out}.Run(t.Context(), name, func(context.Context) error { return c.result })
		if !errors.Is(err, c.result) || err != nil && err.Error() != "bad: broken" {
			t.Errorf("%s: error %v, want %v", name, err, c.result)
		}
		if !regexp.MustCompile(c.line).MatchString(out.String()) {
			t.Errorf("%s: printed %q, want %s", name, out.String(), c.line)
		}
	}
}

func TestRunAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := progress.Log{}.Run(ctx, "late", func(context.Context) error {
		t.Error("was run")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
