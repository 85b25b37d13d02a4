// Command cluster makes a Kubernetes cluster for this checkout, and removes it.
//
//	cluster up [flags]     create it, load our images, apply manifests, print what to do with it
//	cluster down [flags]   remove it, and the Docker engine if up started one
//	cluster load [flags]   make our images again, and load them
//
// "up -provider existing" checks a cluster that is there, and applies the manifests.
// Whatever ends "up" before its end, Ctrl-C too, leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"contour.example/harness/asset"
	"contour.example/harness/cluster"
	"contour.example/harness/image"
	"contour.example/harness/keep"
	"contour.example/harness/step"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	provider, name, kubeconfig string
	workers                    int
	images                     image.Policy
	files                      []string
	ports                      map[int]int
	balancer                   string
	sample, keepEngine         bool
}

func parse(verb string, args []string, stderr io.Writer) (options, error) {
	o := options{ports: map[int]int{}}
	flags := flag.NewFlagSet("cluster "+verb, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.provider, "provider", "kind", "kind or existing")
	flags.StringVar(&o.name, "name", "contour", "the `name` of a kind cluster")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "the `file` of an existing cluster (default $KUBECONFIG)")
	flags.IntVar(&o.workers, "workers", 1, "nodes besides the control plane")
	flags.StringVar((*string)(&o.images), "images", string(image.Auto), "pull or build published images; auto asks their registries")
	flags.StringVar(&o.balancer, "balancer", "addresses", "addresses (light) or cloud-provider-kind (a container for each Service)")
	flags.BoolVar(&o.sample, "sample", true, "run the sample application")
	flags.BoolVar(&o.keepEngine, "keep-engine", false, "down: leave a Docker engine running that up started")
	flags.Func("f", "a `file` of manifests to apply; may be repeated", func(s string) error {
		o.files = append(o.files, s)
		return nil
	})
	flags.Func("port", "`HOST:NODE`: lead a port of 127.0.0.1 to one of the first node; may be repeated", func(s string) error {
		host, node, _ := strings.Cut(s, ":")
		from, err := strconv.ParseUint(host, 10, 16)
		to, err2 := strconv.ParseUint(node, 10, 16)
		o.ports[int(from)] = int(to)
		return errors.Join(err, err2)
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("what is %q?", flags.Arg(0))
	}
	if o.provider != "kind" && o.provider != "existing" {
		return o, fmt.Errorf("provider %q: want kind or existing", o.provider)
	}
	if o.balancer != "addresses" && o.balancer != "cloud-provider-kind" {
		return o, fmt.Errorf("balancer %q: want addresses or cloud-provider-kind", o.balancer)
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: cluster up|down|load [flags]")
	}
	o, err := parse(args[0], args[1:], stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := newMaker(o, stderr)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return m.up(ctx, stdout)
	case "down":
		return m.down(ctx)
	case "load":
		return m.reload(ctx)
	default:
		return fmt.Errorf("%q: want up, down or load", args[0])
	}
}

func newMaker(o options, stderr io.Writer) (*maker, error) {
	root, err := asset.Root()
	if err != nil {
		return nil, err
	}
	cache, err := keep.Dir()
	if err != nil {
		return nil, err
	}
	m := &maker{options: o, log: step.Log{W: stderr}, root: root, cache: cache, dir: filepath.Join(cache, "clusters", o.name)}
	if o.provider == "existing" {
		m.provider = cluster.Existing{Kubeconfig: o.kubeconfig}
	}
	return m, nil
}
