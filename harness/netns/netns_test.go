//go:build local

package netns_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"contour.example/harness/netns"
	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// serve is the variable of the environment with which this program is a server: see server.
const serve = "NETNS_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serve) != "" {
		server()
		return
	}
	code, done, err := netns.Reexec()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !done {
		code = m.Run()
	}
	os.Exit(code)
}

// server answers each connection to port 3000 with the address that it came from.
func server() {
	l, err := net.Listen("tcp", ":3000")
	if err != nil {
		panic(err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(conn, conn.RemoteAddr().(*net.TCPAddr).IP)
		conn.Close()
	}
}

// Processes with networks of their own listen on the same port, and are reached at their addresses.
func TestBridge(t *testing.T) {
	bridge, err := netns.NewBridge("test", netip.MustParsePrefix("10.250.0.0/24"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10.250.0.2", "10.250.0.3"} {
		p, err := process.Start(process.Spec{Path: program, Env: []string{serve + "=1"}, Log: filepath.Join(t.TempDir(), "log"), Network: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Kill() })
		address := bridge.Next()
		if address.String() != want {
			t.Errorf("got %s, want %s", address, want)
		}
		if err := bridge.Connect(p.PID(), address); err != nil {
			t.Fatal(err)
		}
		if from := ask(t, address); from != "10.250.0.1" {
			t.Errorf("%s was reached from %q", address, from)
		}
	}
}

func ask(t *testing.T, address netip.Addr) (answer string) {
	t.Helper()
	err := poll.Until(t.Context(), 10*time.Second, "answer of "+address.String(), func(ctx context.Context) (bool, string, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", netip.AddrPortFrom(address, 3000).String())
		if err != nil {
			return false, err.Error(), nil
		}
		defer conn.Close()
		text, err := io.ReadAll(conn)
		answer = string(text)
		return err == nil, fmt.Sprint(err), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Every address of a local range can be listened on, privileged ports included; nothing else of the machine is visible.
func TestLocal(t *testing.T) {
	if err := netns.Local(netip.MustParsePrefix("198.18.0.0/16")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "198.18.7.9:80")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", "198.18.7.9:80")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	devices, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if d.Name == "eth0" {
			t.Error("a device of the machine is visible")
		}
	}
}
