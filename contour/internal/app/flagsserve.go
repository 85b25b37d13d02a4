package app

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
)

// serveFlags are the flags of serve, with the names and defaults of Contour.
type serveFlags struct {
	layers

	logging          *logFlags
	configName       string // of the ContourConfiguration
	configNamespace  string
	kubernetesDebug  int
	watchNamespaces  []string
	disabled         []string // features
	noLeaderElection bool
	lease            leaseFlags
	fleets           fleetFlags
	renewed          []string // Secrets
	// needs are those beyond kind.Always for which kinds are watched.
	needs []kind.Need
}

// leaseFlags say how the leader among the replicas is elected.
type leaseFlags struct {
	name, namespace                      string
	duration, renewDeadline, retryPeriod time.Duration
}

// defaults is the configuration of serve without a flag.
func defaults(env func(string) string) config.Config {
	c := config.Default()
	c.Status.EnvoyService.Namespace = namespace(env)
	s := &c.Process.Server
	s.CA, s.Cert, s.Key = env("CONTOUR_CAFILE"), env("CONTOUR_CERT_FILE"), env("CONTOUR_KEY_FILE")
	return c
}

func (f *serveFlags) add(fs *pflag.FlagSet, env func(string) string) {
	f.layers = newLayers(fs, defaults(env))
	f.configNamespace = namespace(env)
	f.addFile(fs)
	fs.StringVar(&f.configName, "contour-config-name", "", "Name of a ContourConfiguration in the namespace of the controller, to read the configuration from in place of a file.")
	addServing(f.overlay)
	addListening(f.overlay)
	addProcess(f.overlay)
	addFlag(f.overlay, func(c *config.Config) *bool { return &c.Gateways.Enabled }, fs.BoolVar, "gateway-api", "Serve the Gateway API; needs the permissions of manifests/gateway-api.")
	addFlag(f.overlay, func(c *config.Config) *bool { return &c.Gateways.Provision }, fs.BoolVar, "gateway-provisioner", "Create Envoys for each Gateway, in its namespace; implies --gateway-api, and needs the permissions of manifests/gateway-provisioner.")
	f.fleets.add(fs, env)
	fs.IntVar(&f.kubernetesDebug, "kubernetes-debug", 0, "Verbosity of the Kubernetes client, 0 to 9.")
	fs.StringSliceVar(&f.watchNamespaces, "watch-namespaces", nil, "Namespaces to watch, comma-separated; empty watches all.")
	fs.StringArrayVar(&f.disabled, "disable-feature", nil, "Kind of object not to watch and serve: extensionservices, tlsroutes, grpcroutes, tcproutes or backendtlspolicies. May be repeated. Of these, all but backendtlspolicies are served.")
	fs.BoolVar(&f.noLeaderElection, "disable-leader-election", false, "Write statuses without being elected.")
	fs.StringSliceVar(&f.renewed, "renew-certificates", nil, "Secrets of contour certgen in the namespace of the controller, with all certificates of the xDS connection, which the leader renews; comma-separated.")
	f.lease.add(fs, env)
}

func (f *leaseFlags) add(fs *pflag.FlagSet, env func(string) string) {
	fs.StringVar(&f.name, "leader-election-resource-name", "leader-elect", "Name of the Lease.")
	fs.StringVar(&f.namespace, "leader-election-resource-namespace", namespace(env), "Namespace of the Lease.")
	fs.DurationVar(&f.duration, "leader-election-lease-duration", 15*time.Second, "Duration after which other replicas may acquire a Lease that is not renewed.")
	fs.DurationVar(&f.renewDeadline, "leader-election-renew-deadline", 10*time.Second, "Duration after which the leader stops trying to renew the Lease.")
	fs.DurationVar(&f.retryPeriod, "leader-election-retry-period", 2*time.Second, "Duration between attempts to acquire or renew the Lease.")
}

