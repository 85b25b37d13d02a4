package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/certs/tlsfile"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/debug"
	"contour.example/contour/internal/fleetwriter"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/permission"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/settings"
	"contour.example/contour/internal/source/kube"
	"contour.example/contour/internal/source/object"
	"contour.example/contour/internal/source/votestore"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/statuswriter"
	"contour.example/contour/internal/store"
)

func serveCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &serveFlags{logging: logging}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Watch a Kubernetes cluster and configure its Envoys.",
		Args:  arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := usage(f.check()); err != nil {
				return err
			}
			limitGarbage(s.Env)
			log := logger(s.Err, logging)
			if s.RedirectClientLog != nil {
				s.RedirectClientLog(log.Handler(), f.kubernetesDebug)
			}
			return f.run(c.Context(), log)
		},
	}
	f.add(c.Flags(), s.Env)
	return c
}

// controller is the stages of serve.
type controller struct {
	*core
	flags    *serveFlags
	process  config.Process
	follower *follower
	object   *operatorObject // nil without one
	tls      *tls.Config     // nil: plain text
	// metricsTLS is that of metrics; nil: plain text.
	metricsTLS *tls.Config
	api        *rest.Config
	source     *kube.Source
	writer     *statuswriter.Writer
	// fleetWriter is nil without fleets of Gateways.
	fleetWriter *fleetwriter.Writer
	sharer      *votestore.Sharer
	checker     *permission.Checker
	renewal     *renewal // nil: certificates are not renewed
	name        string   // of this replica
	leading     atomic.Bool
	provisions  bool // Gateways have fleets of their own
}

// start is the configuration that serve begins with.
type start struct {
	config   config.Config
	document settings.Document
	text     []byte          // of the file
	object   *operatorObject // nil without one
	version  specVersion     // of the object
}

// run serves with the configuration file, or waits for the ContourConfiguration first.
func (f *serveFlags) run(ctx context.Context, log *slog.Logger) error {
	document, text, err := f.read()
	if err != nil {
		return err
	}
	cfg, err := f.build(document)
	if err != nil {
		return err
	}
	if f.configName == "" {
		return f.serve(ctx, log, start{config: cfg, document: document, text: text})
	}
	api, err := apiConfig(cfg.Process.API)
	if err != nil {
		return err
	}
	object, err := f.object(api, log)
	if err != nil {
		return err
	}
	checker, err := permission.New(permission.Options{Config: api, Needs: f.objectPermissions(), Log: log})
	if err != nil {
		return err
	}
	return all(
		ctx,
		checker.Run,
		func(ctx context.Context) error { object.run(ctx); return ctx.Err() },
		func(ctx context.Context) error { return f.serveObject(ctx, log, object, cfg.Process.Health) },
	)
}

// serveObject waits for the ContourConfiguration and serves with it. While it waits, the liveness probe is answered at health.
func (f *serveFlags) serveObject(ctx context.Context, log *slog.Logger, object *operatorObject, health config.Address) error {
	var first *v1alpha1.ContourConfiguration
	err := aliveAt(ctx, health, log, func(ctx context.Context) (err error) {
		first, err = object.first(ctx)
		return err
	})
	if err != nil {
		return err
	}
	document := object.document(first)
	cfg, err := f.build(document)
	if err != nil {
		return errors.Join(err, object.reject(ctx, first, err))
	}
	object.status.seen(first)
	return f.serve(ctx, log, start{config: cfg, document: document, object: object, version: specVersionOf(first)})
}

// aliveAt answers the liveness probe while wait runs.
func aliveAt(ctx context.Context, at config.Address, log *slog.Logger, wait func(context.Context) error) error {
	h := handlers{}
	addHealth(h.on(socketOf(at)).ServeMux)
	serve, err := h.listen(ctx, log)
	if err != nil {
		return err
	}
	return all(ctx, serve, wait)
}

// object is what follows the ContourConfiguration.
func (f *serveFlags) object(api *rest.Config, log *slog.Logger) (*operatorObject, error) {
	name := kobj.Name{Namespace: f.configNamespace, Name: f.configName}
	source, err := object.New(api, name, log)
	if err != nil {
		return nil, err
	}
	return newOperatorObject(source, name), nil
}

