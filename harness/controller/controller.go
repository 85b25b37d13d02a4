package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"contour.example/harness/address"
	"contour.example/harness/envoy"
	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// readyTimeout covers the first list of all objects and the first build of all configuration.
const readyTimeout = 120 * time.Second

// Options describe one replica.
type Options struct {
	// Path is the contour command.
	Path string
	// Name identifies the replica in messages and file names.
	Name string
	// Kubeconfig is the path of the kubeconfig to use.
	Kubeconfig string
	// Dir is where the log, <Name>.log, is written.
	Dir string
	// Namespace is the controller's namespace; it must exist, for the Lease.
	Namespace string
	// Credentials are for mutual TLS; nil serves xDS without TLS.
	Credentials *Credentials
	// Listeners are Envoy's.
	Listeners Listeners
	// Args are more arguments of serve; they come last, after those of the variable CONTOUR_ARGS, and override them.
	Args []string
}

// Listeners are the ports on which Envoy listens, on 127.0.0.1.
type Listeners struct{ HTTP, HTTPS, Stats int }

// ClaimListeners claims three free ports.
func ClaimListeners(ports *address.Claims) (Listeners, error) {
	var l Listeners
	for _, port := range []*int{&l.HTTP, &l.HTTPS, &l.Stats} {
		var err error
		if *port, err = ports.Port(); err != nil {
			return Listeners{}, err
		}
	}
	return l, nil
}

// Controller is a running replica.
type Controller struct {
	*process.Process

	// XDSPort, HealthPort, MetricsPort and DebugPort are on 127.0.0.1.
	XDSPort, HealthPort, MetricsPort, DebugPort int

	name string
}

// Start starts a replica and does not wait: see Ready. The ports stay claimed until ports is closed.
func Start(o Options, ports *address.Claims) (*Controller, error) {
	c := &Controller{name: o.Name}
	for _, port := range []*int{&c.XDSPort, &c.HealthPort, &c.MetricsPort, &c.DebugPort} {
		var err error
		if *port, err = ports.Port(); err != nil {
			return nil, err
		}
	}
	p, err := process.Start(process.Spec{
		Name: o.Name, Path: o.Path, Args: c.args(o), Log: filepath.Join(o.Dir, o.Name+".log"),
	})
	if err != nil {
		return nil, err
	}
	c.Process = p
	return c, nil
}

func (c *Controller) args(o Options) []string {
	args := []string{"serve", "--kubeconfig=" + o.Kubeconfig, "--leader-election-resource-namespace=" + o.Namespace, "--envoy-drain-time=" + envoy.DrainTime.String()}
	for flag, port := range map[string]int{
		"xds": c.XDSPort, "health": c.HealthPort, "http": c.MetricsPort, "debug-http": c.DebugPort,
		"envoy-service-http": o.Listeners.HTTP, "envoy-service-https": o.Listeners.HTTPS, "stats": o.Listeners.Stats,
	} {
		args = append(args, "--"+flag+"-address=127.0.0.1", "--"+flag+"-port="+strconv.Itoa(port))
	}
	if o.Credentials == nil {
		args = append(args, "--insecure")
	} else {
		args = append(args, o.Credentials.serveArgs()...)
	}
	args = append(args, strings.Fields(os.Getenv("CONTOUR_ARGS"))...)
	return append(args, o.Args...)
}

// XDSAddress is host:port of the xDS server.
func (c *Controller) XDSAddress() string { return local(c.XDSPort) }

// Ready waits until the xDS port is open, which it is when the first complete
// configuration is published. It is an error if the process exits before.
func (c *Controller) Ready(ctx context.Context) error {
	return poll.Until(ctx, readyTimeout, "readiness of "+c.name, func(ctx context.Context) (bool, string, error) {
		if !c.Running() {
			return false, "", fmt.Errorf("ended: %w", errors.Join(c.Err(), errors.New(c.Tail(10))))
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.XDSAddress())
		if err != nil {
			return false, err.Error(), nil
		}
		return true, "", conn.Close()
	})
}

// Healthy requests /healthz.
func (c *Controller) Healthy(ctx context.Context) error {
	_, err := get(ctx, c.HealthPort, "/healthz")
	return err
}

// Metrics reads the metrics now.
func (c *Controller) Metrics(ctx context.Context) (Metrics, error) {
	text, err := c.MetricsPage(ctx)
	if err != nil {
		return nil, err
	}
	return parseMetrics(text)
}

// MetricsPage requests the metrics in the text format of Prometheus.
func (c *Controller) MetricsPage(ctx context.Context) ([]byte, error) {
	return get(ctx, c.MetricsPort, "/metrics")
}

// Debug requests a path of the debug server, for example /debug/pprof/heap.
func (c *Controller) Debug(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, c.DebugPort, path)
}

// get requests a local URL; a status other than 200 is an error.
func get(ctx context.Context, port int, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+local(port)+path, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s: %s", path, response.Status, body)
	}
	return body, nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
