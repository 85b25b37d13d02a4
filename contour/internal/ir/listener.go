package ir

import (
	"cmp"
	"strings"

	"contour.example/contour/internal/kobj"
)

// Fleet is the name of a set of Envoys that share a configuration.
type Fleet string

// DefaultFleet is the fleet of Ingress and HTTPProxy, and of Envoys whose certificate names none.
const DefaultFleet Fleet = "default"

// ListenerKey is the identity of a listener. The name is unique in the fleet, of letters, digits, '-', '_' and '.'.
type ListenerKey struct {
	Fleet Fleet
	Name  string
}

// Compare orders keys by fleet, then name.
func (k ListenerKey) Compare(o ListenerKey) int {
	return cmp.Or(strings.Compare(string(k.Fleet), string(o.Fleet)), strings.Compare(k.Name, o.Name))
}

// HostKey is the identity of a virtual host: Hostname is lower case, "*.example.com" and "*" are wildcards, and ""
// stands for all that comes to a listener without hostnames, which is one for TCP or UDP.
type HostKey struct {
	Listener ListenerKey
	Hostname string
}

// Compare orders keys by listener, then hostname.
func (k HostKey) Compare(o HostKey) int {
	return cmp.Or(k.Listener.Compare(o.Listener), strings.Compare(k.Hostname, o.Hostname))
}

// ListenerProtocol is what clients speak to a listener, and by what its hosts are told apart.
type ListenerProtocol uint8

// The protocols of listeners.
const (
	ListenHTTP  ListenerProtocol = iota // by the Host header
	ListenHTTPS                         // by the server name of TLS, and then the Host header
	ListenTLS                           // by the server name of TLS; each host has a TCP proxy
	ListenTCP                           // not at all: the listener has one host, "", with a TCP proxy
	ListenUDP                           // not at all, and connections are flows of datagrams
)

// Secure reports whether hosts of the listener have TLS settings.
func (p ListenerProtocol) Secure() bool { return p == ListenHTTPS || p == ListenTLS }

// Listener is where an Envoy takes connections, and how it treats their clients. What the hosts answer is no part of it.
type Listener struct {
	Key ListenerKey
	// Socket names Envoy's listener, which is Key.Name if the listener has its socket to itself. Listeners for HTTPS and
	// TLS of a fleet may share one: each has its own hosts, TLS defaults and client settings, but of one hostname only the
	// host of the listener that comes first is served, and addresses, port and PROXY protocol are those of the first.
	Socket    string
	Addresses []string // IP addresses, at least one
	Port      uint32
	Protocol  ListenerProtocol
	// Admin leads requests to the readiness and the statistics of Envoy instead of hosts; only for HTTP.
	Admin bool
	// ReadyOnly leaves out the statistics of Admin.
	ReadyOnly bool
	// TLS is what hosts get that leave it open.
	TLS TLSSettings
	// CertificatesOnDemand has the hosts that ask for nothing special share one filter chain of Envoy, which asks for the
	// certificate of a host when a client does; only for HTTPS.
	CertificatesOnDemand bool
	// RouteTableHosts is up to how many hosts share a single route table; more are sharded. Only for HTTP.
	RouteTableHosts int
	Connections     ConnectionSettings
	Client          ClientSettings
	// Origins are the objects that ask for the listener, for diagnostics when Envoy rejects it.
	Origins []kobj.Key
}
