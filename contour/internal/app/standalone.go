package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/console"
	"contour.example/contour/internal/debug"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/proxy"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/store"
	"contour.example/envoybootstrap"
)

// standaloneFlags are the flags of standalone. It is a tool for one person's machine, so that everything
// listens on loopback by default.
type standaloneFlags struct {
	layers

	envoy       string
	concurrency int
	http, https socket
	admin       uint16
	stats       uint16
	accessLog   string
}

func standaloneCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &standaloneFlags{}
	c := &cobra.Command{
		Use:   "standalone PATH ...",
		Short: "Serve manifests with an Envoy of its own; no Kubernetes needed.",
		Long: `Serve the Ingresses, HTTPProxies and objects of the Gateway API among the manifests in directories (*.yaml, *.yml, *.json) and files; - is standard input.

An Envoy runs as a child process, and both end together. Changes of files are served at once. The hosts
served and whatever is wrong in the manifests go to standard output, logs to standard error.
Addresses of endpoints come from EndpointSlice or Endpoints manifests.`,
		Example: "  contour standalone examples/quickstart\n  kubectl kustomize . | contour standalone - services.yaml",
		Args:    arguments(1, maxPaths),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(f.check()); err != nil {
				return err
			}
			return f.run(c.Context(), s, logging, dir.Watched{Paths: args, Stdin: c.InOrStdin()})
		},
	}
	f.add(c.Flags())
	return c
}

func (f *standaloneFlags) add(fs *pflag.FlagSet) {
	const loopback = "127.0.0.1"
	fs.StringVar(&f.envoy, "envoy", "", "Path of the Envoy binary; empty takes $ENVOY, then envoy on PATH.")
	fs.IntVar(&f.concurrency, "envoy-concurrency", 2, "Worker threads of Envoy.")
	f.http.add(fs, "http", loopback, 8080, "Envoy's HTTP listener")
	f.https.add(fs, "https", loopback, 8443, "Envoy's HTTPS listener")
	fs.Uint16Var(&f.admin, "admin-port", 0, "Port on "+loopback+" for Envoy's admin endpoint and the controller's /debug pages; 0 serves neither.")
	fs.Uint16Var(&f.stats, "stats-port", 0, "Port on "+loopback+" for Envoy's /stats and /ready; 0 takes a free one.")
	fs.StringVar(&f.accessLog, "access-log", "", "File for Envoy's access log, such as /dev/stderr; empty writes none.")
	base := config.Default()
	base.AccessLog.HTTP, base.AccessLog.HTTPS = "", ""
	base.Endpoints.Loopback = true                                                  // who writes the directory can reach the machine
	base.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("127.1.0.0/16")} // of this machine
	f.layers = newLayers(fs, base)
	f.addFile(fs)
	addServing(f.overlay)
}

func (f *standaloneFlags) check() error {
	errs := []error{f.http.check("http-address"), f.https.check("https-address")}
	if f.http.port == 0 || f.https.port == 0 {
		errs = append(errs, errors.New("--http-port and --https-port: 0 is no port to listen on"))
	}
	if f.http == f.https {
		errs = append(errs, fmt.Errorf("--http-port and --https-port: both are %d", f.http.port))
	}
	if f.concurrency < 1 {
		errs = append(errs, fmt.Errorf("--envoy-concurrency: %d is less than 1", f.concurrency))
	}
	return errors.Join(errs...)
}

// sockets puts what the flags that standalone alone has say into the defaults.
func (f *standaloneFlags) sockets() {
	c := &f.base
	c.Listeners.HTTP, c.Listeners.HTTPS = f.http.address(), f.https.address()
	c.Listeners.Stats = socket{"127.0.0.1", f.stats}.address()
	c.AccessLog.HTTP, c.AccessLog.HTTPS = f.accessLog, f.accessLog
}

