package main

import (
	"net"
	"testing"
	"time"

	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

func TestUDPAnswers(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go answer(server, "pod")
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, err := client.Read(buffer)
	if got := string(buffer[:n]); got != "pod\nhello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// With a certificate there are HTTPS and TCP in TLS, both as the service.
func TestServesTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server("shop.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := pair.Write(dir, "tls"); err != nil {
		t.Fatal(err)
	}
	const free = "127.0.0.1:0"
	servers, err := options{http: free, tcp: free, https: free, tls: free, service: "shop", pod: "shop-0", certificate: dir}.start()
	if err != nil || len(servers) != 2 {
		t.Fatalf("%d servers, %v", len(servers), err)
	}
	for _, s := range servers {
		t.Cleanup(func() { s.Close() })
	}
	c := traffic.Client{HTTP: servers[0].Address().String(), HTTPS: servers[1].Address().String()}
	for _, r := range []traffic.Request{{Host: "shop.example"}, {Host: "shop.example", TLS: &traffic.TLS{Roots: ca.Pool()}}} {
		a, err := c.Do(t.Context(), r)
		if err != nil || a.Backend() != "shop" || a.Echo.Instance != "shop-0" || (a.Echo.TLS != nil) != (r.TLS != nil) {
			t.Errorf("%s: %s, %v", r, a, err)
		}
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-http", "nowhere"}, {"-http", "127.0.0.1:0", "-tcp", "127.0.0.1:0", "-certificate", "/nowhere"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
