// Package config is what the operator of the controller decides, as one immutable value.
//
// The value is grouped by concept, and a derivation reads the group that it needs: a change of
// one group derives nothing that reads another. A reload makes a new value; nobody changes one.
// Zero values are never defaults, unless their comment says so: Default fills everything in.
package config

import (
	"time"

	"contour.example/contour/internal/ir"
)

// Config is the configuration of the data plane, of how objects are read, and of the process.
type Config struct {
	Objects     Objects
	Status      Status
	Listeners   Listeners
	HTTP        HTTP
	Timeouts    Timeouts
	TLS         TLS
	AccessLog   AccessLog
	Cluster     Cluster
	RouteTables RouteTables
	XDS         XDS
	Process     Process
}

// Objects says which objects are served, and what they may ask for.
type Objects struct {
	// IngressClassNames are the classes served; empty serves objects without a class and of class "contour".
	IngressClassNames []string
	// RootNamespaces are the namespaces that may hold root HTTPProxies; empty means all.
	RootNamespaces []string
	// DisablePermitInsecure makes HTTPProxy's permitInsecure have no effect.
	DisablePermitInsecure bool
}

// Status says what is published as load-balancer status.
type Status struct {
	Addresses    []string // empty takes those of the Envoy Service
	EnvoyService Service
}

// Listeners is what Envoy listens on, and how it treats connections before it reads from them.
type Listeners struct {
	HTTP, HTTPS Address
	Stats       Address
	Health      Address // serves Envoy's readiness by itself; zero leaves it to Stats

	UseProxyProtocol bool // connections begin with the PROXY protocol
	ExactBalance     bool // connections are spread evenly over Envoy's threads
	JA3, JA4         bool // fingerprints of TLS clients are computed, for the access log

	// The following are Envoy's or the system's defaults where they are 0.
	BufferLimitBytes     uint32 // of a connection, a soft limit
	AcceptPerSocketEvent uint32 // connections accepted per wake-up
	TypeOfService        int32  // of IPv4 packets
	TrafficClass         int32  // of IPv6 packets
}

// HTTP is how the requests of clients are read, whatever they ask for.
type HTTP struct {
	HTTP1, HTTP2         bool // the versions that clients may use
	AllowChunkedLength   bool // requests may have both Content-Length and chunked encoding
	MergeSlashes         bool
	StripTrailingHostDot bool
	ServerHeader         ServerHeader
	Compression          Compression
	TrustedHops          uint32 // proxies in front of Envoy whose X-Forwarded-For counts

	// The following are without a limit, or Envoy's default, where they are 0.
	MaxRequestsPerConnection uint32
	MaxConcurrentStreams     uint32 // of an HTTP/2 connection
}

// ServerHeader is what happens to the header Server of responses.
type ServerHeader uint8

// The ways to treat the header Server.
const (
	OverwriteServerHeader ServerHeader = iota
	AppendServerHeaderIfAbsent
	PassServerHeader
)

// Compression is how responses are compressed for clients that accept it.
type Compression uint8

// The algorithms of compression.
const (
	CompressGzip Compression = iota
	CompressBrotli
	CompressZstd
	CompressNot
)

// Timeouts limit in time what clients do.
type Timeouts struct {
	Request        ir.Timeout // until a whole request is received
	ConnectionIdle ir.Timeout // of a connection without a request
	StreamIdle     ir.Timeout // of a request without data
	ConnectionMax  ir.Timeout // the age of a connection
	DelayedClose   ir.Timeout // for the client to read what is left of a connection that Envoy closes
	ShutdownGrace  ir.Timeout // between the announcement that a connection ends and its end
}

// TLS is what TLS connections of clients may use, where a host does not ask for more.
type TLS struct {
	Min, Max     ir.TLSVersion
	CipherSuites []string // of TLS 1.2; empty is the list of translate
	Curves       []string // empty is Envoy's default
}

// AccessLog is where and how Envoy logs requests.
type AccessLog struct {
	HTTP, HTTPS string     // paths; "" turns the log off
	Format      string     // "envoy" or "json"
	Text        string     // a line in the format "envoy"; "" is Envoy's default
	Fields      []LogField // of a line in the format "json"; empty is the default set
	MinStatus   uint32     // the least status code that is logged; 0 logs all requests
}

// LogField is a field of the access log in JSON: a name, and a text with command operators of Envoy.
type LogField struct{ Name, Value string }

// Cluster is what all clusters have in common. Limits are Envoy's defaults where they are 0.
type Cluster struct {
	ConnectTimeout           time.Duration
	MaxRequestsPerConnection uint32
	BufferLimitBytes         uint32
	CircuitBreakers          ir.CircuitBreakers // where a Service sets none
	TLS                      TLS                // with backends
}

// RouteTables says how the hosts of the HTTP listener are divided among route tables.
type RouteTables struct {
	// Hosts is up to how many hosts the HTTP listener has a single route table; more are sharded.
	Hosts int
}

// XDS is how Envoys are configured, whatever with. It is read at start-up only.
type XDS struct {
	// CertificatesOnDemand has the TLS hosts that ask for nothing special share one filter chain of Envoy, which asks
	// for the certificate of a host when a client does.
	CertificatesOnDemand bool
	// DrainTime is the --drain-time-s that Envoys run with: for so long they keep former listeners in memory.
	DrainTime time.Duration
}

// Service names a Service.
type Service struct{ Namespace, Name string }

// Address is a socket that is listened on.
type Address struct {
	Host string // an IP address
	Port uint32
}

// Default is the configuration without a file, an object or a flag.
func Default() Config {
	return Config{
		Status: Status{EnvoyService: Service{Namespace: "projectcontour", Name: "envoy"}},
		Listeners: Listeners{
			HTTP:  Address{Host: "0.0.0.0", Port: 8080},
			HTTPS: Address{Host: "0.0.0.0", Port: 8443},
			Stats: Address{Host: "0.0.0.0", Port: 8002},
		},
		HTTP:        HTTP{HTTP1: true, HTTP2: true, AllowChunkedLength: true, MergeSlashes: true},
		Timeouts:    Timeouts{ConnectionIdle: ir.Timeout{Duration: time.Minute}},
		TLS:         defaultTLS(),
		AccessLog:   AccessLog{HTTP: "/dev/stdout", HTTPS: "/dev/stdout", Format: "envoy"},
		Cluster:     Cluster{ConnectTimeout: 2 * time.Second, TLS: defaultTLS()},
		RouteTables: RouteTables{Hosts: 512},
		XDS:         XDS{DrainTime: time.Minute},
		Process:     defaultProcess(),
	}
}

func defaultTLS() TLS { return TLS{Min: ir.TLS12, Max: ir.TLS13} }
