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

// Listeners is what Envoy listens on, and how connections are taken.
type Listeners struct {
	HTTP, HTTPS, Stats Address
	Health             Address // serves Envoy's readiness by itself; zero leaves it to Stats
	UseProxyProtocol   bool    // connections begin with the PROXY protocol
	Connections        ir.ConnectionSettings
}

// HTTP is how the requests of clients are read, whatever they ask for.
type HTTP = ir.HTTPSettings

// Timeouts limit in time what clients do.
type Timeouts = ir.ClientTimeouts

// TLS is what TLS connections may use; of clients, where a host does not ask for more.
type TLS = ir.TLSSettings

// AccessLog is where and how Envoy logs requests.
type AccessLog struct {
	HTTP, HTTPS string // paths; "" turns the log off
	ir.LogFormat
}

// Cluster is what all clusters have in common.
type Cluster = ir.ClusterSettings

// RouteTables says how the hosts of the HTTP listener are divided among route tables.
type RouteTables struct {
	// Hosts is up to how many hosts the HTTP listener has a single route table; more are sharded.
	Hosts int
}

// XDS is how Envoys are configured, whatever with.
type XDS struct {
	// CertificatesOnDemand has the TLS hosts that ask for nothing special share one filter chain of Envoy, which asks
	// for the certificate of a host when a client does.
	CertificatesOnDemand bool
	// DrainTime is the --drain-time-s that Envoys run with: for so long they keep former listeners in memory. It is read
	// at start-up only.
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
		Timeouts:    Timeouts{ConnectionIdle: ir.Timeout{Duration: time.Minute}},
		TLS:         defaultTLS(),
		AccessLog:   AccessLog{HTTP: "/dev/stdout", HTTPS: "/dev/stdout", LogFormat: ir.LogFormat{Format: "envoy"}},
		Cluster:     Cluster{ConnectTimeout: 2 * time.Second, TLS: defaultTLS()},
		RouteTables: RouteTables{Hosts: 128},
		XDS:         XDS{DrainTime: time.Minute},
		Process:     defaultProcess(),
	}
}

func defaultTLS() TLS { return TLS{Min: ir.TLS12, Max: ir.TLS13} }
