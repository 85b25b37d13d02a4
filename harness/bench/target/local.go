package target

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"contour.example/envoybootstrap"
	"contour.example/envoybootstrap/admin"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/controller"
	"contour.example/harness/envoy"
	"contour.example/harness/kube"
	"contour.example/harness/local"
	"contour.example/harness/poll"
	"contour.example/harness/process"
	"contour.example/harness/relay"
)

const (
	// namespace is the controller's.
	namespace = "projectcontour"
	// stopGrace is how long a controller has to terminate after SIGTERM.
	stopGrace = 30 * time.Second
	// adminTimeout bounds a request to the admin endpoint of an Envoy that is busy.
	adminTimeout = 10 * time.Second
	// openTimeout is how long a controller has to open its xDS port.
	openTimeout = 5 * time.Minute
)

// Options describe a target on this machine; the zero value is the contour of this checkout.
type Options struct {
	// Controller is any controller; empty is contour serve.
	Controller Command
	// Bootstrap is a command that writes Envoy's bootstrap; empty uses mutual TLS and delta ADS.
	Bootstrap Command
	// Contour is the path of contour, and Args more arguments of contour serve, if Controller is
	// empty. An empty path builds that of this checkout.
	Contour string
	Args    []string
	// CRDs is a directory with manifests to apply first; empty is that of this checkout.
	CRDs string
	// Gateway applies the CRDs of the Gateway API and a GatewayClass, too, and has contour serve them.
	Gateway bool
}

// GatewayClass is the class of Gateways.
const GatewayClass = "contour"

// gatewayAddresses are those of Gateways. All runs use the same; the ports differ.
const gatewayAddresses = "127.127.0.0/16"

