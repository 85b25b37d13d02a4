// Package config contains the configuration of the controller as one immutable value.
//
// The value is grouped by concept, and a derivation reads the group that it needs: a change of
// one group derives nothing that reads another. A reload makes a new value; a value never changes.
// Zero values are not defaults unless documented: Default sets every field.
package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
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
	Endpoints   Endpoints
	Names       Names
	RouteTables RouteTables
	XDS         XDS
	Budgets     Budgets
	Process     Process

	Authorization Authorization
	RateLimits    RateLimits
	Headers       Headers
	Tracing       Tracing
	Runtime       Runtime
	Gateways      Gateways
}

// Gateways selects the Gateways that are served, and where.
type Gateways struct {
	// Enabled makes the controller read the kinds of the Gateway API from the API server. It is read at start-up only.
	Enabled bool
	// ControllerName is that of the GatewayClasses whose Gateways are served.
	ControllerName string
	// Addresses are the ranges of the addresses of Gateways, which all Envoys of the default fleet can bind; masked, and of at most
	// MaxGatewayAddresses each. Without any, no Gateway has an address.
	Addresses []netip.Prefix
	// Only is the only Gateway that is served, of whatever class, as gatewayRef of Contour's configuration; zero serves those of ControllerName.
	// It implies Enabled.
	Only kobj.Name
	// Provision gives each Gateway Envoys of its own, which the controller creates, instead of the default fleet. It is read at start-up only.
	Provision bool
}

// MaxGatewayAddresses is the largest number of addresses in a range of Gateways.
const MaxGatewayAddresses = 1 << 16

// Objects selects the objects that are served and the features that they may use.
type Objects struct {
	// IngressClassNames are the classes served; empty serves objects without a class and of class "contour".
	IngressClassNames []string
	// RootNamespaces are the namespaces that may hold root HTTPProxies; empty means all.
	RootNamespaces []string
	// RootNamespacesBindIngress makes RootNamespaces those that may hold Ingresses, too.
	RootNamespacesBindIngress bool
	// NamespacesOwnHosts makes the namespace of the oldest claim the only one whose objects serve a hostname; otherwise
	// Ingresses of several namespaces, and one root HTTPProxy, share it.
	NamespacesOwnHosts bool
	// InclusionNeedsConsent makes an HTTPProxy includable from other namespaces only as far as its annotation
	// projectcontour.io/include-from permits.
	InclusionNeedsConsent bool
	// FallbackCertificate is the Secret with the certificate for clients that send no server name, or one of no host; zero is
	// none.
	FallbackCertificate kobj.Name
	// ClientCertificate is the Secret with the certificate that Envoy shows to backends with TLS; zero is none.
	ClientCertificate kobj.Name
	// DisablePermitInsecure makes HTTPProxy's permitInsecure have no effect.
	DisablePermitInsecure bool
}

// Status selects the addresses in load-balancer statuses.
type Status struct {
	Addresses    []string // empty takes those of the Envoy Service
	EnvoyService Service
}

// Listeners contains the addresses on which Envoy listens and how it accepts connections.
type Listeners struct {
	HTTP, HTTPS, Stats Address
	Health             Address     // serves Envoy's readiness by itself; zero leaves it to Stats
	StatsTLS           ir.TLSFiles // of Stats, on the disk of Envoy; zero: plain text
	Inspect            Address     // serves the pages of Envoy's administration that only read; zero: nothing does
	OverloadHealth     Address     // serves Envoy's readiness, which fails under overload; zero: there is none
	UseProxyProtocol   bool        // connections begin with the PROXY protocol
	Connections        ir.ConnectionSettings
}

// HTTP configures the HTTP connection manager of listeners.
type HTTP = ir.HTTPSettings

// Timeouts are those of client connections and requests.
type Timeouts = ir.ClientTimeouts

// TLS contains the parameters of TLS connections: of clients as defaults for hosts, or to backends.
type TLS = ir.TLSSettings

// AccessLog is where and how Envoy logs requests.
type AccessLog struct {
	HTTP, HTTPS string // paths; "" turns the log off
	// Disabled turns both logs off, whatever their paths are.
	Disabled bool
	ir.LogFormat
}

// NamesObjects reports whether a log names the object of the route of each request, which routes then have with them.
func (a AccessLog) NamesObjects() bool {
	names := func(text string) bool { return strings.Contains(text, ir.LogObjectKey) }
	return !a.Disabled && a.HTTP+a.HTTPS != "" &&
		(a.Format != "json" && names(a.Text) || a.Format == "json" && slices.ContainsFunc(a.Fields, func(f ir.LogField) bool { return names(f.Value) }))
}

