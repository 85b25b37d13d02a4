package testsystem

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"contour.example/envoybootstrap"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/controller"
	"contour.example/harness/envoy"
	"contour.example/harness/kube"
	"contour.example/harness/local"
	"contour.example/harness/pki"
	"contour.example/harness/relay"
	"contour.example/harness/scenario"
	"contour.example/harness/traffic"
)

// Namespace is the controller's.
const Namespace = "projectcontour"

// Options specify a system; the zero value is one replica with mutual TLS.
type Options struct {
	// Replicas of the controller, 1 if 0.
	Replicas int
	// Insecure serves xDS without TLS.
	Insecure bool
	// Contour is the path of the command; empty is asset.Contour.
	Contour string
	// CRDs is the directory of the CustomResourceDefinitions; empty is that of this checkout.
	CRDs string
	// Bootstrap is the path of a contour command that writes the bootstrap file of Envoy; empty is this checkout's envoybootstrap.
	Bootstrap string
	// ServeArgs and EnvoyArgs are more arguments for all replicas and for Envoy.
	ServeArgs, EnvoyArgs []string
	// MayLog reports whether a line that a controller logs as an error is expected; nil expects none.
	MayLog func(line string) bool
	// MayReject is that Envoy may reject updates.
	MayReject bool
}

// System is everything that runs.
type System struct {
	// Dir has all files; logs are *.log in it and in its subdirectories.
	Dir         string
	Cluster     *local.Cluster
	Kube        *kube.Client
	Controllers []*controller.Controller
	// Relay is between Envoy and the controllers.
	Relay *relay.Relay
	Envoy *envoy.Envoy
	// Traffic sends requests to Envoy.
	Traffic traffic.Client
	// Addresses are for the backends of tests.
	Addresses *address.Claims
	// CA is for the certificates of tests.
	CA *pki.CA

	onStop      []func() error
	started     []string // logs of the replicas, those that were killed included
	guest       bool     // it uses another system's cluster
	options     Options
	listeners   controller.Listeners
	credentials *controller.Credentials
}

// Start returns when Envoy serves the configuration of the (still empty) cluster.
func Start(ctx context.Context, o Options) (*System, error) {
	s := &System{options: o}
	return s, s.start(ctx, s.claim, s.startCluster, s.startControllers, s.startEnvoy)
}

// Beside starts controllers and an Envoy in the same cluster that are for the
// objects of one ingress class, and have a leader of their own. Stop it before s.
func (s *System) Beside(ctx context.Context, class string, o Options) (*System, error) {
	if o.Contour == "" {
		o.Contour = s.options.Contour
	}
	o.ServeArgs = append([]string{"--ingress-class-name=" + class, "--leader-election-resource-name=" + class}, o.ServeArgs...)
	b := &System{options: o, guest: true, Cluster: s.Cluster, Kube: s.Kube}
	shared := func(ctx context.Context) error { return b.createShared(ctx, class) }
	return b, b.start(ctx, b.claim, shared, b.startControllers, b.startEnvoy)
}

// createShared creates the ConfigMap that the controllers with that Lease share, and its namespace, as manifests do.
func (s *System) createShared(ctx context.Context, lease string) error {
	_, err := s.Kube.ApplyYAML(ctx, "", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+Namespace+"}\n---\n"+
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "+lease+"-verdicts, namespace: "+Namespace+"}\n")
	return err
}

// start runs the steps in a directory of its own; it leaves nothing running if one fails.
func (s *System) start(ctx context.Context, steps ...func(context.Context) error) (err error) {
	if s.Dir, err = os.MkdirTemp("", "contour-"); err != nil { // short, for the paths of unix sockets
		return fmt.Errorf("system: %w", err)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return errors.Join(fmt.Errorf("system in %s: %w", s.Dir, err), s.Stop())
		}
	}
	return nil
}

// claim allocates addresses and makes credentials.
func (s *System) claim(context.Context) (err error) {
	if s.Addresses, err = address.New(); err != nil {
		return err
	}
	if s.listeners, err = controller.ClaimListeners(s.Addresses); err != nil {
		return err
	}
	s.Traffic = traffic.Client{HTTP: loopback(s.listeners.HTTP), HTTPS: loopback(s.listeners.HTTPS)}
	if s.CA, err = pki.New("test"); err != nil {
		return err
	}
	if !s.options.Insecure {
		s.credentials, err = controller.WriteCredentials(s.Dir)
	}
	return err
}

func (s *System) startCluster(ctx context.Context) (err error) {
	if s.Cluster, err = local.Start(ctx, s.Dir); err != nil {
		return err
	}
	if s.Kube, err = kube.New(s.Cluster.Config); err != nil {
		return err
	}
	if s.options.CRDs == "" {
		root, err := asset.Root()
		if err != nil {
			return err
		}
		s.options.CRDs = filepath.Join(root, "manifests", "crds")
	}
	if err := s.Kube.InstallCRDs(ctx, s.options.CRDs); err != nil {
		return err
	}
	return s.createShared(ctx, "leader-elect")
}

func (s *System) startControllers(ctx context.Context) (err error) {
	if s.options.Contour == "" {
		if s.options.Contour, err = asset.Contour(ctx, s.Dir); err != nil {
			return err
		}
	}
	for range max(1, s.options.Replicas) {
		if _, err := s.AddController(ctx); err != nil {
			return err
		}
	}
	s.Relay, err = relay.Listen("127.0.0.1:0", s.targets()...)
	return err
}

// AddController starts one more replica and returns when it is ready.
func (s *System) AddController(ctx context.Context) (*controller.Controller, error) {
	return s.AddControllerOf(ctx, s.options.Contour)
}

