package address

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// The ports that are allocated: [firstPort, lastPort). Linux allocates ports of
// outgoing connections from 32768 on.
const (
	firstPort = 20000
	lastPort  = 32000
)

// subnets is how many /24 there are in 198.18.0.0/15.
const subnets = 512

// errTaken means that another run has the claim.
var errTaken = errors.New("taken")

// Claims is what one user has claimed. Its methods are safe for concurrent use.
type Claims struct {
	dir string

	mu     sync.Mutex
	locks  []*os.File
	undo   []func() error
	subnet netip.Prefix // of IP, zero before the first
	hosts  int          // addresses of subnet that were allocated
}

// New returns an empty set of claims; Close releases all of them.
func New() (*Claims, error) {
	dir := filepath.Join(os.TempDir(), "contour-harness-claims-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("address claims: %w", err)
	}
	return &Claims{dir: dir}, nil
}

// Port claims a TCP port on 127.0.0.1 that nothing listens on.
func (c *Claims) Port() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	start := rand.IntN(lastPort - firstPort)
	for i := range lastPort - firstPort {
		port := firstPort + (start+i)%(lastPort-firstPort)
		err := c.claim("port-" + strconv.Itoa(port))
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port in %d-%d", firstPort, lastPort)
}

// IP claims an IPv4 address for a backend: another one at each call if this
// process is root, otherwise always the machine's own.
func (c *Claims) IP() (netip.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if os.Geteuid() != 0 {
		return own()
	}
	if !c.subnet.IsValid() {
		if err := c.takeSubnet(); err != nil {
			return netip.Addr{}, err
		}
	}
	if c.hosts == 254 {
		return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", c.subnet)
	}
	c.hosts++
	ip := c.subnet.Addr().As4()
	ip[3] = byte(c.hosts)
	return netip.AddrFrom4(ip), nil
}

// Close releases all claims.
func (c *Claims) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, undo := range c.undo {
		errs = append(errs, undo())
	}
	for _, lock := range c.locks {
		errs = append(errs, lock.Close())
	}
	c.undo, c.locks = nil, nil
	return errors.Join(errs...)
}

// claim locks a name, or returns errTaken.
func (c *Claims) claim(name string) error {
	file, err := os.OpenFile(filepath.Join(c.dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("claim %s: %w", name, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.Join(errTaken, file.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("claim %s: %w", name, err), file.Close())
	}
	c.locks = append(c.locks, file)
	return nil
}

func (c *Claims) takeSubnet() error {
	start := rand.IntN(subnets)
	for i := range subnets {
		n := (start + i) % subnets
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(18 + n/256), byte(n % 256), 0}), 24)
		err := c.claim("subnet-" + strconv.Itoa(n))
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return err
		}
		remove, err := addToLoopback(prefix)
		if err != nil {
			return err
		}
		c.undo = append(c.undo, remove)
		c.subnet = prefix
		return nil
	}
	return errors.New("no free subnet in 198.18.0.0/15")
}

func free(port int) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
