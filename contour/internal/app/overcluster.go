package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/kube"
)

// The values of --from.
const (
	fromController = "controller"
	fromAPI        = "api"
)

// clusterFlags are the flags of commands that evaluate the objects of a cluster themselves: alone, or with files over them.
type clusterFlags struct {
	overCluster bool
	from        string
}

func (f *clusterFlags) add(fs *pflag.FlagSet) {
	fs.BoolVar(&f.overCluster, "over-cluster", false, "Apply the manifests over the objects of the cluster, without writing anything.")
	fs.StringVar(&f.from, "from", fromController, "Who evaluates the objects of a cluster: controller, which is asked, or api for this command, which lists the objects with your permissions and needs no controller.")
}

// listsCluster reports whether the objects of the cluster are listed.
func (f *lookFlags) listsCluster() bool { return f.overCluster || f.from == fromAPI }

// checkCluster returns an error for flags that exclude each other.
func (f *lookFlags) checkCluster() error {
	errs := []error{oneOf("from", f.from, fromController, fromAPI)}
	switch {
	case f.overCluster && len(f.paths) == 0:
		errs = append(errs, errors.New("--over-cluster: give the manifests to apply with --filename"))
	case f.from == fromAPI && len(f.paths) > 0 && !f.overCluster:
		errs = append(errs, errors.New("--from: manifests of --filename are evaluated alone; give --over-cluster, too"))
	}
	return errors.Join(errs...)
}

// listed is the objects of a cluster, and how its controller is configured.
type listed struct {
	cluster *preview.Cluster
	config  config.Config
}

// list lists the objects of the cluster with the permissions of the user. It says once what is unknown.
func (f *lookFlags) list(ctx context.Context, messages io.Writer) (*listed, error) {
	ctx, cancel := f.live.limited(ctx)
	defer cancel()
	api, err := kubeclient.FromContext(f.live.Kubeconfig, f.live.Context)
	if err != nil {
		return nil, err
	}
	api = kubeclient.WithRateLimit(api, 0, 0)
	found, err := f.live.installed(ctx, api)
	switch {
	case err == nil:
	case f.configured():
		fmt.Fprintf(messages, "contour: the settings of the controller are not read: %v; those of the command line apply\n", err)
	case errors.Is(err, errNoInstallation):
		fmt.Fprintf(messages, "contour: %v; the default settings apply\n", err)
	default:
		return nil, fmt.Errorf("the settings of the controller cannot be read; give them with --config-path, or flags such as --ingress-class-name: %w", err)
	}
	if found == nil {
		if found, err = notInstalled(); err != nil {
			return nil, err
		}
	}
	out := &listed{}
	if out.config, err = f.over(found); err != nil {
		return nil, err
	}
	if out.config.Gateways.Enabled {
		found.flags.needs = append(found.flags.needs, kind.GatewayAPI)
	}
	objects, err := kube.List(ctx, kube.ListOptions{Config: api, Kinds: found.flags.watched(), Namespaces: found.flags.watchNamespaces})
	if err != nil {
		return nil, err
	}
	out.cluster = &preview.Cluster{Objects: objects.Objects, Now: time.Now()}
	return out, out.tolerate(objects.Forbidden, messages)
}

// tolerate returns an error if kinds may not be listed, other than Secrets.
func (l *listed) tolerate(forbidden []kobj.Kind, messages io.Writer) error {
	var needed []string
	for _, k := range forbidden {
		if k != kobj.Secret {
			needed = append(needed, string(k))
		}
	}
	if len(needed) > 0 {
		return fmt.Errorf("listing is not permitted: %s; the ClusterRole contour-object-viewer of manifests/viewer has what is needed", strings.Join(needed, ", "))
	}
	if slices.Contains(forbidden, kobj.Secret) {
		l.cluster.NoSecrets = true
		fmt.Fprintln(messages, "contour: listing Secrets is not permitted: cannot tell whether the Secrets that objects refer to exist and are valid; they are assumed to be")
	}
	return nil
}

// configured reports whether the command line has settings of the controller.
func (f *lookFlags) configured() bool {
	return f.path != "" || slices.ContainsFunc(f.overlay.copies, func(c copied) bool { return f.overlay.flags.Changed(c.flag) })
}

// over returns the configuration of the controller with what the command line changes.
func (f *lookFlags) over(in *installation) (config.Config, error) {
	if f.path == "" {
		return f.overlay.apply(in.config, in.document), nil
	}
	document, _, err := f.read()
	if err != nil {
		return config.Config{}, err
	}
	c, err := in.flags.build(document)
	return f.overlay.apply(c, document), err
}

// loadOver evaluates the files over what is listed; no paths are the cluster alone.
func (f *lookFlags) loadOver(c *cobra.Command, s Streams, logging *logFlags, l *listed, paths []string) (*preview.Preview, error) {
	return preview.Load(preview.Options{
		Paths: paths, Stdin: c.InOrStdin(), Config: l.config, Log: quietLogger(s.Err, logging), Cluster: l.cluster,
	})
}

// load evaluates the files, or the objects of the cluster, or both.
func (f *lookFlags) load(c *cobra.Command, s Streams, logging *logFlags) (*preview.Preview, error) {
	if !f.listsCluster() {
		return f.filesFlags.load(c, s, logging)
	}
	l, err := f.list(c.Context(), s.Err)
	if err != nil {
		return nil, err
	}
	return f.loadOver(c, s, logging, l, f.paths)
}