// AddControllerOf is AddController of another version, by the path of its command.
func (s *System) AddControllerOf(ctx context.Context, contour string) (*controller.Controller, error) {
	c, err := controller.Start(controller.Options{
		Path: contour, Name: "contour-" + strconv.Itoa(len(s.started)),
		Kubeconfig: s.Cluster.Kubeconfig, Dir: s.Dir, Namespace: Namespace,
		Credentials: s.credentials, Listeners: s.listeners, Args: s.options.ServeArgs,
	}, s.Addresses)
	if err != nil {
		return nil, err
	}
	s.started = append(s.started, c.Log())
	s.Controllers = append(s.Controllers, c)
	if err := c.Ready(ctx); err != nil {
		return nil, err
	}
	if s.Relay != nil {
		s.Relay.SetTargets(s.targets()...)
	}
	return c, nil
}

// KillController kills a replica with SIGKILL; it is no part of the system any more.
func (s *System) KillController(c *controller.Controller) error {
	s.Controllers = slices.DeleteFunc(s.Controllers, func(other *controller.Controller) bool { return other == c })
	s.Relay.SetTargets(s.targets()...)
	return c.Kill()
}

// StopController stops a replica with SIGTERM and returns when it has exited; it is no part of the system any more.
func (s *System) StopController(c *controller.Controller) error {
	s.Controllers = slices.DeleteFunc(s.Controllers, func(other *controller.Controller) bool { return other == c })
	s.Relay.SetTargets(s.targets()...)
	return c.Stop(stopGrace)
}

// stopGrace is how long a replica has to end after SIGTERM.
const stopGrace = 30 * time.Second

// targets are all replicas, in the order of their start.
func (s *System) targets() []string {
	var targets []string
	for _, c := range s.Controllers {
		targets = append(targets, c.XDSAddress())
	}
	return targets
}

func (s *System) startEnvoy(ctx context.Context) (err error) {
	o := envoy.Options{Dir: s.Dir, XDS: s.EnvoyConfig(s.Relay), Args: s.options.EnvoyArgs}
	if s.options.Bootstrap != "" {
		if o.Bootstrap, err = s.writeBootstrap(ctx); err != nil {
			return err
		}
	}
	if s.Envoy, err = envoy.Start(ctx, o); err != nil {
		return err
	}
	return s.Envoy.Ready(ctx)
}

// writeBootstrap writes a bootstrap file by the command, as the init container of Envoy's pods does.
func (s *System) writeBootstrap(ctx context.Context) (string, error) {
	file := filepath.Join(s.Dir, "bootstrap.json")
	args := []string{
		"bootstrap", file, "--xds-address=127.0.0.1", "--xds-port=" + strconv.Itoa(s.Relay.Port()),
		"--admin-address=" + envoy.AdminSocket(s.Dir), "--resources-dir=" + s.Dir,
	}
	if t := s.credentials.Envoy(); t.CAFile != "" {
		args = append(args, "--envoy-cafile="+t.CAFile, "--envoy-cert-file="+t.CertFile, "--envoy-key-file="+t.KeyFile)
	}
	if out, err := exec.CommandContext(ctx, s.options.Bootstrap, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("bootstrap: %w\n%s", err, out)
	}
	return file, nil
}

// SetBootstrap is Options.Bootstrap of the next start of Envoy.
func (s *System) SetBootstrap(contour string) { s.options.Bootstrap = contour }

// EnvoyConfig is the configuration of an Envoy that connects to the controllers through the relay.
func (s *System) EnvoyConfig(through *relay.Relay) envoybootstrap.Config {
	config := envoybootstrap.Default()
	config.XDSPort, config.TLS = through.Port(), s.credentials.Envoy()
	return config
}

// RestartEnvoy kills Envoy and starts it without any configuration.
func (s *System) RestartEnvoy(ctx context.Context) error {
	if err := s.Envoy.Kill(); err != nil {
		return err
	}
	return s.startEnvoy(ctx)
}

// Scenarios is where scenarios run on this system.
func (s *System) Scenarios(logf func(string, ...any)) scenario.Env {
	return scenario.Env{Kube: s.Kube, Traffic: s.Traffic, Addresses: s.Addresses, CA: s.CA, Logf: logf}
}

// Check returns an error if a process has exited that is expected to run, if Envoy rejected a resource, or if a controller logged an error.
func (s *System) Check(ctx context.Context) error {
	var errs []error
	for _, c := range s.Controllers {
		errs = append(errs, c.Err())
	}
	errs = append(errs, s.checkLogs())
	if !s.Envoy.Running() {
		return errors.Join(append(errs, errors.New("envoy ended"), s.Envoy.Err())...)
	}
	updates, err := s.Envoy.Updates(ctx)
	if updates.Rejected > 0 && !s.options.MayReject {
		err = fmt.Errorf("envoy rejected %d updates", updates.Rejected)
	}
	return errors.Join(append(errs, err)...)
}

// OnStop adds what Stop calls first, for what uses the system and is no part of it.
func (s *System) OnStop(stop func() error) { s.onStop = append(s.onStop, stop) }

// Stop stops all processes and returns when they have exited. The files stay: see Remove.
func (s *System) Stop() error {
	var errs []error
	for _, stop := range s.onStop {
		errs = append(errs, stop())
	}
	if s.Envoy != nil {
		errs = append(errs, s.Envoy.Kill())
	}
	for _, c := range s.Controllers {
		errs = append(errs, c.Kill())
	}
	if s.Relay != nil {
		errs = append(errs, s.Relay.Close())
	}
	if s.Cluster != nil && !s.guest {
		errs = append(errs, s.Cluster.Stop())
	}
	if s.Addresses != nil {
		errs = append(errs, s.Addresses.Close())
	}
	return errors.Join(errs...)
}

// Remove deletes the files.
func (s *System) Remove() error { return os.RemoveAll(s.Dir) }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
