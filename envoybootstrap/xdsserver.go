package envoybootstrap

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// xdsServer is the address of the controller: a unix socket, or a host and a port.
type xdsServer struct {
	socket string // absolute path, or empty
	host   string // IP address or DNS name
	isIP   bool
	port   int
}

// isName reports whether the host has to be resolved by DNS.
func (s xdsServer) isName() bool { return s.socket == "" && !s.isIP }

// statName is the port after the cluster's name, if there is one.
func (s xdsServer) statName() string {
	if s.socket != "" {
		return ContourCluster
	}
	return fmt.Sprintf("%s_%d", ContourCluster, s.port)
}

// dnsName is a host name of letters, digits, hyphens and underscores between dots, with or without the final dot.
var dnsName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$`)

func parseXDSServer(c Config) (xdsServer, error) {
	if rest, ok := strings.CutPrefix(c.XDSAddress, "unix:"); ok {
		path := strings.TrimPrefix(rest, "//")
		return xdsServer{socket: path}, socketPath("xDS address", path)
	}
	if c.XDSPort < 1 || c.XDSPort > 65535 {
		return xdsServer{}, fmt.Errorf("xDS port %d: want 1 to 65535", c.XDSPort)
	}
	server := xdsServer{host: c.XDSAddress, port: c.XDSPort}
	if ip, err := netip.ParseAddr(c.XDSAddress); err == nil && ip.Zone() == "" {
		server.isIP = true
		return server, nil
	}
	if len(c.XDSAddress) > 253 || !dnsName.MatchString(c.XDSAddress) {
		return xdsServer{}, fmt.Errorf("xDS address %q: want a DNS name, an IP address or unix:///path", c.XDSAddress)
	}
	return server, nil
}

// address is an envoy.config.core.v3.Address.
func (s xdsServer) address() object {
	if s.socket != "" {
		return pipe(s.socket)
	}
	return object{"socket_address": object{"address": s.host, "port_value": s.port}}
}

func pipe(path string) object {
	return object{"pipe": object{"path": path}}
}
