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

// ListenerKey is the identity of a listener. The name is unique in the fleet, of letters, digits, '-', '_' and '.'. What precedes
// the last '_' is its group.
type ListenerKey struct {
	Fleet Fleet
	Name  string
}

// Compare orders keys by fleet, then name.
func (k ListenerKey) Compare(o ListenerKey) int {
	return cmp.Or(strings.Compare(string(k.Fleet), string(o.Fleet)), strings.Compare(k.Name, o.Name))
}

// Group returns the group of the listener, "" without any: of the listeners of a group, such as those of a Gateway, one hostname is the
// same host, and those of another group have nothing to do with it.
func (k ListenerKey) Group() string { return k.Name[:max(0, strings.LastIndexByte(k.Name, '_'))] }

// HostKey is the identity of a virtual host: Hostname is lower case, "*.example.com" and "*" are wildcards, and ""
// stands for all connections of a listener without hostnames (TCP or UDP).
type HostKey struct {
	Listener ListenerKey
	Hostname string
}

// Compare orders keys by listener, then hostname.
func (k HostKey) Compare(o HostKey) int {
	return cmp.Or(k.Listener.Compare(o.Listener), strings.Compare(k.Hostname, o.Hostname))
}

// ListenerProtocol is the protocol of a listener; it selects how a connection or request is assigned to a host.
type ListenerProtocol uint8

// The protocols of listeners.
const (
	ListenHTTP  ListenerProtocol = iota // by the Host header
	ListenHTTPS                         // by the server name of TLS, and then the Host header
	ListenTLS                           // by the server name of TLS; each host has a TCP proxy
	ListenTCP                           // the listener has one host, "", with a TCP proxy
	ListenUDP                           // like ListenTCP, with flows of datagrams as connections
)

// Secure reports whether hosts of the listener have TLS settings.
func (p ListenerProtocol) Secure() bool { return p == ListenHTTPS || p == ListenTLS }

// Listener is an address and port on which Envoys accept connections, with the settings of client connections. Virtual
// hosts are not part of it.
type Listener struct {
	Key ListenerKey
	// Socket is the name of Envoy's listener, which is Key.Name if the socket is not shared. Listeners for HTTPS and
	// TLS of a fleet may share one: each has its own hosts, TLS defaults and client settings, but of one hostname only the
	// host of the listener that comes first is served, and addresses, port and PROXY protocol are those of the first.
	Socket    string
	Addresses []string // IP addresses, at least one
	Port      uint32
	Protocol  ListenerProtocol
	// Admin serves the readiness and the statistics of Envoy instead of hosts; only for HTTP.
	Admin bool
	// ReadyOnly leaves out the statistics of Admin.
	ReadyOnly bool
	// Inspect adds all pages of Envoy's administration that only read to those of Admin, for requests to a local host.
	Inspect bool
	// TLSFiles make Admin serve TLS 1.3 with a certificate on the disk of Envoy; zero: plain text.
	TLSFiles TLSFiles
	// EnforceOverload makes Admin subject to the limits of Envoy as a whole, so that its readiness fails under overload.
	EnforceOverload bool
	// TLS is the default of hosts.
	TLS TLSSettings
	// ByChain: hosts have no TLS settings, but each belongs to a Chain of the listener (VirtualHost.Chain); otherwise each host has a filter
	// chain of its own. With HTTPS, the server name of a connection selects a chain and no host, and requests of every chain are assigned
	// to hosts by the Host header. With TLS and TCP, each host has a filter chain with the settings of its chain, and the connections of a
	// chain for which there is no host are closed; the only chain of a listener for TCP is "*".
	ByChain bool
	// CertificatesOnDemand makes hosts with default TLS settings share one filter chain; Envoy requests the certificate of
	// a host when a client connects to it. Only for HTTPS.
	CertificatesOnDemand bool
	// RouteTableHosts is the largest number of hosts in a single route table; more are sharded. Only for HTTP.
	RouteTableHosts int
	Connections     ConnectionSettings
	Client          ClientSettings
	// Origins are the objects that define the listener; a rejection by Envoy is reported on them.
	Origins []kobj.Key
}

// TLSFiles are the paths of PEM files of a server. They are read again when they change.
type TLSFiles struct {
	Certificate, Key string // the chain of the server, its own certificate first, and the key of that certificate
	CA               string // certificates that those of clients must chain to; "" requests none of clients
}

// ByHost reports whether requests are assigned to hosts by the Host header alone, so that hosts have no TLS settings.
func (l *Listener) ByHost() bool {
	return l.Protocol == ListenHTTP || l.Protocol == ListenHTTPS && l.ByChain
}

// ChainKey is the identity of a chain of a listener.
type ChainKey struct {
	Listener ListenerKey
	// ServerName is a hostname, a wildcard for any number of labels, or "*" for the connections of no other chain.
	ServerName string
}

// Compare orders keys by listener, then server name.
func (k ChainKey) Compare(o ChainKey) int {
	return cmp.Or(k.Listener.Compare(o.Listener), strings.Compare(k.ServerName, o.ServerName))
}

// Chain is how the TLS connections with a server name are accepted. It is apart from its listener, so that one chain of thousands can
// change by itself.
type Chain struct {
	Key ChainKey
	// Certificates are the Secrets with certificates and keys; Envoy selects one that the client can use. Without any,
	// connections are closed, so that no other chain accepts them.
	Certificates []kobj.Name
	Clients      ClientValidation // how the certificates of clients are validated
	Passthrough  bool             // connections are forwarded without decryption, and Certificates is empty; only for TLS
	Origins      []kobj.Key       // the objects that define the chain; a rejection by Envoy is reported on them
}
