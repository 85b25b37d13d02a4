package statuswriter

import (
	"context"
	"errors"
	"log/slog"
)

// electionLog is the log of the leader election. Once this replica has ended, a request that its end has interrupted is no error.
type electionLog struct {
	slog.Handler
	ended <-chan struct{}
}

func (h electionLog) Handle(ctx context.Context, r slog.Record) error {
	select {
	case <-h.ended:
		if interrupted(r) {
			return nil
		}
	default:
	}
	return h.Handler.Handle(ctx, r)
}

// interrupted reports whether the record is about a context that was canceled.
func interrupted(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && errors.Is(err, context.Canceled)
		return !found
	})
	return found
}

func (h electionLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return electionLog{h.Handler.WithAttrs(attrs), h.ended}
}

func (h electionLog) WithGroup(name string) slog.Handler {
	return electionLog{h.Handler.WithGroup(name), h.ended}
}
