// Command assets ensures that the programs that tests and demos run are in
// the user's cache, and prints their paths, one a line.
//
//	assets [-root DIR] [-dir DIR] envoy|etcd|kube-apiserver|openid-provider|ratelimit|helm|all|node|counterparts ...
//
// "all" is what the tests on this machine need; "node" is every other program of a
// cluster node; "counterparts" is what make test-counterparts needs. Each of these programs may also be given by name.
//
// Paths are printed to standard output, progress to standard error. It uses $ENVOY and
// $KUBEBUILDER_ASSETS instead of its own where they are set, and stores the cache in
// $CONTOUR_CACHE, or else in contour-dev in the user's cache directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"contour.example/tools/asset"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("assets", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "a `directory` in the repository")
	dir := flags.String("dir", "", "the cache `directory` (default $CONTOUR_CACHE, or else the user's)")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: assets [flags] envoy|etcd|kube-apiserver|openid-provider|ratelimit|helm|all|node|counterparts|PROGRAM ...")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return ignoreHelp(err)
	}
	names := flags.Args()
	if len(names) == 0 {
		flags.Usage()
		return errors.New("no program named")
	}
	cache, err := openCache(*dir, stderr)
	if err != nil {
		return err
	}
	return ensure(ctx, cache, *root, expand(names), stdout)
}

func ignoreHelp(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

func openCache(dir string, log io.Writer) (asset.Cache, error) {
	if dir == "" {
		var err error
		if dir, err = asset.DefaultDir(); err != nil {
			return asset.Cache{}, err
		}
	}
	return asset.Cache{Dir: dir, Log: log}, nil
}

func expand(names []string) []string {
	var all []string
	for _, name := range names {
		switch name {
		case "all":
			all = append(all, "envoy", "etcd", "kube-apiserver", "openid-provider", "ratelimit")
		case "node":
			all = append(all, asset.NodePrograms()...)
		case "counterparts":
			all = append(all, asset.Counterparts()...)
		default:
			all = append(all, name)
		}
	}
	return all
}

func ensure(ctx context.Context, cache asset.Cache, root string, names []string, stdout io.Writer) error {
	for _, name := range names {
		a, err := named(root, name)
		if err != nil {
			return err
		}
		path, err := cache.Ensure(ctx, a)
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, path)
	}
	return nil
}

func named(root, name string) (asset.Asset, error) {
	if name == "envoy" {
		return asset.Envoy()
	}
	root, err := asset.Root(root)
	if err != nil {
		return asset.Asset{}, err
	}
	switch name {
	case "etcd":
		return asset.Etcd(root)
	case "kube-apiserver":
		return asset.KubeAPIServer(root)
	case "openid-provider":
		return asset.OpenIDProvider(root)
	case "ratelimit":
		return asset.RateLimit(root)
	case "helm":
		return asset.Helm(root)
	case "cloud-provider-kind":
		return asset.CloudProvider(root)
	}
	if a, ok, err := asset.Counterpart(root, name); ok {
		return a, err
	}
	a, ok, err := asset.NodeProgram(root, name)
	if !ok {
		return a, fmt.Errorf("%q: want envoy, etcd, kube-apiserver, openid-provider, ratelimit, helm, cloud-provider-kind, node, counterparts, all, or one of %s", name, strings.Join(append(asset.NodePrograms(), asset.Counterparts()...), ", "))
	}
	return a, err
}
