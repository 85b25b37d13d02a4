package app

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/preview"
)

// filesFlags are the flags of commands that evaluate files: the files, and the configuration of the controller that they are for.
type filesFlags struct {
	layers

	paths []string
}

func (f *filesFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&f.paths, "filename", "f", nil, "File or directory of manifests, - for standard input; may be repeated.")
	f.addConfig(fs)
}

// addConfig adds the flags of the configuration, without those of the files.
func (f *filesFlags) addConfig(fs *pflag.FlagSet) {
	base := config.Default()
	base.Endpoints.Loopback = true // who writes the files can reach the machine, as in standalone
	base.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("127.1.0.0/16")}
	f.layers = newLayers(fs, base)
	f.addFile(fs)
	addServing(f.overlay)
}

// lookFlags are the flags of commands that evaluate files, alone or over the objects of a cluster, or without any ask a running controller.
type lookFlags struct {
	filesFlags
	clusterFlags

	live liveFlags
}

func (f *lookFlags) add(fs *pflag.FlagSet, env func(string) string) {
	f.filesFlags.add(fs)
	f.clusterFlags.add(fs)
	f.live.add(fs, env)
}

// asksController reports whether a running controller is asked: there are no files.
func (f *lookFlags) asksController() bool { return len(f.paths) == 0 && !f.listsCluster() }

// checkSource returns an error for flags that have no meaning for what is asked.
func (f *lookFlags) checkSource(fs *pflag.FlagSet) error {
	var errs []error
	reject := func(name, why string) {
		if fs.Changed(name) {
			errs = append(errs, fmt.Errorf("--%s: %s", name, why))
		}
	}
	if err := f.checkCluster(); err != nil {
		return err
	}
	if f.listsCluster() {
		for _, name := range []string{"address", "controller-port"} {
			reject(name, "no controller is asked with --over-cluster or --from=api")
		}
		return errors.Join(append(errs, f.live.check())...)
	}
	if f.asksController() {
		for _, c := range f.overlay.copies {
			reject(c.flag, "it is for the manifests of --filename; a running controller has its own configuration")
		}
		reject("config-path", "it is for the manifests of --filename; a running controller has its own configuration")
		return errors.Join(append(errs, f.live.check())...)
	}
	for _, name := range f.live.names() {
		reject(name, "it is for a running controller, which is asked without --filename")
	}
	return errors.Join(errs...)
}

// given returns an error if there are no files.
func (f *filesFlags) given() error {
	if len(f.paths) == 0 {
		return usage(errors.New("--filename: give a file or directory of manifests, or - for standard input"))
	}
	return nil
}

// load evaluates the files.
func (f *filesFlags) load(c *cobra.Command, s Streams, logging *logFlags) (*preview.Preview, error) {
	document, _, err := f.read()
	if err != nil {
		return nil, err
	}
	cfg, err := f.build(document)
	if err != nil {
		return nil, err
	}
	return preview.Load(preview.Options{Paths: f.paths, Stdin: c.InOrStdin(), Config: cfg, Log: quietLogger(s.Err, logging)})
}
