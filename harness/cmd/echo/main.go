// Command echo is the sample application of cluster tests: it answers requests
// with what it was asked, and says which pod it is.
//
//	echo [-http :8080] [-tcp :9000] [-udp :9000] [-service echo]
//
// HTTP/1.1, HTTP/2 without TLS and WebSocket on one port; over TCP it sends its pod's
// name and then all that it gets back; each UDP packet is answered with the pod's name and the packet.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"contour.example/harness/backend"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	web := flags.String("http", "0.0.0.0:8080", "`address` for HTTP")
	tcp := flags.String("tcp", "0.0.0.0:9000", "`address` for TCP")
	udp := flags.String("udp", "0.0.0.0:9000", "`address` for UDP")
	service := flags.String("service", "echo", "the `name` in answers")
	grace := flags.Duration("grace", 10*time.Second, "how long to finish requests when asked to end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pod, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this pod: %w", err)
	}
	server, err := start(*web, *tcp, *service, pod)
	if err != nil {
		return err
	}
	packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", *udp)
	if err != nil {
		return fmt.Errorf("UDP: %w", err)
	}
	go answer(packets, pod)
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), *grace)
	defer cancel()
	return server.Shutdown(end)
}

// start returns the HTTP server; that for TCP ends with the process.
func start(web, tcp, service, pod string) (*backend.Server, error) {
	at := make([]netip.AddrPort, 2)
	for i, text := range []string{web, tcp} {
		var err error
		if at[i], err = netip.ParseAddrPort(text); err != nil {
			return nil, fmt.Errorf("address: %w", err)
		}
	}
	if _, err := backend.TCP(backend.Options{Service: pod, Instance: pod, Listen: at[1]}); err != nil {
		return nil, err
	}
	return backend.HTTP(backend.Options{Service: service, Instance: pod, Listen: at[0]})
}

func answer(packets net.PacketConn, pod string) {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = packets.WriteTo(append([]byte(pod+"\n"), buffer[:n]...), from) // UDP may be lost
	}
}
