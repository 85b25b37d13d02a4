package relay_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"contour.example/harness/backend"
	"contour.example/harness/relay"
)

func target(t *testing.T, name string) *backend.Server {
	t.Helper()
	s, err := backend.TCP(backend.Options{Service: name, Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func listen(t *testing.T, targets ...string) *relay.Relay {
	t.Helper()
	r, err := relay.Listen("127.0.0.1:0", targets...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// dial connects and returns the name of the target and the connection.
func dial(t *testing.T, r *relay.Relay) (string, net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	name, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return name, conn, in
}

func TestFirstTargetThatAccepts(t *testing.T) {
	t.Parallel()
	one, two := target(t, "one"), target(t, "two")
	r := listen(t, one.Address().String(), two.Address().String())
	if got, _, _ := dial(t, r); got != "one\n" {
		t.Errorf("got %q, want one", got)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := dial(t, r); got != "two\n" {
		t.Errorf("got %q, want two", got)
	}
}

func TestCutAndClose(t *testing.T) {
	t.Parallel()
	one := target(t, "one")
	r := listen(t, one.Address().String())
	_, _, in := dial(t, r)
	r.Cut()
	if _, err := in.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after Cut: %v, want a closed connection", err)
	}
	_, _, in = dial(t, r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after Close: %v, want a closed connection", err)
	}
}

func TestSilenceLosesNothing(t *testing.T) {
	t.Parallel()
	r := listen(t, target(t, "one").Address().String())
	_, conn, in := dial(t, r)
	r.Silence()
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("while silent: %v, want no answer", err)
	}
	r.Resume()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, err := in.ReadString('\n'); got != "hello\n" || err != nil {
		t.Errorf("after Resume: %q, %v", got, err)
	}
}

func TestBytesAreCountedBothWays(t *testing.T) {
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
			_, _ = io.ReadFull(conn, make([]byte, 5))
			_, _ = io.WriteString(conn, "an answer")
			_ = conn.Close()
		}
	}()
	r := listen(t, l.Addr().String())
	for range 3 {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port())))
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
	if r.Sent() != 27 || r.Received() != 15 {
		t.Errorf("sent %d and received %d bytes, want 27 and 15", r.Sent(), r.Received())
	}
}
