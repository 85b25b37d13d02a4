package statuswriter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

// A request of the election that is interrupted is an error, but not by the end of the replica.
func TestElectionLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ended := make(chan struct{})
	log := logr.FromSlogHandler(electionLog{slog.NewTextHandler(&out, nil), ended}).WithValues("lock", "l")
	canceled := fmt.Errorf("get: %w", context.Canceled)
	log.Error(canceled, "while it runs")
	close(ended)
	log.Error(canceled, "at its end")
	log.Error(errors.New("refused"), "at its end, another error")
	log.Info("at its end, no error")
	for text, want := range map[string]bool{
		`msg="while it runs" lock=l err="get: context canceled"`: true, `msg="at its end" `: false,
		`msg="at its end, another error" lock=l err=refused`: true, `msg="at its end, no error" lock=l`: true,
	} {
		if strings.Contains(out.String(), text) != want {
			t.Errorf("the log has %q: %t; it is\n%s", text, !want, out.String())
		}
	}
}
