// Package envoytest is what tests with a real Envoy share: where its binary is, and ports for it to listen on.
//
// It is for tests only.
package envoytest

import (
	"net"
	"os"
	"testing"
)

// Path is the Envoy under test, which make test-envoy names in the environment variable ENVOY.
func Path(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ENVOY")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no Envoy: set ENVOY to the path of one (%v)", err)
	}
	return path
}

// FreePort is a port of the loopback interface on which nothing listens at present.
func FreePort(t testing.TB) uint32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing was accepted
	return uint32(l.Addr().(*net.TCPAddr).Port)
}
