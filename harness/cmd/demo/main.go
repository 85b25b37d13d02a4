// Command demo is what `make run` runs: two small backends on loopback and, in front of them,
// contour standalone with the manifests of a directory.
//
//	demo -contour bin/contour examples/quickstart -- [flags of contour standalone]
//
// It exits when contour exits, and terminates contour when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"contour.example/harness/backend"
)

// backends are the addresses in the EndpointSlices of examples/quickstart.
func backends() map[string]string {
	return map[string]string{"web": "127.0.0.1:18081", "api": "127.0.0.1:18082"}
}

const lines = `
  Try, in another terminal:

    curl -H 'Host: www.example.com' http://127.0.0.1:8080/
    curl -H 'Host: www.example.com' http://127.0.0.1:8080/api/users
    curl -i -H 'Host: shop.example.com' http://127.0.0.1:8080/
    curl -k --resolve shop.example.com:8443:127.0.0.1 https://shop.example.com:8443/
    curl -H 'Host: ingress.example.com' http://127.0.0.1:8080/hello

  Then edit a file in %s and see what changes. Ctrl-C ends it all.

`

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run() error {
	contour := flag.String("contour", "bin/contour", "the contour `binary`")
	flag.Parse()
	if flag.NArg() == 0 {
		return errors.New("usage: demo [-contour BINARY] DIRECTORY [flags of contour standalone]")
	}
	for service, address := range backends() {
		s, err := backend.HTTP(backend.Options{Service: service, Instance: address, Listen: netip.MustParseAddrPort(address)})
		if err != nil {
			return fmt.Errorf("demo backend %s: %w", service, err)
		}
		defer func() { _ = s.Close() }()
	}
	fmt.Printf(lines, flag.Arg(0))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return standalone(ctx, *contour, flag.Args())
}

// standalone runs contour until it exits; the end of the context terminates it.
func standalone(ctx context.Context, binary string, args []string) error {
	c := exec.CommandContext(ctx, binary, append([]string{"standalone"}, args...)...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	err := c.Run()
	if ctx.Err() != nil {
		return nil
	}
	return err
}
