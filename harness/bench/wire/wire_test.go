package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// server answers each connection's first n bytes with text and closes it.
func server(t *testing.T, n int, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, n))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func listen(t *testing.T, to string) (*Relay, string) {
	t.Helper()
	r, err := Listen("127.0.0.1:0", to)
	if err != nil {
		t.Fatal(err)
	}
	return r, net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port()))
}

func TestRelayCountsBothWays(t *testing.T) {
	t.Parallel()
	r, address := listen(t, server(t, 5, "an answer"))
	for range 3 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "12345"); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err != nil || string(got) != "an answer" {
			t.Fatalf("got %q, %v", got, err)
		}
		_ = conn.Close()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r.Sent() != 27 || r.Received() != 15 {
		t.Errorf("sent %d and received %d bytes, want 27 and 15", r.Sent(), r.Received())
	}
}

// Close must not wait for connections that nobody ends, nor for a server that is not there.
func TestCloseCuts(t *testing.T) {
	t.Parallel()
	for _, to := range []string{server(t, 5, ""), "127.0.0.1:1"} {
		r, address := listen(t, to)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still open", to)
		}
	}
}
