package app

import (
	"context"
	"fmt"
	"log/slog"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/metrics"
	"contour.example/contour/internal/settings"
	"contour.example/contour/internal/source/file"
)

// follower applies what the operator changes while the controller runs.
type follower struct {
	*layers
	log     *slog.Logger
	metrics *metrics.Metrics
	// apply hands on a configuration; it reports false if the context ended before.
	apply func(context.Context, config.Config) bool

	started config.Config // what the process has of the settings that are read at start-up only
}

// outcome is what became of a document.
type outcome struct {
	err     error              // the document is wrong, and the last good one stays in force
	missing []settings.Problem // settings without effect
	flags   []string           // flags that replace settings of the document
	restart []string           // settings that wait for the next start
}

// begin reports what is noteworthy about the configuration that the controller starts with.
func (f *follower) begin(c config.Config, d settings.Document) outcome {
	f.started = c
	o := outcome{missing: d.Ignored(), flags: f.overriding(d)}
	f.report(o)
	return o
}

// take applies a changed document; err is what is wrong with its text.
func (f *follower) take(ctx context.Context, d settings.Document, err error) outcome {
	o := outcome{err: err}
	var c config.Config
	if o.err == nil {
		c, o.err = f.build(d)
	}
	if o.err != nil {
		f.metrics.Reloaded(false)
		f.log.Error("configuration is not valid; the last good one stays in force", "error", o.err)
		return o
	}
	if !f.apply(ctx, c) {
		return o
	}
	f.metrics.Reloaded(true)
	f.log.Info("configuration has changed")
	o.missing, o.flags, o.restart = d.Ignored(), f.overriding(d), settings.RestartRequired(f.started, c)
	f.report(o)
	return o
}

// report names what has no effect, and what has none yet.
func (f *follower) report(o outcome) {
	var names, texts []string
	for _, p := range o.missing {
		names, texts = append(names, p.Key), append(texts, p.Error())
	}
	f.metrics.WithoutEffect(names)
	if len(texts) > 0 {
		f.log.Warn("settings have no effect in this version", "settings", texts)
	}
	if len(o.flags) > 0 {
		f.log.Warn("flags override settings; remove them from the command line to use the settings", "flags", o.flags)
	}
	if len(o.restart) > 0 {
		f.log.Warn("settings are read at start-up only; restart the controller to apply them", "settings", o.restart)
	}
}

// followFile applies changes of the configuration file, whose text is the last one known.
func (f *follower) followFile(ctx context.Context, last []byte) error {
	if f.path == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	err := file.Watch(ctx, f.path, last, func(text []byte, err error) {
		var d settings.Document
		switch {
		case err == nil && len(text) == 0: // somebody has just begun to write it
			err = fmt.Errorf("%s: The file is empty", f.path)
		case err == nil:
			d, err = settings.File(f.path, text)
		}
		f.take(ctx, d, err)
	})
	if err != nil { // the configuration in force is good
		f.log.Error("configuration file is no longer followed", "error", err)
	}
	<-ctx.Done()
	return ctx.Err()
}
