package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/drain"
)

// The defaults that both sides of a shutdown share; they are Contour's.
const (
	adminSocket  = "/admin/admin.sock"
	readyFile    = "/admin/ok"
	shutdownPort = 8090
)

// drainTimeout is below the 300 s that the manifests give an Envoy to end, so that it is stopped and not killed.
const drainTimeout = 280 * time.Second

func envoyCommand(s Streams, logging *logFlags) *cobra.Command {
	c := &cobra.Command{Use: "envoy", Short: "Take an Envoy out of service.", Args: cobra.NoArgs, RunE: showHelp}
	c.AddCommand(shutdownCommand(s, logging), shutdownManagerCommand(s, logging))
	return c
}

// shutdownFlags are the flags of envoy shutdown: Contour's, and one that bounds it all.
type shutdownFlags struct {
	admin, gate string
	adminPort   int
	drain       drain.Options
}

func shutdownCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &shutdownFlags{}
	c := &cobra.Command{
		Use:   "shutdown",
		Short: "Drain an Envoy, for a hook before the end of its pod.",
		Args:  arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := usage(f.check()); err != nil {
				return err
			}
			return f.run(c.Context(), logger(s.Err, logging))
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.admin, "admin-address", adminSocket, "Unix socket of Envoy's admin endpoint.")
	fs.IntVar(&f.adminPort, "admin-port", 0, "Deprecated, no effect: the admin endpoint has no port.")
	fs.DurationVar(&f.drain.Delay, "drain-delay", 0, "Time before anything happens.")
	fs.DurationVar(&f.drain.CheckDelay, "check-delay", 0, "Time between the failing readiness and the first look at the connections.")
	fs.DurationVar(&f.drain.Interval, "check-interval", 5*time.Second, "Time between two looks.")
	fs.IntVar(&f.drain.MinOpen, "min-open-connections", 0, "Connections that may be left.")
	fs.DurationVar(&f.drain.Timeout, "timeout", drainTimeout, "Time after which Envoy may be stopped whatever is open; the delays count.")
	fs.StringVar(&f.gate, "ready-file", readyFile, "File to write when Envoy may be stopped.")
	return c
}

func (f *shutdownFlags) check() error {
	var errs []error
	if f.drain.Interval <= 0 {
		errs = append(errs, fmt.Errorf("--check-interval: %s is not positive", f.drain.Interval))
	}
	if f.drain.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("--timeout: %s is not positive", f.drain.Timeout))
	}
	return errors.Join(append(errs, notNegative("min-open-connections", f.drain.MinOpen))...)
}

// run drains, and opens the gate even after an error: an Envoy that cannot be drained must not block the end of its pod.
func (f *shutdownFlags) run(ctx context.Context, log *slog.Logger) error {
	f.drain.Observe = func(open int, err error) {
		if err != nil {
			log.Warn("open connections are unknown", "error", err)
			return
		}
		log.Info("waiting for connections to end", "open", open, "minimum", f.drain.MinOpen)
	}
	log.Info("draining Envoy", "admin", f.admin, "timeout", f.drain.Timeout)
	r, err := drain.Run(ctx, drain.NewAdmin(f.admin), f.drain)
	switch {
	case err != nil:
		err = fmt.Errorf("drain Envoy: %w", err)
	case r.Late:
		log.Warn("connections are left when the time is over", "open", r.Open)
	default:
		log.Info("Envoy is drained", "open", r.Open)
	}
	return errors.Join(err, drain.Gate(f.gate).Open())
}

// managerFlags are the flags of envoy shutdown-manager.
type managerFlags struct {
	port uint16
	gate string
}

func shutdownManagerCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &managerFlags{}
	c := &cobra.Command{
		Use:   "shutdown-manager",
		Short: "Hold up the end of an Envoy until it is drained.",
		Args:  arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), logger(s.Err, logging))
		},
	}
	c.Flags().Uint16Var(&f.port, "serve-port", shutdownPort, "Port for /healthz and /shutdown.")
	c.Flags().StringVar(&f.gate, "ready-file", readyFile, "File that is there when Envoy may be stopped.")
	return c
}

func (f *managerFlags) run(ctx context.Context, log *slog.Logger) error {
	gate := drain.Gate(f.gate)
	if err := gate.Shut(); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":"+strconv.Itoa(int(f.port)))
	if err != nil {
		return err
	}
	log.Info("listening", "address", l.Addr().String(), "for", "shutdown")
	mux := http.NewServeMux()
	addHealth(mux)
	addShutdown(mux, gate, log)
	return serveShutdown(ctx, l, mux)
}

// addShutdown answers /shutdown once the gate is open: the kubelet requests it before it stops Envoy.
func addShutdown(mux *http.ServeMux, gate drain.Gate, log *slog.Logger) {
	mux.HandleFunc("GET /shutdown", func(w http.ResponseWriter, r *http.Request) {
		log.Info("Envoy is terminating, waiting for its drain")
		if err := gate.Wait(r.Context()); err != nil {
			log.Warn("request ended before the drain", "error", err)
			return
		}
		log.Info("Envoy may end")
		_, _ = w.Write([]byte("OK\n"))
	})
}

// serveShutdown is serveHTTP without a timeout for responses: a drain has its own.
func serveShutdown(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: readTimeout, MaxHeaderBytes: maxHeaderBytes}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if srv.Shutdown(bounded) != nil {
			_ = srv.Close() // closes the connections of requests that still wait
		}
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}
