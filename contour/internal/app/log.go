package app

import (
	"io"
	"log/slog"
)

// logger writes to the error stream in the chosen format. Time, level and message have the names time, level and msg in both;
// docs/logs.md lists the other keys.
func logger(w io.Writer, f *logFlags) *slog.Logger {
	f.setDebug(false)
	o := &slog.HandlerOptions{Level: &f.level, ReplaceAttr: lowerLevel}
	if f.format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// lowerLevel writes the level as debug, info, warning or error, as Contour does. Levels between those, which the Kubernetes
// client has, are the next lower one.
func lowerLevel(groups []string, a slog.Attr) slog.Attr {
	level, ok := a.Value.Any().(slog.Level)
	if !ok || len(groups) > 0 || a.Key != slog.LevelKey {
		return a
	}
	switch {
	case level < slog.LevelInfo:
		a.Value = slog.StringValue("debug")
	case level < slog.LevelWarn:
		a.Value = slog.StringValue("info")
	case level < slog.LevelError:
		a.Value = slog.StringValue("warning")
	default:
		a.Value = slog.StringValue("error")
	}
	return a
}