// Runtime is what Envoys read from their runtime.
type Runtime = ir.RuntimeSettings

// Cluster contains the settings of all clusters.
type Cluster = ir.ClusterSettings

// Endpoints says which addresses of endpoints are used.
type Endpoints = ir.EndpointSettings

// Names configures the Services whose endpoints are the addresses of a DNS name.
type Names struct {
	// ExternalServices permits Services of type ExternalName.
	ExternalServices bool
	Family           ir.AddressFamily
}

// Authorization asks a service about the requests of every host that does not have its own authorization.
type Authorization struct {
	Server *contourv1.AuthorizationServer // nil: requests are not authorized; its extensionRef has a namespace
}

// RateLimits asks a service about the requests that have a global rate limit.
type RateLimits struct {
	Service                              kobj.Name // an ExtensionService; zero: there is none
	Domain                               string    // of the limits, in the configuration of the service
	FailOpen, Headers, ResourceExhausted bool      // as in ir.RateLimitService
	// Default is the limit of HTTPProxies without their own.
	Default []ir.LimitDescriptor
}

// Headers contains the default changes to the headers of requests and responses. Values have the variables CONTOUR_* and
// those of Envoy, as in the specification of a route. What an object sets takes precedence.
type Headers struct {
	Requests, Responses ir.HeaderEdits
	Ingress             bool // they apply to Ingresses, too
}

// Tracing configures the records of requests.
type Tracing struct {
	Collector   kobj.Name // an ExtensionService; zero: requests are not traced
	ServiceName string
	// OmitPodDetail leaves the name and the namespace of the pod of Envoy out of the records.
	OmitPodDetail bool
	// The fields of ir.Tracing.
	Client, Random, Overall float64
	MaxPathBytes            uint32
	Tags                    []ir.TraceTag
}

// RouteTables configures the sharding of HTTP hosts.
type RouteTables struct {
	// Hosts is the largest number of HTTP hosts in a single route table; more are sharded.
	Hosts int
}

// XDS configures how Envoys receive their configuration.
type XDS struct {
	// CertificatesOnDemand makes HTTPS hosts with default TLS settings share one filter chain; Envoy requests the
	// certificate of a host when a client connects to it.
	CertificatesOnDemand bool
	// DrainTime is the --drain-time-s that Envoys run with: they keep replaced listeners in memory for this time. It is read
	// at start-up only.
	DrainTime time.Duration
}

// Service names a Service.
type Service struct{ Namespace, Name string }

// Address is the address of a listening socket.
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

			Connections: ir.ConnectionSettings{BufferLimitBytes: edgeBuffer},
		},
		HTTP:        HTTP{MaxConcurrentStreams: 100, Windows: edgeWindows()},
		RateLimits:  RateLimits{Domain: "contour"},
		Timeouts:    Timeouts{ConnectionIdle: ir.Timeout{Duration: time.Minute}, RequestHeaders: ir.Timeout{Duration: 30 * time.Second}},
		TLS:         defaultTLS(),
		AccessLog:   AccessLog{HTTP: "/dev/stdout", HTTPS: "/dev/stdout", LogFormat: ir.LogFormat{Format: "envoy"}},
		Cluster:     Cluster{ConnectTimeout: 2 * time.Second, BufferLimitBytes: edgeBuffer, Windows: edgeWindows(), TLS: defaultTLS()},
		Names:       Names{Family: ir.AddressesAuto},
		RouteTables: RouteTables{Hosts: 128},
		XDS:         XDS{DrainTime: time.Minute},
		Budgets:     defaultBudgets(),
		Tracing:     Tracing{ServiceName: "contour", Client: 100, Random: 100, Overall: 100, MaxPathBytes: 256},
		Gateways:    Gateways{ControllerName: "projectcontour.io/gateway-controller"},
		Process:     defaultProcess(),
	}
}

// edgeBuffer and edgeWindows are those that Envoy's guide recommends for a proxy at the edge: what clients and backends
// may make Envoy hold for each connection. docs/security.md compares all settings with the guide.
const edgeBuffer = 32 << 10

func edgeWindows() ir.Windows { return ir.Windows{Stream: 64 << 10, Connection: 1 << 20} }

func defaultTLS() TLS { return TLS{Min: ir.TLS12, Max: ir.TLS13} }
