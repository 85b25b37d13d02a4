package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
)

// logFlags are the flags that every command has.
type logFlags struct {
	format string
	debug  bool
	level  slog.LevelVar
}

// setDebug sets the level of the log; the flag wins over a configuration that says no.
func (f *logFlags) setDebug(debug bool) {
	if debug || f.debug {
		f.level.Set(slog.LevelDebug)
	} else {
		f.level.Set(slog.LevelInfo)
	}
}

func (f *logFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.format, "log-format", "text", "Format of the log: text or json.")
	fs.BoolVarP(&f.debug, "debug", "d", false, "Log more.")
}

func (f *logFlags) check() error { return oneOf("log-format", f.format, "text", "json") }

// socket is a TCP address to listen on.
type socket struct {
	host string
	port uint16
}

func socketOf(a config.Address) socket { return socket{a.Host, uint16(a.Port)} }

func (s socket) address() config.Address { return config.Address{Host: s.host, Port: uint32(s.port)} }

func (s socket) String() string {
	return netip.AddrPortFrom(netip.MustParseAddr(s.host), s.port).String()
}

func (s socket) loopback() bool {
	a, err := netip.ParseAddr(s.host)
	return err == nil && a.IsLoopback()
}

func (s socket) check(flag string) error {
	if _, err := netip.ParseAddr(s.host); err != nil {
		return fmt.Errorf("--%s: %q is not an IP address", flag, s.host)
	}
	return nil
}

func (s *socket) add(fs *pflag.FlagSet, prefix, host string, port uint16, what string) {
	fs.StringVar(&s.host, prefix+"-address", host, "Address of "+what+".")
	fs.Uint16Var(&s.port, prefix+"-port", port, "Port of "+what+".")
}

func (s socket) free(ctx context.Context, flag string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.String())
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return s.inUse(flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--%s-address: %s is no address of this machine", flag, s.host)
	case err != nil:
		return fmt.Errorf("--%s-port: %w", flag, err)
	}
	return l.Close()
}

func (s socket) inUse(flag string) error {
	return fmt.Errorf("port %d on %s is used by another program; choose another with --%s-port", s.port, s.host, flag)
}

// namespace is where the controller runs.
func namespace(env func(string) string) string {
	if ns := env("CONTOUR_NAMESPACE"); ns != "" {
		return ns
	}
	return "projectcontour"
}

func positive(flag string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("--%s: %v is not positive", flag, d)
	}
	return nil
}

func notNegative[T int | time.Duration](flag string, n T) error {
	if n < 0 {
		return fmt.Errorf("--%s: %v is negative", flag, n)
	}
	return nil
}

func oneOf(flag, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("--%s: %q is not one of %s", flag, value, strings.Join(allowed, ", "))
	}
	return nil
}

// list splits at commas and drops what is empty.
func list(s string) []string {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
