package envoybootstrap

import (
	"errors"
	"fmt"
	"path/filepath"
)

// The clusters that the bootstrap defines; xDS resources may refer to them.
const (
	// ContourCluster is the controller's xDS server.
	ContourCluster = "contour"
	// AdminCluster is Envoy's own admin endpoint on its unix socket. The stats
	// listener, which is received by LDS, routes /ready and /stats to it.
	AdminCluster = "envoy-admin"
)

// maxSocketPath is the longest path of a unix socket on Linux, in bytes (sun_path without its NUL).
const maxSocketPath = 107

// Config is the input of a bootstrap. Start from Default.
type Config struct {
	// AdminSocket is the absolute path of the unix socket of Envoy's admin
	// endpoint. It is never a TCP port: the admin endpoint can stop the process.
	AdminSocket string
	// XDSAddress is the controller: a DNS name, an IP address, or
	// "unix:///path" for a unix socket.
	XDSAddress string
	// XDSPort is the controller's TCP port; a unix socket has none.
	XDSPort int
	// DNSLookupFamily specifies which addresses of a DNS name to use: auto, v4, v6 or all.
	DNSLookupFamily string
	// Namespace is the controller's; the names of the statistics of the static clusters contain it.
	Namespace string
	// Fleet is the fleet that this Envoy takes itself for, as metadata of its node; empty leaves that to its certificate. It
	// gives no access: the controller rejects an Envoy whose certificate is for another fleet.
	Fleet string
	// ResourcesDir is the absolute path of the directory under which the SDS files
	// are written (sds/*.json); it is needed with TLS only. Empty is the directory of the bootstrap file.
	ResourcesDir string
	// TLS is how Envoy and the controller authenticate each other; the zero value is no TLS.
	TLS TLS
	// MaxDownstreamConnections is how many connections Envoy accepts over all
	// listeners together; 0 is no limit.
	MaxDownstreamConnections int64
	// MaxHeapBytes is the heap at which Envoy starts to reject requests (at 98 %)
	// and to release memory (at 95 %); 0 is no limit.
	MaxHeapBytes uint64
	// Stats selects the statistics that Envoy keeps: StatsDefault, StatsAll or StatsMinimal.
	Stats string
}

// TLS is the files of mutual TLS, absolute paths of PEM. They need not exist yet.
type TLS struct {
	// CAFile contains the CA certificates that verify the controller's certificate.
	CAFile string
	// CertFile and KeyFile are Envoy's client certificate and its key.
	CertFile, KeyFile string
}

// Default is the Config of a controller on the same host, without TLS or limits.
func Default() Config {
	return Config{
		AdminSocket:     "/admin/admin.sock",
		XDSAddress:      "127.0.0.1",
		XDSPort:         8001,
		DNSLookupFamily: "auto",
		Namespace:       "projectcontour",
		Stats:           StatsDefault,
	}
}

// Validate returns all errors of the Config; nil means that Envoy accepts its bootstrap.
func (c Config) Validate() error {
	_, xds := parseXDSServer(c)
	_, family := lookupFamily(c.DNSLookupFamily)
	return errors.Join(
		socketPath("admin address", c.AdminSocket),
		xds,
		family,
		c.TLS.validate(),
		optionalPath("resources directory", c.ResourcesDir),
		c.namespace(),
		c.limits(),
		c.stats(),
	)
}

// lookupFamily is a DnsLookupFamily of envoy.config.cluster.v3.Cluster.
func lookupFamily(name string) (string, error) {
	switch name {
	case "auto":
		return "AUTO", nil
	case "v4":
		return "V4_ONLY", nil
	case "v6":
		return "V6_ONLY", nil
	case "all":
		return "ALL", nil
	default:
		return "", fmt.Errorf("DNS lookup family %q: want auto, v4, v6 or all", name)
	}
}

func (c Config) namespace() error {
	if c.Namespace == "" {
		return errors.New("namespace: missing")
	}
	return nil
}

func (c Config) limits() error {
	if c.MaxDownstreamConnections < 0 {
		return fmt.Errorf("maximum of downstream connections %d: want 0 (no limit) or more", c.MaxDownstreamConnections)
	}
	return nil
}

// enabled reports whether any of the files is set; validate ensures that then all are.
func (t TLS) enabled() bool { return t != TLS{} }

func (t TLS) validate() error {
	if !t.enabled() {
		return nil
	}
	files := []struct{ what, path string }{
		{"CA file", t.CAFile},
		{"certificate file", t.CertFile},
		{"key file", t.KeyFile},
	}
	var errs []error
	for _, f := range files {
		if f.path == "" {
			errs = append(errs, fmt.Errorf("%s: missing; mutual TLS needs the CA, certificate and key files; no TLS needs none of them", f.what))
			continue
		}
		errs = append(errs, absolutePath(f.what, f.path))
	}
	return errors.Join(errs...)
}

// absolutePath requires an absolute path: Envoy would resolve a relative one against
// its own working directory, not that of the process which wrote the file.
func absolutePath(what, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s %q: want an absolute path", what, path)
	}
	return nil
}

func optionalPath(what, path string) error {
	if path == "" {
		return nil
	}
	return absolutePath(what, path)
}

func socketPath(what, path string) error {
	if err := absolutePath(what, path); err != nil {
		return err
	}
	if len(path) > maxSocketPath {
		return fmt.Errorf("%s %q: a unix socket's path has at most %d bytes, this has %d", what, path, maxSocketPath, len(path))
	}
	return nil
}
