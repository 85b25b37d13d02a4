package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/fleetwriter"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/provision"
)

// defaultEnvoyImage is the image of the Envoy that this version is tested with.
const defaultEnvoyImage = "docker.io/envoyproxy/envoy:v1.40.0"

// fleetFlags are what the provisioner needs, with the names and defaults of Contour's where it has them.
type fleetFlags struct {
	envoyImage, contourImage string
	xds                      string // address at which Envoys in any namespace reach the xDS server
	cert, key                string // of the authority
}

func (f *fleetFlags) add(fs *pflag.FlagSet, env func(string) string) {
	fs.StringVar(&f.envoyImage, "envoy-image", defaultEnvoyImage, "Image of the Envoys of Gateways.")
	fs.StringVar(&f.contourImage, "contour-image", "contour.example/contour:dev", "Image of the init container and the shutdown manager of these Envoys: that of this controller.")
	fs.StringVar(&f.xds, "fleet-xds-address", "contour."+namespace(env), "Name of the Service at which these Envoys reach the xDS server, at its port.")
	fs.StringVar(&f.cert, "fleet-ca-cert-file", "/fleet-ca/tls.crt", "CA that issues the certificates of these Envoys (contour certgen --fleet-authority).")
	fs.StringVar(&f.key, "fleet-ca-key-file", "/fleet-ca/tls.key", "Key of that CA.")
}

// certificateDays is the lifetime of the certificates of fleets, at most; they end with their authority.
const certificateDays = 90

// provisions reports whether a configuration gives Gateways fleets of their own.
func provisions(c config.Config) bool {
	return c.Gateways.Provision && c.Gateways.Only == (kobj.Name{})
}

// checkProvisioner says what excludes the provisioner.
func checkProvisioner(c config.Config) error {
	switch {
	case c.Gateways.Provision && c.Gateways.Only != (kobj.Name{}):
		return errors.New("--gateway-provisioner and gateway.gatewayRef of the configuration: choose one")
	case c.Gateways.Provision && c.Process.Server.Insecure:
		return errors.New("--gateway-provisioner: certificates identify the fleets of Envoys, so the xDS server cannot be --insecure")
	}
	return nil
}

// connectFleets creates the writer of the objects of fleets, if there are any.
func (c *controller) connectFleets(cfg config.Config) error {
	if !provisions(cfg) {
		return nil
	}
	f := &c.flags.fleets
	issuer := certs.Issuer{CA: c.process.Server.CA, Cert: f.cert, Key: f.key, Namespace: c.flags.configNamespace, LifetimeDays: certificateDays}
	if _, _, err := issuer.Issue("none", time.Now()); err != nil {
		return fmt.Errorf("--gateway-provisioner: %w", err)
	}
	client, err := fleetwriter.NewAPI(c.api, c.flags.watchNamespaces, c.log)
	if err != nil {
		return err
	}
	c.fleetWriter = fleetwriter.New(fleetwriter.Options{
		Client: client, Log: c.log, Certificate: issuer, Now: time.Now,
		Objects: provision.Options{
			Controller: cfg.Gateways.ControllerName, EnvoyImage: f.envoyImage, ContourImage: f.contourImage,
			XDSAddress: f.xds, XDSPort: c.process.Server.Port, Namespace: c.flags.configNamespace, DrainSeconds: int(cfg.XDS.DrainTime.Seconds()),
		},
		Failed: func(ctx context.Context, failures map[kobj.Name]string) { c.pipeline.DeliverFailures(ctx, failures) },
	})
	return nil
}

// setFleets passes what is to exist of fleets to the writer.
func (c *controller) setFleets(r pipeline.Result) {
	if c.fleetWriter == nil {
		return
	}
	fleets := make(map[kobj.Name]gatewayapi.Provisioned, len(r.Fleets))
	for _, f := range r.Fleets {
		var p gatewayapi.Provisioned
		if f.New != nil {
			p = *f.New
		}
		fleets[f.Key] = p
	}
	c.fleetWriter.Set(fleets)
}

// together runs what the leader does until the context ends.
func together(ctx context.Context, all ...func(context.Context)) {
	var running sync.WaitGroup
	for _, f := range all {
		running.Go(func() { f(ctx) })
	}
	running.Wait()
}

// provisionerFlags are flags of Contour's provisioner that have another name, or no effect.
type provisionerFlags struct {
	election  bool
	namespace string
	metrics   string
}

// provisionerCommand is Contour's name for a controller that provisions Envoys. Contour's makes a controller for each Gateway; this one serves
// all of them.
func provisionerCommand(s Streams, logging *logFlags) *cobra.Command {
	c := serveCommand(s, logging)
	p, run := &provisionerFlags{}, c.RunE
	c.Use, c.Short = "gateway-provisioner", "The same as serve --gateway-api --gateway-provisioner, with the flags of Contour's provisioner: one controller serves all Gateways."
	fs := c.Flags()
	fs.BoolVar(&p.election, "enable-leader-election", true, "Elect a leader among the replicas.")
	fs.StringVar(&p.namespace, "leader-election-namespace", "", "The same as --leader-election-resource-namespace.")
	fs.StringVar(&p.metrics, "metrics-addr", "", "Address and port of /metrics: the same as --http-address and --http-port.")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := usage(p.apply(fs)); err != nil {
			return err
		}
		return run(c, args)
	}
	return c
}

// apply sets the flags of serve.
func (p *provisionerFlags) apply(fs *pflag.FlagSet) error {
	values := map[string]string{"gateway-api": "true", "gateway-provisioner": "true", "disable-leader-election": strconv.FormatBool(!p.election)}
	if p.namespace != "" {
		values["leader-election-resource-namespace"] = p.namespace
	}
	if p.metrics != "" {
		host, port, err := net.SplitHostPort(p.metrics)
		if err != nil {
			return fmt.Errorf("--metrics-addr: %w", err)
		}
		if host != "" {
			values["http-address"] = host
		}
		values["http-port"] = port
	}
	for name, value := range values {
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return nil
}
