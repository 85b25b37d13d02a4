// Package config is what the operator of the controller decides: flags today, the
// configuration file and ContourConfiguration later, as one immutable value.
//
// A reload makes a new value; nobody changes one. Zero values are never defaults:
// Default fills everything in.
package config

import (
	"time"

	"contour.example/contour/internal/ir"
)

// Config is the configuration of the data plane and of how objects are read.
type Config struct {
	// IngressClassNames are the classes served; empty serves objects without a class and of class "contour".
	IngressClassNames []string
	// RootNamespaces are the namespaces that may hold root HTTPProxies; empty means all.
	RootNamespaces []string
	// DisablePermitInsecure makes HTTPProxy's permitInsecure have no effect.
	DisablePermitInsecure bool
	// StatusAddresses are published as load-balancer status; empty takes those of the Envoy Service.
	StatusAddresses []string
	// EnvoyService is the Service whose addresses are published.
	EnvoyService Service

	HTTP, HTTPS, Stats Address
	HTTPAccessLog      string // path of the access log; "" turns it off
	HTTPSAccessLog     string
	AccessLogFormat    string // "envoy" or "json"
	UseProxyProtocol   bool   // listeners expect the PROXY protocol
	MinTLS, MaxTLS     ir.TLSVersion
	ConnectTimeout     time.Duration

	// RouteTableHosts is up to how many hosts the plain HTTP listener has a single route table; more are divided.
	RouteTableHosts int
	// CertificatesOnDemand has the TLS hosts that ask for nothing special share one filter chain of Envoy, which asks
	// for the certificate of a host when a client does.
	CertificatesOnDemand bool
	// EnvoyDrainTime is the --drain-time-s that Envoys run with: for so long they keep former listeners in memory.
	EnvoyDrainTime time.Duration
}

// Service names a Service.
type Service struct{ Namespace, Name string }

// Address is a socket that a listener binds to.
type Address struct {
	Host string // an IP address
	Port uint32
}

// Default is the configuration without any flag.
func Default() Config {
	return Config{
		EnvoyService:    Service{Namespace: "projectcontour", Name: "envoy"},
		HTTP:            Address{Host: "0.0.0.0", Port: 8080},
		HTTPS:           Address{Host: "0.0.0.0", Port: 8443},
		Stats:           Address{Host: "0.0.0.0", Port: 8002},
		HTTPAccessLog:   "/dev/stdout",
		HTTPSAccessLog:  "/dev/stdout",
		AccessLogFormat: "envoy",
		MinTLS:          ir.TLS12,
		MaxTLS:          ir.TLS13,
		ConnectTimeout:  2 * time.Second,
		EnvoyDrainTime:  time.Minute,
		RouteTableHosts: 512,
	}
}