// addServing adds the flags for what Envoy does, which serve and standalone share.
func addServing(o *overlay) {
	fs := o.flags
	addFlag(o, func(c *config.Config) *string { return &c.AccessLog.Format }, o.addChoice("envoy", "json"), "accesslog-format", "Format of Envoy's access logs: envoy or json.")
	addFlag(o, func(c *config.Config) *time.Duration { return &c.XDS.DrainTime }, fs.DurationVar, "envoy-drain-time", "Set this to the --drain-time-s of Envoy, during which it keeps replaced listeners in memory: the controller sends large listeners less often.")
	addFlag(o, func(c *config.Config) *string { return &c.AccessLog.HTTP }, fs.StringVar, "envoy-http-access-log", "Envoy's access log of the HTTP listener.")
	addFlag(o, func(c *config.Config) *string { return &c.AccessLog.HTTPS }, fs.StringVar, "envoy-https-access-log", "Envoy's access log of the HTTPS listener.")
	addFlag(o, func(c *config.Config) *string { return &c.Gateways.ControllerName }, fs.StringVar, "gateway-controller-name", "Controller name of the GatewayClasses to serve.")
	addFlag(o, func(c *config.Config) *[]netip.Prefix { return &c.Gateways.Addresses }, o.addRanges, "gateway-addresses", "Ranges of the addresses of Gateways, comma-separated, of at most 65536 addresses each. Every Envoy must be able to listen on each of them.")
	addFlag(o, func(c *config.Config) *[]string { return &c.Objects.IngressClassNames }, o.addList, "ingress-class-name", "Ingress classes to serve, comma-separated; empty serves objects without a class and of class contour.")
	addFlag(o, func(c *config.Config) *[]string { return &c.Status.Addresses }, o.addList, "ingress-status-address", "Addresses to publish as load-balancer status, comma-separated.")
	addFlag(o, func(c *config.Config) *[]string { return &c.Objects.RootNamespaces }, o.addList, "root-namespaces", "Namespaces that may hold root HTTPProxies, comma-separated; empty allows all.")
	addFlag(o, func(c *config.Config) *int { return &c.RouteTables.Hosts }, fs.IntVar, "route-table-hosts", "Hosts up to which the HTTP listener has a single route table; more are sharded into several.")
	addFlag(o, func(c *config.Config) *bool { return &c.XDS.CertificatesOnDemand }, o.addCertificates, "tls-certificates", "How Envoy gets the certificates of TLS hosts: per-host with its configuration, or on-demand when clients ask, for very many hosts; that is without resumption of TLS sessions.")
	addFlag(o, func(c *config.Config) *bool { return &c.Listeners.UseProxyProtocol }, fs.BoolVar, "use-proxy-protocol", "Expect the PROXY protocol on Envoy's listeners.")
}

func (o *overlay) addCertificates(p *bool, name string, value bool, usage string) {
	*p = value
	o.flags.Var((*certificatesValue)(p), name, usage)
}

// addListening adds the flags for what Envoys in a cluster listen on, and how they are reached.
func addListening(o *overlay) {
	fs := o.flags
	o.addAddress(func(c *config.Config) *config.Address { return &c.Listeners.HTTP }, "envoy-service-http", "Envoy's HTTP listener", "")
	o.addAddress(func(c *config.Config) *config.Address { return &c.Listeners.HTTPS }, "envoy-service-https", "Envoy's HTTPS listener", "")
	o.addAddress(func(c *config.Config) *config.Address { return &c.Listeners.Stats }, "stats", "Envoy's /stats and /ready", "envoy.metrics")
	addFlag(o, func(c *config.Config) *string { return &c.Status.EnvoyService.Name }, fs.StringVar, "envoy-service-name", "Service whose addresses are published as load-balancer status.")
	addFlag(o, func(c *config.Config) *string { return &c.Status.EnvoyService.Namespace }, fs.StringVar, "envoy-service-namespace", "Namespace of that Service.")
}

