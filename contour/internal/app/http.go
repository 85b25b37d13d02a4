package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"contour.example/contour/internal/xds/server"
)

// The bounds of the small HTTP servers.
const (
	readTimeout     = 10 * time.Second
	writeTimeout    = 5 * time.Minute // the client chooses the duration of a CPU profile
	shutdownTimeout = 5 * time.Second
	maxHeaderBytes  = 64 << 10
	maxScrapes      = 4 // of metrics at a time
)

// httpClients bounds the connections of the small HTTP servers, some of which every pod can reach: they must not use up
// the file descriptors of the xDS server, nor keep out the probes of the kubelet.
func httpClients() server.ClientLimits { return server.ClientLimits{PerAddress: 64, Connections: 1024} }

// handlers puts paths on sockets; sockets that are equal share a server.
type handlers map[socket]*endpoint

// endpoint is the paths of a socket.
type endpoint struct {
	*http.ServeMux
	tls *tls.Config // nil: plain text
}

func (h handlers) on(s socket) *endpoint {
	if h[s] == nil {
		h[s] = &endpoint{ServeMux: http.NewServeMux()}
	}
	return h[s]
}

// addHealth serves the liveness probe: the process answers, independent of the API server.
func addHealth(mux *http.ServeMux) {
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK\n")) }
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /health", ok)
}

func addMetrics(mux *http.ServeMux, r *prometheus.Registry) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
}

func addProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

// localOnly protects pages that are for those who can log in to the machine, or forward a port of it, from web pages in
// their browser. It rejects requests that a page of another site causes, and requests whose host is neither local nor the
// address of the connection: a name that leads here may be of anybody.
func localOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !localHost(r):
			http.Error(w, "this host is not served here", http.StatusForbidden)
		case !slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site")):
			http.Error(w, "requests of other sites are not served here", http.StatusForbidden)
		default:
			guarded := http.NewCrossOriginProtection().Handler(h) // for browsers that do not name the site
			guarded.ServeHTTP(w, r)
		}
	})
}

// localHost reports whether the host of the request is local, or the address of the connection.
func localHost(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return false
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ip.IsLoopback() || local != nil && sameAddress(ip, local)
}

func sameAddress(ip netip.Addr, a net.Addr) bool {
	at, err := netip.ParseAddrPort(a.String())
	return err == nil && at.Addr().Unmap() == ip.Unmap()
}

// listen binds every socket and returns a function that runs until the context ends.
func (h handlers) listen(ctx context.Context, log *slog.Logger) (run func(context.Context) error, err error) {
	var servers []func(context.Context) error
	for s, at := range h {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.String())
		if err != nil {
			return nil, err
		}
		log.Info("listening", "address", l.Addr().String(), "for", "http", "tls", at.tls != nil)
		l = server.LimitListener(l, httpClients(), func() {})
		if at.tls != nil {
			l = tls.NewListener(l, at.tls)
		}
		servers = append(servers, func(ctx context.Context) error { return serveHTTP(ctx, l, at.ServeMux) })
	}
	return func(ctx context.Context) error { return all(ctx, servers...) }, nil
}

func serveHTTP(ctx context.Context, l net.Listener, mux *http.ServeMux) error {
	srv := &http.Server{
		Handler: mux, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // every client can cause a failed handshake
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		stopped <- srv.Shutdown(bounded)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := <-stopped; err != nil {
		return srv.Close() // closes the connections that have not ended in time
	}
	return nil
}

// all runs the functions concurrently; when one returns, for any reason, it cancels the others.
// It returns when all have returned, with the errors that are not the end of the context.
func all(ctx context.Context, run ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(run))
	for _, f := range run {
		go func() { results <- f(ctx) }()
	}
	var errs []error
	for range run {
		err := <-results
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