// run serves the directory until the context or Envoy ends.
func (f *standaloneFlags) run(ctx context.Context, s Streams, logging *logFlags, manifests dir.Watched) error {
	binary, err := findEnvoy(f.envoy, s.Env)
	if err := errors.Join(readable(manifests.Paths), err, f.free(ctx), writable(f.accessLog)); err != nil {
		return err
	}
	f.sockets()
	document, text, err := f.read()
	if err != nil {
		return err
	}
	cfg, err := f.build(document)
	if err != nil {
		return err
	}
	private, err := os.MkdirTemp("", "contour-") // mode 0700
	if err != nil {
		return fmt.Errorf("private directory for sockets (set TMPDIR): %w", err)
	}
	defer os.RemoveAll(private) //nolint:errcheck // nothing can be done about it
	a := &standalone{
		core: newCore(cfg, quietLogger(s.Err, logging)), flags: f, text: text,
		manifests: manifests, binary: binary, private: private, streams: s, verbose: logging.debug,
	}
	a.console = console.New(console.Options{
		Out: s.Out, Manifests: strings.Join(manifests.Paths, ", "), Acknowledged: a.acknowledged,
		HTTP: f.http.printed("http"), HTTPS: f.https.printed("https"), Stats: socket{"127.0.0.1", f.stats}.printed("stats"),
	})
	a.follower = &follower{layers: &f.layers, log: a.log, metrics: a.metrics, apply: a.pipeline.Reconfigure}
	for _, p := range a.follower.begin(cfg, document).missing { // the log is quiet
		fmt.Fprintf(s.Err, "contour: %v\n", p)
	}
	return a.run(ctx)
}

// standalone is the stages of standalone.
type standalone struct {
	*core
	flags     *standaloneFlags
	follower  *follower
	text      []byte // of the configuration file
	manifests dir.Watched
	binary    string // of Envoy
	private   string // directory
	console   *console.Console
	streams   Streams
	verbose   bool
	proxy     *proxy.Proxy
}

func (a *standalone) run(ctx context.Context) error {
	xds, err := a.listenXDS(ctx)
	if err != nil {
		return err
	}
	admin, err := a.listenAdmin(ctx)
	if err == nil {
		err = a.startEnvoy()
	}
	if err != nil {
		return errors.Join(err, xds.Close())
	}
	batches := make(chan []store.Change)
	return all(ctx,
		a.envoy,
		func(ctx context.Context) error { return a.source(ctx, batches) },
		func(ctx context.Context) error {
			return a.core.run(ctx, batches, func(r pipeline.Result) {
				t := a.fleets.Get(ir.DefaultFleet) // the only Envoy is one of it
				a.console.SetResult(r, t.Seq(), t.Rejections())
			})
		},
		a.keySets.run,
		func(ctx context.Context) error { return a.names.run(ctx, batches) },
		func(ctx context.Context) error { return a.follower.followFile(ctx, a.text) },
		func(ctx context.Context) error { return a.xds(ctx, xds) },
		a.console.Run,
		admin,
	)
}

func (a *standalone) socket(name string) string { return filepath.Join(a.private, name+".sock") }

func (a *standalone) listenXDS(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", a.socket("xds"))
	if err != nil {
		return nil, fmt.Errorf("xDS socket (set TMPDIR to a shorter path): %w", err)
	}
	return l, nil
}

// xds serves Envoy once there is a complete configuration; until then its connection waits.
func (a *standalone) xds(ctx context.Context, l net.Listener) error {
	select {
	case <-a.published:
		a.awaitFirst(ctx)
		return serveXDS(ctx, l, a.server, newGRPC(nil, 0, grpc.StreamInterceptor(a.metrics.CountCalls()))) // only this user can access the directory of the socket
	case <-ctx.Done():
		return errors.Join(ctx.Err(), l.Close())
	}
}

// listenAdmin returns what serves the admin port, which does nothing if there is none.
func (a *standalone) listenAdmin(ctx context.Context) (run func(context.Context) error, err error) {
	if a.flags.admin == 0 {
		return func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nil
	}
	h := handlers{}
	pages := http.NewServeMux()
	pages.Handle("/", proxy.Admin(a.socket("admin")))
	debug.Register(pages, a.debug())
	a.reader.Register(pages)
	h.on(socket{"127.0.0.1", a.flags.admin}).Handle("/", localOnly(pages))
	return h.listen(ctx, a.log)
}