func (f *serveFlags) serve(ctx context.Context, log *slog.Logger, s start) error {
	if err := errors.Join(checkServer(s.config.Process.Server), checkProvisioner(s.config)); err != nil {
		if f.path == "" && s.object == nil {
			return usage(err)
		}
		return err
	}
	s.config.Gateways.Enabled = s.config.Gateways.Enabled || s.config.Gateways.Provision
	if s.config.Gateways.Enabled {
		f.needs = append(f.needs, kind.GatewayAPI)
	}
	c := &controller{core: newCore(s.config, log), flags: f, process: s.config.Process, object: s.object, provisions: provisions(s.config)}
	c.core.identity = c.identity
	c.follower = &follower{layers: &f.layers, log: log, metrics: c.metrics, apply: c.reconfigure}
	if err := errors.Join(c.secure(), c.secureMetrics(), c.connect()); err != nil {
		return err
	}
	if err := c.connectFleets(s.config); err != nil {
		return err
	}
	begun := c.follower.begin(s.config, s.document)
	pages, err := c.pages(ctx)
	if err != nil {
		return err
	}
	f.logging.setDebug(s.config.Process.LogDebug)
	batches := make(chan []store.Change)
	return all(ctx,
		pages,
		c.checker.Run,
		func(ctx context.Context) error { c.source.Run(ctx, batches); return ctx.Err() },
		c.sharer.Run,
		func(ctx context.Context) error { return c.publish(ctx, batches) },
		c.keySets.run,
		func(ctx context.Context) error { return c.names.run(ctx, batches) },
		func(ctx context.Context) error { return c.follow(ctx, s, begun) },
		c.lead,
		c.xds,
	)
}

// follow applies changes of the file or the object.
func (c *controller) follow(ctx context.Context, s start, begun outcome) error {
	if s.object == nil {
		return c.follower.followFile(ctx, s.text)
	}
	s.object.status.want(conditions(s.version.generation, begun))
	return s.object.follow(ctx, c.follower, s.version)
}

// reconfigure hands a configuration to the pipeline.
func (c *controller) reconfigure(ctx context.Context, cfg config.Config) bool {
	c.flags.logging.setDebug(cfg.Process.LogDebug)
	return c.pipeline.Reconfigure(ctx, cfg)
}

// secure reads the certificates of the xDS server.
func (c *controller) secure() (err error) {
	s := c.process.Server
	if s.Insecure {
		return nil
	}
	files := tlsfile.Files{CA: s.CA, Cert: s.Cert, Key: s.Key}
	if c.provisions {
		files.Fleets = c.flags.fleets.cert
	}
	c.tls, err = tlsfile.Server(files, func(err error) {
		c.log.Error("certificates of the xDS server cannot be renewed; the last valid ones remain in use", "error", err)
	})
	if err != nil {
		return fmt.Errorf("certificates of the xDS server: %w", err)
	}
	c.metrics.Certificates(func() map[string]time.Time {
		ends, err := files.Ends()
		if err != nil { // which the next handshake reports
			return nil
		}
		return ends
	})
	return nil
}

// secureMetrics reads the certificates of the metrics endpoint.
func (c *controller) secureMetrics() (err error) {
	f := c.process.MetricsTLS
	if f == (ir.TLSFiles{}) {
		return nil
	}
	c.metricsTLS, err = tlsfile.Pages(tlsfile.Files{CA: f.CA, Cert: f.Certificate, Key: f.Key}, func(err error) {
		c.log.Error("certificates of the metrics endpoint cannot be renewed; the last valid ones remain in use", "error", err)
	})
	if err != nil {
		return fmt.Errorf("certificates of the metrics endpoint: %w", err)
	}
	return nil
}

// connect creates the clients of the API server; it sends no request.
func (c *controller) connect() error {
	f := c.flags
	api, err := apiConfig(c.process.API)
	if err != nil {
		return err
	}
	needs := f.permissions()
	if c.provisions {
		needs = append(needs, f.fleetPermissions()...)
	}
	c.checker, err = permission.New(permission.Options{Config: api, Needs: needs, Log: c.log, Missing: c.missing})
	if err != nil {
		return err
	}
	api.Wrap(c.metrics.CountRequests)
	api.Wrap(c.checker.Observe)
	c.api, c.name = api, newName()
	client, err := statuswriter.NewAPI(c.api, c.servedKinds)
	if err != nil {
		return fmt.Errorf("status client: %w", err)
	}
	c.source, err = kube.New(kube.Options{Config: c.api, Kinds: f.watched(), Namespaces: f.watchNamespaces, Log: c.log, Observe: func(k kobj.Key) { c.writer.Changed(k) }, Count: c.metrics.Operation, ServedChanged: notify(c.rejected)})
	if err != nil {
		return err
	}
	c.served = c.source.Served
	c.writer = statuswriter.New(statuswriter.Options{
		Client: client, Lookup: c.source.Get, Log: c.log, Observe: c.metrics.StatusWrite, Instance: c.name,
	})
	return errors.Join(c.connectVotes(), c.connectRenewal())
}

