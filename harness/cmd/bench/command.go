package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"contour.example/harness/bench"
	"contour.example/harness/bench/target"
	"contour.example/harness/kube"
	"contour.example/harness/relay"
)

// command is the parsed command line.
type command struct {
	sizes   []int
	options bench.Options
	local   target.Options
	runs    int
	name    string
	note    string

	output  string // of the report as JSON
	page    string // of the report as HTML
	compare string
	render  string // a report to read instead of measuring

	// The rest is for a target that already runs.
	kubeconfig    string
	envoyHTTP     string
	envoyHTTPS    string
	relayListen   string
	relayTarget   string
	envoyPID      int
	controllerPID int
	metricsURL    string
	backendIP     string
}

// parse reads the command line; usage is written to stderr.
func parse(args []string, stderr io.Writer) (command, error) {
	c := command{options: bench.Defaults()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	c.measureFlags(flags)
	c.targetFlags(flags)
	c.reportFlags(flags)
	if err := flags.Parse(args); err != nil {
		return command{}, err
	}
	if flags.NArg() > 0 {
		return command{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if len(c.sizes) == 0 {
		c.sizes = []int{c.options.N}
	}
	return c, c.check()
}

func (c *command) measureFlags(flags *flag.FlagSet) {
	o := &c.options
	flags.Func("n", "`number` of objects; may be repeated (default 1000)", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return errors.New("must be a number above 0")
		}
		c.sizes = append(c.sizes, n)
		return nil
	})
	flags.Func("api", "`kind` of the objects: httpproxy, ingress or gateway (default httpproxy)", func(s string) error {
		o.API = bench.API(s)
		if !slices.Contains(bench.APIs(), o.API) {
			return fmt.Errorf("must be one of %v", bench.APIs())
		}
		c.local.Gateway = o.API == bench.Gateway
		return nil
	})
	flags.BoolVar(&o.SharedHost, "shared-host", false, "put all routes on one host, with -api gateway")
	all := strings.Join(bench.Scenarios(), ",")
	flags.Func("scenarios", "`names`, comma-separated; load always runs; of "+all+" (default all but propagation, gateways and hostile)", func(s string) error {
		o.Scenarios = strings.Split(s, ",")
		return nil
	})
	flags.StringVar(&o.Class, "class", "", "ingress `class` of the objects, or class of the Gateway, by default "+target.GatewayClass)
	flags.IntVar(&o.Samples, "samples", o.Samples, "changes for each latency")
	flags.IntVar(&o.Writers, "writers", o.Writers, "clients that create objects at a time")
	flags.DurationVar(&o.LoadTimeout, "load-timeout", o.LoadTimeout, "bound of each wait while loading")
	flags.DurationVar(&o.Timeout, "timeout", o.Timeout, "bound of every other wait")
	flags.DurationVar(&o.Idle, "idle", o.Idle, "duration of the idle scenario")
	flags.DurationVar(&o.Churn, "churn", o.Churn, "how long to churn")
	flags.Float64Var(&o.ChurnRate, "churn-rate", o.ChurnRate, "edits a second of the churn")
	flags.IntVar(&o.Switches, "switches", o.Switches, "switches under load")
	flags.Float64Var(&o.Rate, "rate", o.Rate, "requests a second of the load")
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "how often to measure each way of a request")
	flags.IntVar(&o.Requests, "requests", o.Requests, "requests to send each time")
	flags.IntVar(&o.TLSHosts, "tls-hosts", 0, "TLS hosts to add; 0 is N, at most "+strconv.Itoa(bench.MaxTLSHosts))
	flags.BoolVar(&o.TLSShared, "tls-shared", false, "make those hosts share one Secret with a wildcard certificate")
	flags.IntVar(&o.Propagation.Changes, "changes", o.Propagation.Changes, "objects to create and delete in the propagation scenario")
	flags.Float64Var(&o.Propagation.Rate, "change-rate", o.Propagation.Rate, "of these, how many a second")
	flags.IntVar(&o.Gateways, "gateways", o.Gateways, "Gateways to create in the gateways scenario")
	flags.IntVar(&o.GatewayRoutes, "gateway-routes", o.GatewayRoutes, "HTTPRoutes of each of them")
	flags.DurationVar(&o.Attacked.Duration, "attack", o.Attacked.Duration, "how long each attack of the hostile scenario lasts")
	flags.BoolVar(&o.Attacked.Open, "attack-open", false, "keep the settings of the controller in the hostile scenario, instead of those of the manifests")
	flags.Func("attacks", "`names` of attacks of the hostile scenario, comma-separated (default "+strings.Join(bench.Attacks(), ",")+")", func(s string) error {
		o.Attacked.Only = strings.Split(s, ",")
		return nil
	})
	flags.IntVar(&c.runs, "runs", 1, "how often to measure each size; the report has medians")
}

