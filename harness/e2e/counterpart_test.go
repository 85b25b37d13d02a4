//go:build local && counterpart

package e2e

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"contour.example/harness/asset"
	"contour.example/harness/poll"
	"contour.example/harness/process"
)

// counterpart is a program of another project that users have beside the controller. It can be stopped and started again.
type counterpart struct {
	address netip.AddrPort // where it serves
	spec    process.Spec
	*process.Process
}

// newCounterpart starts a program with the arguments for its address and the environment, and returns when it accepts connections.
func (f *fixture) newCounterpart(name string, args func(at netip.AddrPort) []string, env ...string) *counterpart {
	f.t.Helper()
	path, err := asset.Get(f.t.Context(), name)
	if err != nil {
		f.t.Fatal(err)
	}
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	port, err := f.s.Addresses.Port()
	if err != nil {
		f.t.Fatal(err)
	}
	c := &counterpart{address: netip.AddrPortFrom(ip, uint16(port))}
	c.spec = process.Spec{Name: name, Path: path, Args: args(c.address), Env: append([]string{}, env...), Log: filepath.Join(f.s.Dir, name+".log")}
	c.start(f.t)
	f.t.Cleanup(func() { c.stop(f.t) })
	return c
}

func (c *counterpart) start(t *testing.T) {
	t.Helper()
	var err error
	if c.Process, err = process.Start(c.spec); err != nil {
		t.Fatal(err)
	}
	err = poll.Until(t.Context(), 30*time.Second, "connections to "+c.spec.Name, func(ctx context.Context) (bool, string, error) {
		if !c.Running() {
			return false, "", c.Err()
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address.String())
		if err != nil {
			return false, err.Error(), nil
		}
		return true, "", conn.Close()
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Tail(20))
	}
}

func (c *counterpart) stop(t *testing.T) {
	t.Helper()
	if !c.Running() {
		return
	}
	if err := c.Stop(2 * time.Second); err != nil {
		t.Error(err)
	}
}