func (a *standalone) startEnvoy() (err error) {
	c := envoybootstrap.Default()
	c.AdminSocket, c.XDSAddress = a.socket("admin"), "unix://"+a.socket("xds")
	path := filepath.Join(a.private, "envoy.json")
	if err := envoybootstrap.Write(path, c); err != nil {
		return fmt.Errorf("bootstrap of Envoy: %w", err)
	}
	level := "error" // the console prints what Envoy warns of
	if a.verbose {
		level = "info"
	}
	a.proxy, err = proxy.Start(proxy.Options{
		Path: a.binary, Bootstrap: path, AdminSocket: a.socket("admin"), Node: "standalone", Cluster: "contour",
		Concurrency: a.flags.concurrency, LogLevel: level,
		Log: func(line string) { fmt.Fprintln(a.streams.Err, "envoy:", line) },
	})
	return err
}

// envoy returns when Envoy has ended: with an error if it did so by itself.
func (a *standalone) envoy(ctx context.Context) error {
	select {
	case <-a.proxy.Done():
		return a.proxy.Err()
	case <-ctx.Done():
		a.proxy.Stop(context.WithoutCancel(ctx))
		return ctx.Err()
	}
}

// source passes the objects of the directory to the pipeline, and its problems to the console.
func (a *standalone) source(ctx context.Context, batches chan<- []store.Change) error {
	a.manifests.Log = a.log
	return dir.Watch(ctx, a.manifests, func(b dir.Batch) {
		a.console.SetFiles(b)
		select {
		case batches <- b.Changes:
		case <-ctx.Done():
		}
	})
}

// acknowledged reports whether Envoy has, and serves, all that was published up to that sequence number.
func (a *standalone) acknowledged(ctx context.Context, seq uint64) bool {
	for _, s := range a.server.Sessions() {
		if s.Seq >= seq && s.Idle() {
			return a.proxy.Ready(ctx)
		}
	}
	return false
}

// maxPaths bounds the arguments of standalone.
const maxPaths = 1000

// readable returns an error if one of the paths does not exist.
func readable(paths []string) error {
	for _, path := range paths {
		if path == "-" {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s does not exist", path)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// findEnvoy is the path of the Envoy binary: the given one, else $ENVOY, else the one on PATH.
func findEnvoy(given string, env func(string) string) (string, error) {
	for _, candidate := range []string{given, env("ENVOY"), "envoy"} {
		if candidate == "" {
			continue
		}
		path, err := exec.LookPath(candidate)
		if err != nil {
			return "", fmt.Errorf("no Envoy to run (%w): give its path with --envoy or $ENVOY, or put envoy on PATH; in a checkout of this project, make run gets one", err)
		}
		return path, nil
	}
	return "", nil // not reached: the last candidate is not empty
}

// writable returns an error if Envoy cannot write its access log there, which is not an error of an object that it serves.
func writable(accessLog string) error {
	if accessLog == "" || strings.HasPrefix(accessLog, "/dev/") {
		return nil
	}
	file, err := os.OpenFile(accessLog, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644) //nolint:gosec // as Envoy does
	if err != nil {
		return fmt.Errorf("--access-log: %w", err)
	}
	return file.Close()
}

// free returns an error for each port that another program uses. Envoy does not detect another Envoy of the same user:
// the two would share the port and its connections.
func (f *standaloneFlags) free(ctx context.Context) error {
	errs := []error{f.http.free(ctx, "http"), f.https.free(ctx, "https")}
	if f.stats != 0 {
		errs = append(errs, socket{"127.0.0.1", f.stats}.free(ctx, "stats"))
	}
	if f.admin != 0 {
		errs = append(errs, socket{"127.0.0.1", f.admin}.free(ctx, "admin"))
	}
	return errors.Join(errs...)
}

// printed is the listener as the console prints it.
func (s socket) printed(flag string) console.Listener {
	return console.Listener{Address: netip.AddrPortFrom(netip.MustParseAddr(s.host), s.port), InUse: s.inUse(flag).Error()}
}

// quietLogger logs only errors unless debugging is enabled: the console prints diagnostics.
func quietLogger(w io.Writer, f *logFlags) *slog.Logger {
	if f.debug {
		return logger(w, f)
	}
	o := &slog.HandlerOptions{Level: slog.LevelError}
	if f.format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
