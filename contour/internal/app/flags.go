package app

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
)

// logFlags are the flags that every command has.
type logFlags struct {
	format string
	debug  bool
}

func (f *logFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.format, "log-format", "text", "Format of the log: text or json.")
	fs.BoolVarP(&f.debug, "debug", "d", false, "Log more.")
}

func (f *logFlags) check() error { return oneOf("log-format", f.format, "text", "json") }

// serveFlags are the flags of serve, with the names and defaults of Contour.
type serveFlags struct {
	configuration

	insecure             bool
	inCluster            bool
	kubeconfig           string
	qps                  float32
	burst                int
	kubernetesDebug      int
	watchNamespaces      []string
	xds                  socket
	caFile, cert, key    string
	health, metrics, dbg socket
	noLeaderElection     bool
	lease                leaseFlags
	// needs are those beyond kind.Always for which kinds are watched. No setting has any yet.
	needs []kind.Need
}

// leaseFlags say how the leader among the replicas is elected.
type leaseFlags struct {
	name, namespace                      string
	duration, renewDeadline, retryPeriod time.Duration
}

// socket is a TCP address to listen on.
type socket struct {
	host string
	port uint16
}

func (s socket) String() string {
	return netip.AddrPortFrom(netip.MustParseAddr(s.host), s.port).String()
}

func (s socket) loopback() bool {
	a, err := netip.ParseAddr(s.host)
	return err == nil && a.IsLoopback()
}

func (s socket) check(flag string) error {
	if _, err := netip.ParseAddr(s.host); err != nil {
		return fmt.Errorf("--%s: %q is not an IP address", flag, s.host)
	}
	return nil
}

// configuration is the flags that end up in config.Config.
type configuration struct {
	classes, addresses, roots string
	envoyName, envoyNamespace string
	http, https, stats        socket
	httpLog, httpsLog, format string
	proxyProtocol             bool
	certificates              string
	drainTime                 time.Duration
	routeTable                int
}

func (f *configuration) add(fs *pflag.FlagSet, env func(string) string) {
	d := config.Default()
	fs.StringVar(&f.format, "accesslog-format", d.AccessLog.Format, "Format of Envoy's access logs: envoy or json.")
	fs.DurationVar(&f.drainTime, "envoy-drain-time", d.XDS.DrainTime, "Drain time that Envoys run with (--drain-time-s); for so long they keep former listeners in memory, and large ones are sent less often.")
	fs.StringVar(&f.httpLog, "envoy-http-access-log", d.AccessLog.HTTP, "Envoy's access log of the HTTP listener.")
	fs.StringVar(&f.httpsLog, "envoy-https-access-log", d.AccessLog.HTTPS, "Envoy's access log of the HTTPS listener.")
	f.http.add(fs, "envoy-service-http", d.Listeners.HTTP.Host, uint16(d.Listeners.HTTP.Port), "Envoy's HTTP listener")
	f.https.add(fs, "envoy-service-https", d.Listeners.HTTPS.Host, uint16(d.Listeners.HTTPS.Port), "Envoy's HTTPS listener")
	f.stats.add(fs, "stats", d.Listeners.Stats.Host, uint16(d.Listeners.Stats.Port), "Envoy's /stats and /ready")
	fs.StringVar(&f.envoyName, "envoy-service-name", d.Status.EnvoyService.Name, "Service whose addresses are published as load-balancer status.")
	fs.StringVar(&f.envoyNamespace, "envoy-service-namespace", namespace(env), "Namespace of that Service.")
	fs.StringVar(&f.classes, "ingress-class-name", "", "Ingress classes to serve, comma-separated; empty serves objects without a class and of class contour.")
	fs.StringVar(&f.addresses, "ingress-status-address", "", "Addresses to publish as load-balancer status, comma-separated.")
	fs.StringVar(&f.roots, "root-namespaces", "", "Namespaces that may hold root HTTPProxies, comma-separated; empty allows all.")
	addCertificates(fs, &f.certificates)
	fs.BoolVar(&f.proxyProtocol, "use-proxy-protocol", false, "Expect the PROXY protocol on Envoy's listeners.")
	fs.IntVar(&f.routeTable, "route-table-hosts", d.RouteTables.Hosts, "Hosts up to which the HTTP listener has a single route table; more are divided into several.")
}

// config is the configuration that the flags describe.
func (f *configuration) config() (config.Config, error) {
	c := config.Default()
	c.Objects.IngressClassNames, c.Objects.RootNamespaces = list(f.classes), list(f.roots)
	c.Status = config.Status{
		Addresses:    list(f.addresses),
		EnvoyService: config.Service{Namespace: f.envoyNamespace, Name: f.envoyName},
	}
	c.Listeners = config.Listeners{
		HTTP: f.http.address(), HTTPS: f.https.address(), Stats: f.stats.address(), UseProxyProtocol: f.proxyProtocol,
	}
	c.AccessLog = config.AccessLog{HTTP: f.httpLog, HTTPS: f.httpsLog, Format: f.format}
	c.RouteTables.Hosts = f.routeTable
	c.XDS = config.XDS{CertificatesOnDemand: f.certificates == onDemand, DrainTime: f.drainTime}
	return c, errors.Join(
		checkCertificates(f.certificates),
		positive("envoy-drain-time", f.drainTime),
		notNegative("route-table-hosts", f.routeTable),
		oneOf("accesslog-format", f.format, "envoy", "json"),
		f.http.check("envoy-service-http-address"),
		f.https.check("envoy-service-https-address"),
		f.stats.check("stats-address"),
	)
}

