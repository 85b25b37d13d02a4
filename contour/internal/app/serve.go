package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"contour.example/contour/internal/certs/tlsfile"
	"contour.example/contour/internal/debug"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/source/kube"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/statuswriter"
	"contour.example/contour/internal/store"
)

func serveCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Watch a Kubernetes cluster and configure its Envoys.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(logging.check(), f.check()); err != nil {
				return err
			}
			limitGarbage(s.Env)
			return f.run(c.Context(), logger(s.Err, logging))
		},
	}
	f.add(c.Flags(), s.Env)
	return c
}

// controller is the stages of serve.
type controller struct {
	*core
	flags  *serveFlags
	tls    *tls.Config // nil: plain text
	api    *rest.Config
	source *kube.Source
	writer *statuswriter.Writer
	name   string // of this replica
}

func (f *serveFlags) run(ctx context.Context, log *slog.Logger) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	quietClientGo(log, f.kubernetesDebug)
	c := &controller{core: newCore(cfg, log), flags: f}
	if err := errors.Join(c.secure(), c.connect()); err != nil {
		return err
	}
	pages, err := c.pages(ctx)
	if err != nil {
		return err
	}
	batches := make(chan []store.Change)
	return all(ctx,
		pages,
		func(ctx context.Context) error { c.source.Run(ctx, batches); return ctx.Err() },
		func(ctx context.Context) error { return c.run(ctx, batches, c.statuses) },
		c.lead,
		c.xds,
	)
}

// secure reads the certificates of the xDS server.
func (c *controller) secure() (err error) {
	if c.flags.insecure {
		return nil
	}
	c.tls, err = tlsfile.Server(tlsfile.Files{CA: c.flags.caFile, Cert: c.flags.cert, Key: c.flags.key}, func(err error) {
		c.log.Error("certificates of the xDS server cannot be renewed; the last good ones stay", "error", err)
	})
	if err != nil {
		return fmt.Errorf("certificates of the xDS server: %w", err)
	}
	return nil
}

// connect makes what talks to the API server. Nothing is asked of it yet.
func (c *controller) connect() error {
	f := c.flags
	found, err := clusterConfig(f.inCluster, f.kubeconfig)
	if err != nil {
		return err
	}
	c.api, c.name = kubeclient.WithRateLimit(found, f.qps, f.burst), identity()
	client, err := statuswriter.NewAPI(c.api)
	if err != nil {
		return fmt.Errorf("status client: %w", err)
	}
	c.source, err = kube.New(kube.Options{Config: c.api, Kinds: kind.All().Watched(f.needs...), Namespaces: f.watchNamespaces, Log: c.log, Observe: func(k kobj.Key) { c.writer.Changed(k) }})
	if err != nil {
		return err
	}
	c.writer = statuswriter.New(statuswriter.Options{
		Client: client, Lookup: c.source.Get, Log: c.log, Observe: c.metrics.StatusWrite, Instance: c.name,
	})
	return nil
}

// pages listens for health, metrics and debugging.
func (c *controller) pages(ctx context.Context) (func(context.Context) error, error) {
	h := handlers{}
	addHealth(h.on(c.flags.health))
	addMetrics(h.on(c.flags.metrics), c.metrics.Registry)
	addProfiles(h.on(c.flags.dbg))
	debug.Register(h.on(c.flags.dbg), c.debug())
	return h.listen(ctx, c.log)
}

// statuses hands on what the statuses ought to be.
func (c *controller) statuses(r pipeline.Result) {
	c.writer.SetAll(len(r.Statuses), func(yield func(kobj.Key, *status.Desired) bool) {
		for _, s := range r.Statuses {
			var d *status.Desired
			if s.New != nil {
				d = *s.New
			}
			if !yield(s.Key, d) {
				return
			}
		}
	})
}

// lead writes statuses whenever this replica is the leader.
func (c *controller) lead(ctx context.Context) error {
	if c.flags.noLeaderElection {
		c.writer.Lead(ctx)
		return ctx.Err()
	}
	l := c.flags.lease
	return statuswriter.Election{
		Config: c.api, Namespace: l.namespace, Name: l.name, Identity: c.name,
		LeaseDuration: l.duration, RenewDeadline: l.renewDeadline, RetryPeriod: l.retryPeriod, Log: c.log,
	}.Run(ctx, c.writer.Lead)
}

// xds opens the xDS port once there is a complete configuration to serve: the open port is the readiness probe.
func (c *controller) xds(ctx context.Context) error {
	select {
	case <-c.published:
	case <-ctx.Done():
		return ctx.Err()
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.flags.xds.String())
	if err != nil {
		return fmt.Errorf("xDS: %w", err)
	}
	c.log.Info("listening", "address", l.Addr().String(), "for", "xds", "tls", c.tls != nil)
	return serveXDS(ctx, l, c.server, c.tls)
}

// identity is a name that no other replica has.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "contour"
	}
	return host + "_" + string(uuid.NewUUID())
}

// quietClientGo sends the log of the Kubernetes client to ours.
func quietClientGo(log *slog.Logger, verbosity int) {
	klog.SetLogger(logr.FromSlogHandler(log.Handler()))
	var level klog.Level
	_ = level.Set(fmt.Sprint(verbosity)) // a number always parses
}
