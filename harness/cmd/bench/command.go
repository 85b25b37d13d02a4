package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"contour.example/harness/bench"
)

// command is what the command line asks for.
type command struct {
	sizes   []int
	options bench.Options
	local   bench.LocalOptions
	output  string
	note    string

	// The rest is for a target that runs already.
	kubeconfig    string
	envoyAddress  string
	envoyPID      int
	controllerPID int
	metricsURL    string
	backendIP     string
}

// parse reads the command line; usage goes to stderr.
func parse(args []string, stderr io.Writer) (command, error) {
	c := command{options: bench.Defaults()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	c.measureFlags(flags)
	c.targetFlags(flags)
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
	flags.Func("api", "`kind` of the objects: httpproxy or ingress (default httpproxy)", func(s string) error {
		o.API = bench.API(s)
		if o.API != bench.HTTPProxy && o.API != bench.Ingress {
			return errors.New("must be httpproxy or ingress")
		}
		return nil
	})
	all := strings.Join(bench.Scenarios(), ",")
	flags.Func("scenarios", "`names`, comma-separated; load always runs (default "+all+")", func(s string) error {
		o.Scenarios = strings.Split(s, ",")
		return nil
	})
	flags.StringVar(&o.Class, "class", "", "ingress `class` of the objects")
	flags.IntVar(&o.Samples, "samples", o.Samples, "changes to take a latency from")
	flags.IntVar(&o.Writers, "writers", o.Writers, "clients that create objects at a time")
	flags.DurationVar(&o.LoadTimeout, "load-timeout", o.LoadTimeout, "bound of each wait while loading")
	flags.DurationVar(&o.Timeout, "timeout", o.Timeout, "bound of every other wait")
	flags.DurationVar(&o.Idle, "idle", o.Idle, "how long to do nothing")
	flags.DurationVar(&o.Churn, "churn", o.Churn, "how long to churn")
	flags.Float64Var(&o.ChurnRate, "churn-rate", o.ChurnRate, "edits a second of the churn")
	flags.IntVar(&o.Switches, "switches", o.Switches, "switches under load")
	flags.Float64Var(&o.Rate, "rate", o.Rate, "requests a second of the load")
	flags.StringVar(&c.output, "o", "", "`file` for the report as JSON")
	flags.StringVar(&c.note, "note", "", "`text` to keep in the report")
}

func (c *command) targetFlags(flags *flag.FlagSet) {
	flags.StringVar(&c.local.Contour, "contour", "", "contour `command` to start; empty builds that of this checkout")
	flags.Func("serve-arg", "one more `argument` of contour serve; may be repeated", func(s string) error {
		c.local.Args = append(c.local.Args, s)
		return nil
	})
	flags.StringVar(&c.kubeconfig, "kubeconfig", "", "`file` of a cluster whose controller shall be measured; empty starts everything")
	flags.StringVar(&c.envoyAddress, "envoy-address", "", "host:port of Envoy's HTTP listener, with -kubeconfig")
	flags.IntVar(&c.envoyPID, "envoy-pid", 0, "process `id` of Envoy, for CPU and memory, with -kubeconfig")
	flags.IntVar(&c.controllerPID, "controller-pid", 0, "process `id` of the controller, for CPU and memory, with -kubeconfig")
	flags.StringVar(&c.metricsURL, "metrics-url", "", "`URL` of the controller's metrics, with -kubeconfig")
	flags.StringVar(&c.backendIP, "backend-ip", "", "`address` of this machine as Envoy reaches it, with -kubeconfig")
}

func (c *command) check() error {
	external := []string{c.envoyAddress, c.metricsURL, c.backendIP}
	if c.kubeconfig == "" && strings.Join(external, "") != "" {
		return errors.New("-envoy-address, -metrics-url and -backend-ip need -kubeconfig")
	}
	if c.kubeconfig != "" && (c.envoyAddress == "" || c.backendIP == "") {
		return errors.New("-kubeconfig needs -envoy-address and -backend-ip")
	}
	o := c.options
	if o.Samples < 1 || o.Writers < 1 || o.ChurnRate <= 0 || o.Rate <= 0 {
		return errors.New("-samples, -writers, -churn-rate and -rate must be above 0")
	}
	return nil
}

// target starts or finds what is measured. stop ends what was started.
func (c *command) target(ctx context.Context) (t bench.Target, versions map[string]string, stop func() error, err error) {
	if c.kubeconfig == "" {
		local, err := bench.Local(ctx, c.local)
		if err != nil {
			return bench.Target{}, nil, nil, err
		}
		return local.Target, local.Versions, local.Stop, nil
	}
	t, err = c.external()
	return t, nil, func() error { return nil }, err
}

// external is a target that runs already.
func (c *command) external() (bench.Target, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return bench.Target{}, fmt.Errorf("kubeconfig: %w", err)
	}
	ip, err := netip.ParseAddr(c.backendIP)
	if err != nil {
		return bench.Target{}, fmt.Errorf("-backend-ip: %w", err)
	}
	backend := netip.AddrPortFrom(ip, 0)
	return bench.Target{
		Config: config, Envoy: c.envoyAddress, EnvoyPID: c.envoyPID,
		Controller: bench.Controller{PID: c.controllerPID, MetricsURL: c.metricsURL},
		Backends:   [2]netip.AddrPort{backend, backend},
	}, nil
}