func (c *command) reportFlags(flags *flag.FlagSet) {
	flags.StringVar(&c.output, "o", "", "`file` for the report as JSON")
	flags.StringVar(&c.page, "html", "", "`file` for the report as a page with plots")
	flags.StringVar(&c.compare, "compare", "", "`file` with another report (JSON) to show beside this one on the page")
	flags.StringVar(&c.render, "render", "", "render the report (JSON) in `file` instead of measuring")
	flags.StringVar(&c.name, "name", "", "`name` of what is measured, for the report")
	flags.StringVar(&c.note, "note", "", "`text` to keep in the report")
}

func (c *command) targetFlags(flags *flag.FlagSet) {
	flags.Func("controller", "`command` of any controller, with placeholders (see docs/benchmarks); empty is contour serve", func(s string) error {
		c.local.Controller = target.ParseCommand(s)
		return nil
	})
	flags.Func("bootstrap", "`command` that writes Envoy's bootstrap, with placeholders; empty uses that of this checkout", func(s string) error {
		c.local.Bootstrap = target.ParseCommand(s)
		return nil
	})
	flags.StringVar(&c.local.CRDs, "crds", "", "`directory` with manifests to apply first; empty is that of this checkout")
	flags.StringVar(&c.local.Contour, "contour", "", "`path` of contour; empty builds that of this checkout")
	flags.Func("serve-arg", "one more `argument` of contour serve; may be repeated", func(s string) error {
		c.local.Args = append(c.local.Args, s)
		return nil
	})
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "`file` of a cluster whose controller to measure; empty starts a local cluster, controller and Envoy")
	flags.StringVar(&c.envoyHTTP, "envoy-address", "", "host:port of Envoy's HTTP listener, with -kubeconfig")
	flags.StringVar(&c.envoyHTTPS, "envoy-https-address", "", "host:port of Envoy's HTTPS listener, with -kubeconfig")
	flags.IntVar(&c.envoyPID, "envoy-pid", 0, "process `id` of Envoy, for CPU and memory, with -kubeconfig")
	flags.IntVar(&c.controllerPID, "controller-pid", 0, "process `id` of the controller, for CPU and memory, with -kubeconfig")
	flags.StringVar(&c.metricsURL, "metrics-url", "", "`URL` of the controller's metrics, with -kubeconfig")
	flags.StringVar(&c.backendIP, "backend-ip", "", "`address` of this machine as Envoy reaches it, with -kubeconfig")
	flags.StringVar(&c.relayListen, "xds-relay-listen", "", "host:port where Envoy connects for xDS, to count the bytes, with -kubeconfig")
	flags.StringVar(&c.relayTarget, "xds-relay-target", "", "host:port of the controller's xDS, with -xds-relay-listen")
}

