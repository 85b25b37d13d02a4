package app

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/settings"
	"contour.example/contour/internal/source/file"
)

// layers is what a configuration is made of: defaults, a file or an object, and flags; the later one wins.
type layers struct {
	base    config.Config
	overlay *overlay
	path    string // of the configuration file; "" is none
}

func newLayers(fs *pflag.FlagSet, base config.Config) layers {
	return layers{base: base, overlay: &overlay{flags: fs, values: base}}
}

func (l *layers) addFile(fs *pflag.FlagSet) {
	fs.StringVarP(&l.path, "config-path", "c", "", "Path of the configuration file.")
}

// build is the configuration of all layers.
func (l *layers) build(d settings.Document) (config.Config, error) {
	c, err := d.Apply(d.Defaults(l.base))
	c = d.DefaultFiles(l.overlay.apply(c, d))
	return c, errors.Join(
		err,
		ofFlags(d.CheckListeners(c)),
		ofFlags(d.CheckMetrics(c)),
		usage(
			positive("envoy-drain-time", c.XDS.DrainTime),
			notNegative("route-table-hosts", c.RouteTables.Hosts),
			notNegative("xds-connection-age", c.Process.Server.ConnectionAge),
		),
	)
}

// ofFlags marks an error that is in no document as one of the command line.
func ofFlags(err error) error {
	if p := (settings.Problem{}); errors.As(err, &p) && p.Where == "" {
		return usage(err)
	}
	return err
}

// overriding returns the flags that replace what d sets.
func (l *layers) overriding(d settings.Document) []string {
	base := d.Defaults(l.base)
	c, err := d.Apply(base)
	if err != nil {
		return nil
	}
	return l.overlay.overriding(base, c, d)
}

// read is what the configuration file says now, and its text.
func (l *layers) read() (settings.Document, []byte, error) {
	if l.path == "" {
		return settings.Empty(), nil, nil
	}
	text, err := file.Read(l.path)
	if err != nil {
		return settings.Document{}, nil, fmt.Errorf("configuration file: %w", err)
	}
	d, err := settings.File(l.path, text)
	return d, text, err
}
