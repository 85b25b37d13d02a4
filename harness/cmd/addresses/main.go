// Command addresses runs package balancer in a pod.
//
//	addresses -pool 172.18.252.0/22 | -pool 172.18.0.2,172.18.0.3
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"contour.example/harness/balancer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "addresses:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("addresses", flag.ContinueOnError)
	text := flags.String("pool", "", "a `network` or addresses, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pool, err := parse(*text)
	if err != nil {
		return err
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return balancer.Run(ctx, client, pool, slog.Default())
}

// parse returns the addresses; of a network, all but the first and the last.
func parse(text string) ([]netip.Addr, error) {
	var pool []netip.Addr
	for part := range strings.SplitSeq(text, ",") {
		if network, err := netip.ParsePrefix(part); err == nil {
			for a := network.Masked().Addr().Next(); network.Contains(a.Next()); a = a.Next() {
				pool = append(pool, a)
			}
			continue
		}
		a, err := netip.ParseAddr(part)
		if err != nil {
			return nil, fmt.Errorf("pool: %w", err)
		}
		pool = append(pool, a)
	}
	return pool, nil
}
