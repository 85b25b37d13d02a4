// Command echo is the sample application of cluster tests: it answers each request
// with a description of the request and the name of its pod.
//
//	echo [-http 0.0.0.0:8080] [-tcp 0.0.0.0:9000] [-udp 0.0.0.0:9000] [-service echo] [-certificate DIR]
//
// HTTP/1.1, HTTP/2 without TLS and WebSocket on one port; over TCP it sends its pod's
// name and then echoes all bytes that it receives; each UDP packet is answered with the pod's name and the packet.
// With a certificate, it serves HTTPS on 8443 (-https), and on 9443 (-tls) TCP over TLS, which begins with the
// name of the service instead of the pod's.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
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

// options are the flags.
type options struct {
	http, tcp, udp, https, tls string
	service, certificate       string
	grace                      time.Duration
	// pod is the name of the pod that answers.
	pod string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.StringVar(&o.http, "http", "0.0.0.0:8080", "`address` for HTTP")
	flags.StringVar(&o.tcp, "tcp", "0.0.0.0:9000", "`address` for TCP")
	flags.StringVar(&o.udp, "udp", "0.0.0.0:9000", "`address` for UDP")
	flags.StringVar(&o.https, "https", "0.0.0.0:8443", "`address` for HTTPS, with -certificate")
	flags.StringVar(&o.tls, "tls", "0.0.0.0:9443", "`address` for TCP in TLS, with -certificate")
	flags.StringVar(&o.service, "service", "echo", "the `name` in answers")
	flags.StringVar(&o.certificate, "certificate", "", "`directory` with tls.crt and tls.key; empty for no TLS")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "how long to finish requests on SIGTERM")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	pod, err := os.Hostname()
	if err != nil {
		return o, fmt.Errorf("name of this pod: %w", err)
	}
	o.pod = pod
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	servers, err := o.start()
	if err != nil {
		return err
	}
	packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", o.udp)
	if err != nil {
		return fmt.Errorf("UDP: %w", err)
	}
	go answer(packets, o.pod)
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), o.grace)
	defer cancel()
	for _, s := range servers {
		if err := s.Shutdown(end); err != nil {
			return err
		}
	}
	return nil
}

// start returns the servers of requests; those of TCP and UDP connections end with the process.
func (o options) start() ([]*backend.Server, error) {
	if _, err := listen(backend.TCP, backend.Options{Service: o.pod, Instance: o.pod}, o.tcp); err != nil {
		return nil, err
	}
	cleartext, err := listen(backend.HTTP, backend.Options{Service: o.service, Instance: o.pod}, o.http)
	if err != nil || o.certificate == "" {
		return []*backend.Server{cleartext}, err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(o.certificate, "tls.crt"), filepath.Join(o.certificate, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	secure := backend.Options{
		Service: o.service, Instance: o.pod,
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	if _, err := listen(backend.TCP, secure, o.tls); err != nil {
		return nil, err
	}
	encrypted, err := listen(backend.HTTP, secure, o.https)
	return []*backend.Server{cleartext, encrypted}, err
}

// listen starts a server at the address.
func listen(start func(backend.Options) (*backend.Server, error), o backend.Options, address string) (*backend.Server, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	o.Listen = at
	return start(o)
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
