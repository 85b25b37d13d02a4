// Command cluster creates a Kubernetes cluster for this checkout, and removes it.
//
// cluster up [flags]       create it, load the images of this checkout, apply manifests, run a sample application, print how to use them
//
//	cluster down [flags]     remove it, and the Docker engine if up started one
//
// cluster load [flags]     build the images of this checkout again, and load them
// cluster prepare [flags]  build the parts of "up" that take longest, where no registry has it
//
// "up -provider existing" does the same in an existing cluster; "down -provider
// existing" deletes from it everything that the manifests name, including CustomResourceDefinitions and
// all their objects, even those that other users applied. If "up" fails or is interrupted,
// nothing remains, except what has been applied to an existing cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"contour.example/harness/image"
	"contour.example/harness/progress"
	"contour.example/harness/testcluster"
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
	cluster testcluster.Options
	files   []string
	sample  bool
}

func parse(verb string, args []string, stderr io.Writer) (options, error) {
	o := options{cluster: testcluster.Options{Ports: map[int]int{}, Replace: map[string]string{}, Log: progress.Log{W: stderr}}}
	flags := flag.NewFlagSet("cluster "+verb, flag.ContinueOnError)
	flags.SetOutput(stderr)
	provider := flags.String("provider", "kind", "kind or existing")
	flags.StringVar(&o.cluster.Name, "name", "contour", "the `name` of a kind cluster")
	flags.StringVar(&o.cluster.Kubeconfig, "kubeconfig", "", "the `file` of an existing cluster (default $KUBECONFIG)")
	flags.IntVar(&o.cluster.Workers, "workers", 1, "nodes besides the control plane")
	flags.StringVar((*string)(&o.cluster.Policy), "images", string(image.Auto), "pull or build published images; auto queries their registries")
	flags.StringVar((*string)(&o.cluster.Balancer), "balancer", string(testcluster.Addresses), "addresses (light) or cloud-provider-kind (a container for each Service)")
	flags.BoolVar(&o.sample, "sample", true, "run the sample application, behind what -f installs")
	flags.BoolVar(&o.cluster.KeepEngine, "keep-engine", false, "down: leave a Docker engine running that up started")
	flags.Func("f", "a `file` of manifests to apply; may be repeated", func(s string) error {
		o.files = append(o.files, s)
		return nil
	})
	flags.Func("image", "`NAME=THERE`: the nodes of an existing cluster get the image NAME of the manifests from THERE; may be repeated", o.cluster.ReplaceImage)
	flags.Func("port", "`HOST:NODE`: map a port of 127.0.0.1 to one of the first node; may be repeated", func(s string) error {
		return ports(o.cluster.Ports, s)
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("what is %q?", flags.Arg(0))
	}
	if *provider != "kind" && *provider != "existing" {
		return o, fmt.Errorf("provider %q: want kind or existing", *provider)
	}
	o.cluster.Existing = *provider == "existing"
	if o.cluster.Kubeconfig != "" && !o.cluster.Existing {
		return o, errors.New("-kubeconfig is for -provider existing: a kind cluster gets a file of its own")
	}
	return o, nil
}

func ports(into map[int]int, text string) error {
	host, node, _ := strings.Cut(text, ":")
	from, err := strconv.ParseUint(host, 10, 16)
	to, err2 := strconv.ParseUint(node, 10, 16)
	into[int(from)] = int(to)
	return errors.Join(err, err2)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: cluster up|down|load|prepare [flags]")
	}
	o, err := parse(args[0], args[1:], stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return o.up(ctx, stdout)
	case "down":
		return o.down(ctx)
	case "load":
		return o.load(ctx)
	case "prepare":
		return o.cluster.Prepare(ctx)
	default:
		return fmt.Errorf("%q: want up, down, load or prepare", args[0])
	}
}
