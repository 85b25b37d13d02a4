// Package netns gives a program and its children network namespaces of their own.
//
// Reexec runs this program again in a network namespace that has a loopback device only, so that it may use any address and port.
// A Bridge in it connects processes that were started in network namespaces of theirs (process.Spec.Network). Nothing outside
// of the namespace is changed, and nothing remains: namespaces end with their processes. Without root, a user namespace gives
// the permissions.
package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// inside is the variable of the environment that marks the program that Reexec runs.
const inside = "CONTOUR_NETNS"

// Reexec runs this program with its arguments in a new network namespace, and returns its exit code, for os.Exit. In that program it
// sets the loopback device up and returns done false.
func Reexec() (code int, done bool, err error) {
	if os.Getenv(inside) != "" {
		return 0, false, up("lo")
	}
	program, err := os.Executable()
	if err != nil {
		return 1, true, fmt.Errorf("network namespace: %w", err)
	}
	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	// An interrupt of the terminal reaches both; the child decides how to end.
	signal.Ignore(os.Interrupt)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return 1, true, fmt.Errorf("network namespace (it needs root or user namespaces): %w", err)
	}
	go func() {
		for s := range terminate {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	if exited := (*exec.ExitError)(nil); errors.As(err, &exited) {
		return max(1, exited.ExitCode()), true, nil
	}
	return 0, true, err
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	return nil
}

// Local makes all addresses of a range addresses of this namespace: programs may listen on each of them.
func Local(r netip.Prefix) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("device lo: %w", err)
	}
	_, dst, err := net.ParseCIDR(r.String())
	if err != nil {
		return fmt.Errorf("range %s: %w", r, err)
	}
	const localTable = 255
	err = netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: dst, Type: syscall.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Table: localTable})
	if err != nil {
		return fmt.Errorf("local route of %s: %w", r, err)
	}
	return nil
}

// Bridge connects network namespaces to this one.
type Bridge struct {
	// Address is that of this namespace.
	Address netip.Addr

	link  *netlink.Bridge
	bits  int
	last  netip.Addr
	count int
}

// NewBridge creates a bridge in this namespace, which gets the first address of the range.
func NewBridge(name string, r netip.Prefix) (*Bridge, error) {
	b := &Bridge{Address: r.Masked().Addr().Next(), bits: r.Bits(), link: &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}}
	b.last = b.Address
	if err := netlink.LinkAdd(b.link); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if err := netlink.AddrAdd(b.link, b.address(b.Address)); err != nil {
		return nil, fmt.Errorf("address of the bridge: %w", err)
	}
	return b, up(name)
}

func (b *Bridge) address(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(b.bits, a.BitLen())}}
}

// Next returns an address of the range that it has not returned before. It must not be called concurrently.
func (b *Bridge) Next() netip.Addr {
	b.last = b.last.Next()
	return b.last
}

// Route makes the addresses of a range reachable: those that Assign gives to namespaces.
func (b *Bridge) Route(r netip.Prefix) error {
	_, dst, err := net.ParseCIDR(r.String())
	if err == nil {
		err = netlink.RouteAdd(&netlink.Route{LinkIndex: b.link.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK})
	}
	if err != nil {
		return fmt.Errorf("route to %s: %w", r, err)
	}
	return nil
}

// Assign gives the network namespace of a connected process one more address, of a range of Route and of no other namespace. It ends with
// the namespace, or with Withdraw.
func (b *Bridge) Assign(pid int, address netip.Addr) error {
	err := within(pid, func(in *netlink.Handle, link netlink.Link) error { return in.AddrAdd(link, host(address)) })
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	return b.forget(address)
}

// Withdraw takes back an address that Assign gave.
func (b *Bridge) Withdraw(pid int, address netip.Addr) error {
	err := within(pid, func(in *netlink.Handle, link netlink.Link) error { return in.AddrDel(link, host(address)) })
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	return nil
}

// forget removes what this namespace has learned of another one that had the address before.
func (b *Bridge) forget(address netip.Addr) error {
	err := netlink.NeighDel(&netlink.Neigh{LinkIndex: b.link.Attrs().Index, IP: address.AsSlice()})
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("neighbor %s: %w", address, err)
	}
	return nil
}

func host(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}}
}

// within calls f with the network namespace of a process that is connected, and its device.
func within(pid int, f func(*netlink.Handle, netlink.Link) error) (err error) {
	space, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, space.Close()) }()
	in, err := netlink.NewHandleAt(space)
	if err != nil {
		return err
	}
	defer in.Close()
	link, err := in.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("device eth0: %w", err)
	}
	return f(in, link)
}

// Connect gives the network namespace of a process an address that Next returned, and connects it. The connection ends with the
// namespace. It must not be called concurrently.
func (b *Bridge) Connect(pid int, address netip.Addr) error {
	b.count++
	if err := b.connect(pid, address, strconv.Itoa(b.count)); err != nil {
		return fmt.Errorf("network of process %d: %w", pid, err)
	}
	return nil
}

func (b *Bridge) connect(pid int, address netip.Addr, suffix string) (err error) {
	space, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, space.Close()) }()
	in, err := netlink.NewHandleAt(space)
	if err != nil {
		return err
	}
	defer in.Close()
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "pod" + suffix, MasterIndex: b.link.Attrs().Index},
		PeerName:  "eth0", PeerNamespace: netlink.NsFd(space),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	for _, name := range []string{"lo", "eth0"} {
		link, err := in.LinkByName(name)
		if err != nil {
			return fmt.Errorf("device %s: %w", name, err)
		}
		if name == "eth0" {
			if err := in.AddrAdd(link, b.address(address)); err != nil {
				return fmt.Errorf("address %s: %w", address, err)
			}
		}
		if err := in.LinkSetUp(link); err != nil {
			return fmt.Errorf("device %s: %w", name, err)
		}
		if name == "eth0" {
			if err := in.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: b.Address.AsSlice()}); err != nil {
				return fmt.Errorf("default route: %w", err)
			}
		}
	}
	return up(veth.Name)
}