// addProcess adds the flags for the controller itself.
func addProcess(o *overlay) {
	fs := o.flags
	addFlag(o, func(c *config.Config) *bool { return &c.Process.Server.Insecure }, fs.BoolVar, "insecure", "Serve xDS in plain text; for loopback only.")
	addFlag(o, func(c *config.Config) *bool { return &c.Process.API.InCluster }, fs.BoolVar, "incluster", "Use the service account of the pod.")
	addFlag(o, func(c *config.Config) *string { return &c.Process.API.Kubeconfig }, fs.StringVar, "kubeconfig", "Path of a kubeconfig; empty takes $KUBECONFIG, then the one in the home directory.")
	addFlag(o, func(c *config.Config) *float32 { return &c.Process.API.QPS }, fs.Float32Var, "kubernetes-client-qps", "Requests a second to the API server; 0 leaves it to the server's priority and fairness.")
	addFlag(o, func(c *config.Config) *int { return &c.Process.API.Burst }, fs.IntVar, "kubernetes-client-burst", "Requests at once beyond that rate.")
	o.addAddress(func(c *config.Config) *config.Address { return &c.Process.Server.Address }, "xds", "the xDS server", "")
	addFlag(o, func(c *config.Config) *int { return &c.Process.Server.PerAddress }, fs.IntVar, "xds-clients-per-address", "Envoys that may connect to the xDS server from one IP address, other than loopback: more than the largest number behind one address, if addresses are translated.")
	addFlag(o, func(c *config.Config) *time.Duration { return &c.Process.Server.ConnectionAge }, fs.DurationVar, "xds-connection-age", "Time after which a connection of an Envoy to the xDS server ends, give or take a tenth, so that Envoys spread over the replicas; 0 is never.")
	addFlag(o, func(c *config.Config) *string { return &c.Process.Server.CA }, fs.StringVar, "contour-cafile", "CA that the certificates of Envoys must be signed by.")
	addFlag(o, func(c *config.Config) *string { return &c.Process.Server.Cert }, fs.StringVar, "contour-cert-file", "Certificate of the xDS server.")
	addFlag(o, func(c *config.Config) *string { return &c.Process.Server.Key }, fs.StringVar, "contour-key-file", "Key of the xDS server.")
	o.addAddress(func(c *config.Config) *config.Address { return &c.Process.Health }, "health", "/healthz", "")
	o.addAddress(func(c *config.Config) *config.Address { return &c.Process.Metrics }, "http", "/metrics", "metrics")
	addFlag(o, func(c *config.Config) *bool { return &c.Process.MetricsPerHost }, fs.BoolVar, "metrics-per-host", "Label the metrics of valid and invalid HTTPProxies with their host: a series for each host, as in Contour.")
	o.addAddress(func(c *config.Config) *config.Address { return &c.Process.Debug }, "debug-http", "/debug", "")
}

// check says what is wrong with the flags that are not in the configuration.
func (f *serveFlags) check() error {
	errs := []error{f.checkSource()}
	for _, feature := range f.disabled {
		errs = append(errs, oneOf("disable-feature", feature, "extensionservices", "tlsroutes", "grpcroutes", "tcproutes", "backendtlspolicies"))
	}
	return errors.Join(errs...)
}

func (f *serveFlags) checkSource() error {
	if f.path != "" && f.configName != "" {
		return errors.New("--config-path and --contour-config-name: choose one")
	}
	return nil
}

// watched returns the kinds that serve watches.
func (f *serveFlags) watched() kind.List {
	return slices.DeleteFunc(kind.All().Watched(f.needs...), func(d kind.Descriptor) bool { return slices.Contains(f.disabled, d.Resource) })
}

// checkServer says what is wrong with the xDS server.
func checkServer(s config.Server) error {
	given := s.CA != "" || s.Cert != "" || s.Key != ""
	switch {
	case s.Insecure && given:
		return errors.New("--insecure: certificates are given too; choose one")
	case s.Insecure && !socketOf(s.Address).loopback():
		return fmt.Errorf("--insecure: plain text is for loopback only, and --xds-address is %s", s.Host)
	case s.PerAddress < 1:
		return fmt.Errorf("--xds-clients-per-address: %d is less than 1", s.PerAddress)
	case !s.Insecure && (s.CA == "" || s.Cert == "" || s.Key == ""):
		return errors.New("mutual TLS needs --contour-cafile, --contour-cert-file and --contour-key-file (contour certgen makes them)")
	}
	return nil
}