const gatewayClass = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ` + GatewayClass + `}
spec: {controllerName: projectcontour.io/gateway-controller}
`

// Local is a target that was started for the benchmark. Stop ends it.
type Local struct {
	Target
	// Versions of its programs.
	Versions map[string]string

	options    Options
	dir        string
	values     Values
	addresses  *address.Claims
	cluster    *local.Cluster
	controller *process.Process
	starts     int
	ours       bool // the controller is that of this checkout
	relay      *relay.Relay
	envoy      *envoy.Envoy
}

// Start returns when Envoy serves the configuration of the (still empty) cluster. It leaves nothing running if that fails.
func Start(ctx context.Context, o Options) (l *Local, err error) {
	l = &Local{options: o, values: Values{Namespace: namespace, IngressAddress: "192.0.2.1"}}
	if l.dir, err = os.MkdirTemp("", "bench-"); err != nil { // short, for the paths of unix sockets
		return nil, fmt.Errorf("target: %w", err)
	}
	for _, step := range []func(context.Context) error{l.claim, l.startCluster, l.startFirst, l.startEnvoy, l.describe} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("target: %w", err), l.Stop())
		}
	}
	return l, nil
}

// claim allocates addresses and makes credentials.
func (l *Local) claim(context.Context) (err error) {
	if l.addresses, err = address.New(); err != nil {
		return err
	}
	for _, name := range []string{XDSPort, HealthPort, MetricsPort, DebugPort, HTTPPort, HTTPSPort, StatsPort} {
		port, err := l.addresses.Port()
		if err != nil {
			return err
		}
		l.values[name] = strconv.Itoa(port)
	}
	for i := range l.Backends {
		ip, err := l.addresses.IP()
		if err != nil {
			return err
		}
		l.Backends[i] = netip.AddrPortFrom(ip, 0)
	}
	files, err := controller.WriteCredentials(l.dir)
	if err != nil {
		return err
	}
	if l.relay, err = relay.Listen("127.0.0.1:0", l.loopback(XDSPort)); err != nil {
		return err
	}
	v := l.values
	v[Dir], v[CAFile], v[CertFile], v[KeyFile] = l.dir, files.CA, files.ServerCert, files.ServerKey
	v[EnvoyCertFile], v[EnvoyKeyFile] = files.EnvoyCert, files.EnvoyKey
	v[RelayPort] = strconv.Itoa(l.relay.Port())
	v[AdminSocket], v[BootstrapFile] = envoy.AdminSocket(l.dir), filepath.Join(l.dir, "bootstrap.json")
	return nil
}

// loopback is host:port of a placeholder that is a port.
func (l *Local) loopback(port string) string { return net.JoinHostPort("127.0.0.1", l.values[port]) }

func (l *Local) startCluster(ctx context.Context) (err error) {
	if l.cluster, err = local.Start(ctx, l.dir); err != nil {
		return err
	}
	l.values[Kubeconfig] = l.cluster.Kubeconfig
	client, err := kube.New(l.cluster.Config)
	if err != nil {
		return err
	}
	crds := l.options.CRDs
	if crds == "" {
		root, err := asset.Root()
		if err != nil {
			return err
		}
		crds = filepath.Join(root, "manifests", "crds")
	}
	if err := client.InstallCRDs(ctx, crds); err != nil {
		return err
	}
	if l.options.Gateway {
		if err := installGateways(ctx, client); err != nil {
			return err
		}
	}
	_, err = client.ApplyYAML(ctx, "", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n")
	return err
}

func installGateways(ctx context.Context, client *kube.Client) error {
	crds, err := asset.GatewayCRDs(ctx, "standard")
	if err != nil {
		return err
	}
	if err := client.InstallCRDs(ctx, crds); err != nil {
		return err
	}
	_, err = client.ApplyYAML(ctx, "", gatewayClass)
	return err
}

func (l *Local) startFirst(ctx context.Context) error { return l.startController(ctx) }

// startController returns when the xDS port is open.
func (l *Local) startController(ctx context.Context, args ...string) error {
	if len(l.options.Controller) == 0 {
		contour, err := l.contour(ctx)
		if err != nil {
			return err
		}
		args := l.options.Args
		if l.options.Gateway {
			args = append([]string{"--gateway-api", "--gateway-addresses=" + gatewayAddresses}, args...)
		}
		l.ours, l.options.Controller = true, serve(contour, args)
	}
	command, err := l.options.Controller.fill(l.values)
	if err != nil {
		return err
	}
	if l.ours {
		command = append(command, args...)
	}
	l.starts++
	l.controller, err = process.Start(process.Spec{
		Name: "controller", Path: command[0], Args: command[1:],
		Log: filepath.Join(l.dir, fmt.Sprintf("controller-%d.log", l.starts)),
	})
	if err != nil {
		return err
	}
	l.Controller = Controller{PID: l.controller.PID(), MetricsURL: "http://" + l.loopback(MetricsPort) + "/metrics", Ours: l.ours}
	return l.open(ctx)
}

func (l *Local) contour(ctx context.Context) (string, error) {
	if l.options.Contour != "" {
		return filepath.Abs(l.options.Contour)
	}
	return asset.Contour(ctx, l.dir)
}

// open waits until the xDS port is open. It is an error if the controller exits before.
func (l *Local) open(ctx context.Context) error {
	return poll.Until(ctx, openTimeout, "xDS port of the controller", func(ctx context.Context) (bool, string, error) {
		if !l.controller.Running() {
			return false, "", fmt.Errorf("ended: %w", errors.Join(l.controller.Err(), errors.New(l.controller.Tail(10))))
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.loopback(XDSPort))
		if err != nil {
			return false, err.Error(), nil
		}
		return true, "", conn.Close()
	})
}

func (l *Local) startEnvoy(ctx context.Context) error {
	if err := l.launchEnvoy(ctx); err != nil {
		return err
	}
	return l.envoy.Ready(ctx)
}

// launchEnvoy starts Envoy and does not wait.
func (l *Local) launchEnvoy(ctx context.Context) (err error) {
	o := envoy.Options{Dir: l.dir}
	if len(l.options.Bootstrap) == 0 {
		o.XDS = envoybootstrap.Default()
		o.XDS.XDSPort = l.relay.Port()
		o.XDS.TLS = envoybootstrap.TLS{CAFile: l.values[CAFile], CertFile: l.values[EnvoyCertFile], KeyFile: l.values[EnvoyKeyFile]}
	} else if o.Bootstrap, err = l.writeBootstrap(ctx); err != nil {
		return err
	}
	if l.envoy, err = envoy.Start(ctx, o); err != nil {
		return err
	}
	l.EnvoyPID = l.envoy.PID()
	return nil
}

// writeBootstrap runs the command that does so and returns the file.
func (l *Local) writeBootstrap(ctx context.Context) (string, error) {
	command, err := l.options.Bootstrap.fill(l.values)
	if err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("bootstrap: %w\n%s", err, out)
	}
	return l.values[BootstrapFile], nil
}

// describe fills in what is only known once all programs run.
func (l *Local) describe(ctx context.Context) error {
	l.Config, l.Disposable, l.Lifecycle, l.Wire = l.cluster.Config, true, lifecycle{l}, l.relay
	l.HTTP, l.HTTPS = l.loopback(HTTPPort), l.loopback(HTTPSPort)
	l.Admin = admin.New(l.values[AdminSocket], admin.Options{Timeout: adminTimeout})
	info, err := l.envoy.Admin(ctx, "/server_info")
	if err != nil {
		return err
	}
	var server struct{ Version string }
	if err := json.Unmarshal(info, &server); err != nil {
		return fmt.Errorf("envoy version: %w", err)
	}
	l.Versions = map[string]string{"envoy": envoyRelease(server.Version), "controller": programVersion(l.options.Controller[0])}
	return nil
}

// envoyRelease is the number in COMMIT/NUMBER/STATE/TYPE/TLS.
func envoyRelease(version string) string {
	if parts := strings.Split(version, "/"); len(parts) > 1 {
		return parts[1]
	}
	return version
}

// programVersion is the name and version of a Go program; of any other, its name.
func programVersion(program string) string {
	if found, err := exec.LookPath(program); err == nil {
		program = found
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return filepath.Base(program)
	}
	return path.Base(info.Path) + " " + info.Main.Version
}

// Check returns an error if a process has exited that is expected to run, or if Envoy rejected a resource.
func (l *Local) Check(ctx context.Context) error {
	errs := []error{l.controller.Err(), l.envoy.Err()}
	if !l.envoy.Running() {
		return errors.Join(append(errs, errors.New("envoy ended"))...)
	}
	updates, err := l.envoy.Updates(ctx)
	if updates.Rejected > 0 {
		err = fmt.Errorf("envoy rejected %d updates", updates.Rejected)
	}
	return errors.Join(append(errs, err)...)
}

// Updates counts what Envoy has accepted and rejected.
func (l *Local) Updates(ctx context.Context) (envoy.Updates, error) { return l.envoy.Updates(ctx) }

// Stop ends all processes and deletes their files.
func (l *Local) Stop() error {
	var errs []error
	if l.envoy != nil {
		errs = append(errs, l.envoy.Kill())
	}
	if l.controller != nil {
		errs = append(errs, l.controller.Kill())
	}
	if l.relay != nil {
		errs = append(errs, l.relay.Close())
	}
	if l.cluster != nil {
		errs = append(errs, l.cluster.Stop())
	}
	if l.addresses != nil {
		errs = append(errs, l.addresses.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// lifecycle is a local target's.
type lifecycle struct{ *Local }

func (l lifecycle) StopController(context.Context) error { return l.controller.Stop(stopGrace) }

func (l lifecycle) StartController(ctx context.Context, args ...string) (Controller, error) {
	err := l.startController(ctx, args...)
	return l.Controller, err
}

func (l lifecycle) RestartEnvoy(ctx context.Context) (int, error) {
	if err := l.envoy.Kill(); err != nil {
		return 0, err
	}
	err := l.launchEnvoy(ctx)
	return l.EnvoyPID, err
}