func (f *serveFlags) add(fs *pflag.FlagSet, env func(string) string) {
	f.configuration.add(fs, env)
	fs.BoolVar(&f.insecure, "insecure", false, "Serve xDS in plain text; for loopback only.")
	fs.BoolVar(&f.inCluster, "incluster", false, "Use the service account of the pod.")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "Path of a kubeconfig; empty takes $KUBECONFIG, then the one in the home directory.")
	fs.Float32Var(&f.qps, "kubernetes-client-qps", 0, "Requests a second to the API server; 0 leaves it to the server's priority and fairness.")
	fs.IntVar(&f.burst, "kubernetes-client-burst", 0, "Requests at once beyond that rate.")
	fs.IntVar(&f.kubernetesDebug, "kubernetes-debug", 0, "Verbosity of the Kubernetes client, 0 to 9.")
	fs.StringSliceVar(&f.watchNamespaces, "watch-namespaces", nil, "Namespaces to watch, comma-separated; empty watches all.")
	f.xds.add(fs, "xds", "127.0.0.1", 8001, "the xDS server")
	fs.StringVar(&f.caFile, "contour-cafile", env("CONTOUR_CAFILE"), "CA that the certificates of Envoys must be signed by.")
	fs.StringVar(&f.cert, "contour-cert-file", env("CONTOUR_CERT_FILE"), "Certificate of the xDS server.")
	fs.StringVar(&f.key, "contour-key-file", env("CONTOUR_KEY_FILE"), "Key of the xDS server.")
	f.health.add(fs, "health", "0.0.0.0", 8000, "/healthz")
	f.metrics.add(fs, "http", "0.0.0.0", 8000, "/metrics")
	f.dbg.add(fs, "debug-http", "127.0.0.1", 6060, "/debug")
	fs.BoolVar(&f.noLeaderElection, "disable-leader-election", false, "Write statuses without being elected.")
	f.lease.add(fs, env)
}

func (f *leaseFlags) add(fs *pflag.FlagSet, env func(string) string) {
	fs.StringVar(&f.name, "leader-election-resource-name", "leader-elect", "Name of the Lease.")
	fs.StringVar(&f.namespace, "leader-election-resource-namespace", namespace(env), "Namespace of the Lease.")
	fs.DurationVar(&f.duration, "leader-election-lease-duration", 15*time.Second, "Time after which others may take over.")
	fs.DurationVar(&f.renewDeadline, "leader-election-renew-deadline", 10*time.Second, "Time after which the leader gives up renewing.")
	fs.DurationVar(&f.retryPeriod, "leader-election-retry-period", 2*time.Second, "Time between attempts.")
}

// check says what is wrong with the flags as a whole.
func (f *serveFlags) check() error {
	return errors.Join(
		f.xds.check("xds-address"), f.health.check("health-address"), f.metrics.check("http-address"), f.dbg.check("debug-http-address"),
		f.checkTLS(),
	)
}

func (f *serveFlags) checkTLS() error {
	given := f.caFile != "" || f.cert != "" || f.key != ""
	switch {
	case f.insecure && given:
		return errors.New("--insecure: certificates are given too; choose one")
	case f.insecure && !f.xds.loopback():
		return fmt.Errorf("--insecure: plain text is for loopback only, and --xds-address is %s", f.xds.host)
	case !f.insecure && (f.caFile == "" || f.cert == "" || f.key == ""):
		return errors.New("mutual TLS needs --contour-cafile, --contour-cert-file and --contour-key-file (contour certgen makes them)")
	}
	return nil
}

func (s *socket) add(fs *pflag.FlagSet, prefix, host string, port uint16, what string) {
	fs.StringVar(&s.host, prefix+"-address", host, "IP address to listen on for "+what+".")
	fs.Uint16Var(&s.port, prefix+"-port", port, "Port to listen on for "+what+".")
}

func (s socket) address() config.Address { return config.Address{Host: s.host, Port: uint32(s.port)} }

// namespace is where the controller runs.
func namespace(env func(string) string) string {
	if ns := env("CONTOUR_NAMESPACE"); ns != "" {
		return ns
	}
	return "projectcontour"
}

// The values of --tls-certificates.
const (
	perHost  = "per-host"
	onDemand = "on-demand"
)

func addCertificates(fs *pflag.FlagSet, value *string) {
	fs.StringVar(value, "tls-certificates", perHost, "How Envoy gets the certificates of TLS hosts: per-host with its configuration, or on-demand when clients ask, for very many hosts; that is without resumption of TLS sessions.")
}

func checkCertificates(value string) error {
	return oneOf("tls-certificates", value, perHost, onDemand)
}

func positive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("--%s: %v is not positive", flag, d)
	}
	return nil
}

func notNegative(flag string, n int) error {
	if n < 0 {
		return fmt.Errorf("--%s: %d is negative", flag, n)
	}
	return nil
}

func oneOf(flag, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("--%s: %q is not one of %s", flag, value, strings.Join(allowed, ", "))
	}
	return nil
}

// list splits at commas and drops what is empty.
func list(s string) []string {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
