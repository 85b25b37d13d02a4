package suite

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// Options are a run as flags describe it.
type Options struct {
	Kubeconfig     string
	HTTP, HTTPS    string
	BackendIP      string
	Report         string
	Parallel       int
	Implementation Implementation
	// Class, Features, Improvements, Skips and Timeout are those of the Runner.
	Class        string
	Features     []string
	Improvements bool
	Skips        map[string]string
	Timeout      time.Duration
}

// Register defines the flags, whose values are in o after parsing.
func (o *Options) Register(fs *flag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "`file` that leads to the cluster of the controller under test")
	fs.StringVar(&o.HTTP, "address", "", "`host:port` of the proxy for HTTP")
	fs.StringVar(&o.HTTPS, "https-address", "", "`host:port` of the proxy for HTTPS")
	fs.StringVar(&o.BackendIP, "backend-ip", "", "`address` of this machine that the proxy can reach: backends listen on it")
	fs.StringVar(&o.Report, "report", "", "`file` for the report, as YAML")
	fs.IntVar(&o.Parallel, "tests", 4, "how `many` tests run at a time")
	fs.StringVar(&o.Implementation.Name, "implementation", "unknown", "`name` of the controller, for the report")
	fs.StringVar(&o.Implementation.Version, "implementation-version", "", "its `version`")
	fs.StringVar(&o.Class, "ingress-class", "contour", "`class` for Ingresses and HTTPProxies; empty for none")
	fs.BoolVar(&o.Improvements, "improvements", false, "also test what is better than the documented API")
	fs.DurationVar(&o.Timeout, "wait", DefaultTimeout, "how `long` an expectation may take to come true")
	fs.Func("features", "extended features that the controller has: `a,b,c`, all (default) or none", o.setFeatures)
	fs.Func("skip", "do not run a test: `name=reason`; may be repeated", o.addSkip)
}

func (o *Options) setFeatures(list string) error {
	switch list {
	case "all":
		o.Features = nil
	case "none":
		o.Features = []string{}
	default:
		o.Features = strings.Split(list, ",")
	}
	return nil
}

func (o *Options) addSkip(skip string) error {
	name, reason, ok := strings.Cut(skip, "=")
	if !ok || reason == "" {
		return errors.New("want name=reason")
	}
	if o.Skips == nil {
		o.Skips = map[string]string{}
	}
	o.Skips[name] = reason
	return nil
}

// Check says which options name a test or a feature that there is not.
func (o Options) Check(tests []Test) error {
	var errs []error
	for name := range o.Skips {
		if !slices.ContainsFunc(tests, func(t Test) bool { return t.Name == name }) {
			errs = append(errs, fmt.Errorf("-skip: there is no test %s", name))
		}
	}
	for _, name := range o.Features {
		known := slices.ContainsFunc(tests, func(t Test) bool {
			return slices.Contains(t.Features, Feature{Name: name, Level: Extended})
		})
		if !known {
			errs = append(errs, fmt.Errorf("-features: there is no extended feature %s", name))
		}
	}
	return errors.Join(errs...)
}

// Runner is for the cluster of Kubeconfig.
func (o Options) Runner() (*Runner, error) {
	if o.Kubeconfig == "" || o.HTTP == "" || o.HTTPS == "" || o.BackendIP == "" {
		return nil, errors.New("there is no cluster to test: -kubeconfig, -address, -https-address and -backend-ip " +
			"say where the controller, its proxy and the backends are (make conformance needs none of them)")
	}
	ip, err := netip.ParseAddr(o.BackendIP)
	if err != nil {
		return nil, fmt.Errorf("-backend-ip: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("-kubeconfig: %w", err)
	}
	config.QPS = -1 // tests wait by asking again
	config.WarningHandler = rest.NoWarnings{}
	client, err := kube.New(config)
	if err != nil {
		return nil, err
	}
	ca, err := pki.New("conformance")
	if err != nil {
		return nil, err
	}
	r := o.Configure(Runner{
		Kube: client, Traffic: traffic.Client{HTTP: o.HTTP, HTTPS: o.HTTPS}, CA: ca,
		Backends: InProcess{Kube: client, CA: ca, IP: func() (netip.Addr, error) { return ip, nil }},
	})
	return r, nil
}

// Configure is the runner with those options that are not about where things are.
func (o Options) Configure(r Runner) *Runner {
	r.Class, r.Features, r.Improvements, r.Skips, r.Timeout = o.Class, o.Features, o.Improvements, o.Skips, o.Timeout
	return &r
}
