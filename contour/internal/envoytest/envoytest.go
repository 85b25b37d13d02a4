// Package envoytest provides tests with the path of the Envoy binary and with free ports.
//
// It is for tests only.
package envoytest

import (
	"net"
	"os"
	"testing"
)

// Path returns the path of the Envoy under test, from the environment variable ENVOY. It ends the test if there is none.
func Path(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ENVOY")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no Envoy: set ENVOY to the path of one (%v)", err)
	}
	return path
}

// FreePort returns a TCP port of the loopback interface on which nothing listens.
func FreePort(t testing.TB) uint32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing was accepted
	return uint32(l.Addr().(*net.TCPAddr).Port)
}