func (c *command) check() error {
	external := []string{c.envoyHTTP, c.envoyHTTPS, c.metricsURL, c.backendIP, c.relayListen}
	if c.kubeconfig == "" && strings.Join(external, "") != "" {
		return errors.New("-envoy-address, -envoy-https-address, -metrics-url, -backend-ip and -xds-relay-listen need -kubeconfig")
	}
	if c.kubeconfig != "" && (c.envoyHTTP == "" || c.backendIP == "") {
		return errors.New("-kubeconfig needs -envoy-address and -backend-ip")
	}
	if (c.relayListen == "") != (c.relayTarget == "") {
		return errors.New("-xds-relay-listen and -xds-relay-target need each other")
	}
	if (c.render != "" || c.compare != "") && c.page == "" {
		return errors.New("-render and -compare need -html")
	}
	return c.checkFigures()
}

// checkFigures checks what is measured.
func (c *command) checkFigures() error {
	o := c.options
	if min(o.Samples, o.Writers, o.Rounds, c.runs) < 1 || min(o.ChurnRate, o.Rate) <= 0 || o.Requests < bench.Connections {
		return fmt.Errorf("-samples, -writers, -churn-rate, -rate, -rounds and -runs must be above 0, -requests at least %d", bench.Connections)
	}
	if o.SharedHost && o.API != bench.Gateway {
		return errors.New("-shared-host needs -api gateway")
	}
	if o.Propagation.Changes < 2 || o.Propagation.Rate <= 0 || min(o.Gateways, o.GatewayRoutes) < 1 {
		return errors.New("-changes must be at least 2, -change-rate, -gateways and -gateway-routes above 0")
	}
	return nil
}

// parameters are what the figures depend on, for the report.
func (c *command) parameters() map[string]string {
	o := c.options
	tls := "own Secrets"
	if o.TLSShared {
		tls = "one Secret"
	}
	if o.TLSHosts > 0 {
		tls = strconv.Itoa(o.TLSHosts) + " hosts, " + tls
	}
	hosts := "one for each object"
	if o.SharedHost {
		hosts = "one for all objects"
	}
	return map[string]string{
		"runs": strconv.Itoa(c.runs), "samples": strconv.Itoa(o.Samples), "writers": strconv.Itoa(o.Writers),
		"idle": o.Idle.String(), "churn": fmt.Sprintf("%g edits a second for %s", o.ChurnRate, o.Churn),
		"switch": fmt.Sprintf("%d switches at %g requests a second", o.Switches, o.Rate), "tls": tls,
		"requests":    fmt.Sprintf("%d rounds of %d requests", o.Rounds, o.Requests),
		"propagation": fmt.Sprintf("%d changes, %g a second, and %g requests a second", o.Propagation.Changes, o.Propagation.Rate, o.Propagation.Requests),
		"gateways":    fmt.Sprintf("%d with %d routes", o.Gateways, o.GatewayRoutes),
		"hosts":       hosts,
	}
}

// target starts or finds what is measured. stop stops what was started.
func (c *command) target(ctx context.Context) (t target.Target, versions map[string]string, stop func() error, err error) {
	if c.kubeconfig == "" {
		local, err := target.Start(ctx, c.local)
		if err != nil {
			return target.Target{}, nil, nil, err
		}
		return local.Target, local.Versions, local.Stop, nil
	}
	t, err = c.external()
	stop = func() error {
		if t.Wire == nil {
			return nil
		}
		return t.Wire.Close()
	}
	return t, map[string]string{}, stop, err
}

// external is a target that already runs.
func (c *command) external() (t target.Target, err error) {
	config, err := kube.Config(c.kubeconfig, "")
	if err != nil {
		return t, err
	}
	ip, err := netip.ParseAddr(c.backendIP)
	if err != nil {
		return t, fmt.Errorf("-backend-ip: %w", err)
	}
	backend := netip.AddrPortFrom(ip, 0)
	t = target.Target{
		Config: config, HTTP: c.envoyHTTP, HTTPS: c.envoyHTTPS, EnvoyPID: c.envoyPID,
		Controller: target.Controller{PID: c.controllerPID, MetricsURL: c.metricsURL},
		Backends:   [2]netip.AddrPort{backend, backend},
	}
	if c.relayListen != "" {
		t.Wire, err = relay.Listen(c.relayListen, c.relayTarget)
	}
	return t, err
}