// missing shows the permissions that are missing.
func (c *controller) missing(all []permission.Permission) {
	series := make([][3]string, 0, len(all))
	for _, p := range all {
		series = append(series, [3]string{p.Verb, p.On(), p.Namespace})
	}
	c.metrics.MissingPermissions(series)
}

// connectVotes creates what shares the verdicts of Envoys with other replicas: those with the same Lease.
func (c *controller) connectVotes() error {
	at := c.flags.verdicts()
	shared, err := votestore.New(c.api, at, c.log)
	if err != nil {
		return fmt.Errorf("client of verdicts: %w", err)
	}
	c.sharer = votestore.NewSharer(votestore.Options{
		ConfigMap: shared, Fleets: c.fleets, Self: c.name, Changed: c.voted, Log: c.log.With("configmap", at.String()),
		Observe: c.metrics.SharedVotes, Written: c.metrics.VotesWritten,
	})
	return nil
}

// votesTimeout is for how long the first publication waits for the verdicts of other replicas and of former runs: without
// them, what Envoys rejected would be published as if it were good.
const votesTimeout = 10 * time.Second

// publish runs the pipeline once the verdicts of others are known.
func (c *controller) publish(ctx context.Context, batches <-chan []store.Change) error {
	select {
	case <-c.sharer.Loaded():
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(votesTimeout):
		c.log.Warn("verdicts of other replicas could not be read in time; the configuration is published without them", "after", votesTimeout)
	}
	c.pipeline.Translate.ResumeShardings(c.sharer.Shardings())
	return c.run(ctx, batches, c.statuses)
}

// pages listens for health, metrics and debugging.
func (c *controller) pages(ctx context.Context) (func(context.Context) error, error) {
	return c.handlers().listen(ctx, c.log)
}

func (c *controller) handlers() handlers {
	h := handlers{}
	addHealth(h.on(socketOf(c.process.Health)).ServeMux)
	metrics := h.on(socketOf(c.process.Metrics))
	metrics.tls = c.metricsTLS
	addMetrics(metrics.ServeMux, c.metrics.Registry)
	pages := http.NewServeMux()
	addProfiles(pages)
	debug.Register(pages, c.debug())
	c.reader.Register(pages)
	at := h.on(socketOf(c.process.Debug))
	at.Handle("/debug/", localOnly(pages))
	at.Handle(apiv1.Path, localOnly(pages))
	return h
}

// statuses passes the desired statuses, and what is to exist of fleets, to the writers.
func (c *controller) statuses(r pipeline.Result) {
	c.setFleets(r)
	if r.Shardings != nil {
		c.sharer.SetShardings(r.Shardings)
	}
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

// lead writes whenever this replica is the leader.
func (c *controller) lead(ctx context.Context) error {
	if c.flags.noLeaderElection {
		c.writeAll(ctx)
		return ctx.Err()
	}
	l := c.flags.lease
	return statuswriter.Election{
		Config: c.api, Namespace: l.namespace, Name: l.name, Identity: c.name,
		LeaseDuration: l.duration, RenewDeadline: l.renewDeadline, RetryPeriod: l.retryPeriod, Log: c.log,
	}.Run(ctx, c.writeAll)
}

// writeAll writes what only the leader does: the statuses, that of the ContourConfiguration among them, the objects of fleets, and renewed
// certificates.
func (c *controller) writeAll(ctx context.Context) {
	c.leading.Store(true)
	defer c.leading.Store(false)
	writers := []func(context.Context){c.writer.Lead}
	if c.object != nil {
		writers = append(writers, func(ctx context.Context) { c.object.lead(ctx, c.follower) })
	}
	if c.fleetWriter != nil {
		writers = append(writers, c.fleetWriter.Lead)
	}
	if c.renewal != nil {
		writers = append(writers, c.renewal.run)
	}
	together(ctx, writers...)
}

// identity is the name and role of this replica.
func (c *controller) identity() (replica, role string) {
	if c.leading.Load() {
		return c.name, apiv1.Leader
	}
	return c.name, apiv1.Follower
}

// xds opens the xDS port once there is a complete configuration to serve: the open port is the readiness probe.
func (c *controller) xds(ctx context.Context) error {
	select {
	case <-c.published:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.awaitFirst(ctx)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", socketOf(c.process.Server.Address).String())
	if err != nil {
		return fmt.Errorf("xDS: %w", err)
	}
	c.log.Info("listening", "address", l.Addr().String(), "for", "xds", "tls", c.tls != nil)
	return serveXDS(ctx, l, c.server, newGRPC(c.tls, c.process.Server.ConnectionAge, grpc.StreamInterceptor(c.metrics.CountCalls())))
}

// newName is a name that no other replica has.
func newName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "contour"
	}
	return host + "_" + string(uuid.NewUUID())
}
