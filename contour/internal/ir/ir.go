// Package ir is the routing model between the Kubernetes APIs and Envoy: the
// virtual hosts, routes, listeners and clusters, in terms of HTTP and TLS.
//
// Compile derives it, translate reads it. Values are data, compared by value,
// immutable, and without pointers into Kubernetes objects. The package imports neither
// Kubernetes nor Envoy: values describe requests and connections, not xDS resources.
package ir

import (
	"math"
	"time"

	"contour.example/contour/internal/kobj"
)

// VirtualHost contains the routes, or the TCP proxy, of one hostname on one listener.
type VirtualHost struct {
	Key    HostKey
	Routes []Route   // in order of precedence: the first match wins
	TLS    *TLS      // set on a listener for HTTPS or TLS without chains, nil on others
	TCP    *TCPProxy // non-nil: forwards connections, or flows of datagrams; Routes is empty then
	// Policies are those of all routes, unless a route has its own; nil: none. They do not apply to TCP.
	Policies *Policies
	// Chain is the name of the chain of the listener to which the connections belong; of HTTPS, requests of other connections are
	// misdirected (421). "" if the listener has no chains, or if requests of any connection are served.
	Chain string
	// LogObjects: access logs name the object of the route of a request.
	LogObjects bool
	// Origins are the root objects of the host, on which a rejection by Envoy is reported.
	Origins []kobj.Key
}

// TLSVersion is a version of the TLS protocol; the zero value stands for the default.
type TLSVersion uint16

// The versions of TLS; numbers are those of the protocol.
const (
	TLSDefault TLSVersion = 0
	TLS12      TLSVersion = 0x0303
	TLS13      TLSVersion = 0x0304
)

// TLS configures the TLS connections to a hostname (SNI).
type TLS struct {
	Passthrough      bool      // connections are forwarded without decryption; the rest is empty then
	CloseConnections bool      // connections are closed, so that no wildcard host serves them; the rest is empty then
	Certificate      kobj.Name // the Secret with certificate and key
	Min, Max         TLSVersion
	Clients          ClientValidation
	// Fallback is the Secret with the certificate for clients that send no server name, or one of no host. They reach this
	// host among all those with a Fallback; zero: they do not. Not with a TCP proxy.
	Fallback kobj.Name
}

// TCPProxy forwards the bytes of a connection, or the datagrams of a flow.
type TCPProxy struct {
	Backends []Backend // header edits are not used; none: connections are closed, and datagrams dropped
	// Datagrams: the listener is for UDP. A backend that is unresolved or has no endpoints drops its share of the flows.
	Datagrams bool
}

// Route is a match and the action for matching requests. Exactly one of Forward, Redirect and Direct is set.
type Route struct {
	Match Match
	// Subdomains: on a wildcard host, the star stands for any number of labels; otherwise for exactly one.
	Subdomains bool
	Forward    *Forward
	Redirect   *Redirect
	Direct     *Direct

	RequestHeaders  HeaderEdits
	ResponseHeaders HeaderEdits

	// Policies override those of the virtual host, section by section; nil: none.
	Policies *Policies

	// Origin is the object that contains the route; a rejection by Envoy is reported on it.
	Origin kobj.Key
	// Source is where the route is in Origin.
	Source Source
}

// Source is the place of a route in its object. The zero value is that of the first route, and of one that is not in a list.
type Source struct {
	Rule    uint16 // index in spec.routes or spec.includes of an HTTPProxy, else in spec.rules
	Branch  uint16 // index in the paths of an Ingress rule, or in the matches of a rule of a Gateway API route
	Include bool   // Rule is an index in spec.includes: the route responds with an error in place of what is included
}

// SourceAt returns the place with these indices. The budgets of objects bound them; larger ones become the largest.
func SourceAt(rule, branch int) Source {
	return Source{Rule: uint16(min(rule, math.MaxUint16)), Branch: uint16(min(branch, math.MaxUint16))}
}

// PathKind is how a path is compared.
type PathKind uint8

// The ways to compare a path.
const (
	PathPrefix  PathKind = iota // the path starts with the characters
	PathSegment                 // the path starts with the whole segments: /a matches /a and /a/b, not /ab
	PathExact
	PathRegex // RE2, anchored at both ends
	// PathMethod matches the method Value of any gRPC service: /service/Value.
	PathMethod
)

// Match is the conditions of a route on a request; all must be true.
type Match struct {
	Path    PathMatch
	Headers []HeaderMatch
	Query   []QueryMatch
}

// PathMatch compares the path without the query string.
type PathMatch struct {
	Kind  PathKind
	Value string
}

// StringKind is how a header or query value is compared.
type StringKind uint8

// The ways to compare a value.
const (
	StringExact StringKind = iota
	StringPrefix
	StringSuffix
	StringContains
	StringRegex // RE2, the whole value
	StringPresent
)

// HeaderMatch compares one request header.
type HeaderMatch struct {
	Name       string
	Kind       StringKind
	Value      string
	IgnoreCase bool
	Invert     bool
	// MissingAsEmpty makes an absent header compare like an empty one.
	MissingAsEmpty bool
}

// QueryMatch compares one query parameter.
type QueryMatch struct {
	Name       string
	Kind       StringKind
	Value      string
	IgnoreCase bool
}

// HeaderEdits are changes to headers. Values are Envoy's formatter syntax, with every literal % doubled.
type HeaderEdits struct {
	Set    []Header // in order
	Remove []string
}

// Header is a header field that is added, or replaces all fields of that name unless it is appended to them.
type Header struct {
	Name, Value string
	Append      bool
}

// Timeout is the duration of a timeout, or none. The zero value stands for Envoy's default.
type Timeout struct {
	Disabled bool
	Duration time.Duration
}

// Forward sends the request to a backend.
type Forward struct {
	Backends []Backend // at least one, weights not all zero
	Rewrite  *PathRewrite
	Host     *HostRewrite
	Timeout  Timeout // until the response has been received in full
	Idle     Timeout // without a byte in either direction
	Retry    *Retry
	// Websocket allows the connection to be upgraded.
	Websocket bool
	// Unresolved is the code with which the share of backends that are Unresolved is answered, 500 or 503; 0 if there are none.
	Unresolved uint16
	Special    *Special // settings that few routes have; nil: none
}

// Special contains the settings of a Forward that few routes have.
type Special struct {
	Hash    []HashKey // what requests are distributed by, if the clusters have BalanceHash
	Mirrors []Mirror
	// Redirects are the redirects of backends that Envoy follows; nil: none. All clusters have Tuning.FollowRedirects then.
	Redirects *InternalRedirects
	// Targets are the Services of the cluster that is Combined, of which there is at most one; nil: there is none.
	Targets []Target
}

// InternalRedirects are the redirects to the same authority that Envoy follows in place of the client, with the routes of the
// same virtual host.
type InternalRedirects struct {
	Max         uint32      // of one request, greater than 0
	Codes       []uint32    // sorted: 301, 302, 303, 307 or 308, at least one
	CrossScheme CrossScheme // which redirects to another scheme are followed
	// DenyRepeated: a redirect to a route to which the same route has redirected the request before is not followed.
	DenyRepeated bool
}

// CrossScheme selects redirects between http and https.
type CrossScheme uint8

// The selections.
const (
	CrossSchemeNever  CrossScheme = iota
	CrossSchemeSafe               // from https to http, which is then as safe as the request: Envoy keeps the connection
	CrossSchemeAlways             // also from http to https
)

// HashKey is a part of a request that is hashed. Exactly one of Cookie, Header, Query and SourceIP is set.
type HashKey struct {
	Cookie   string // the name of a session cookie, which Envoy sets if it is missing
	Header   string
	Query    string // a parameter
	SourceIP bool   // the address of the client
	Terminal bool   // if the request has the part, the keys after this one are not used
}

// Mirror sends copies of requests to a cluster, whose answers are discarded.
type Mirror struct {
	Cluster    Cluster
	PerMillion uint32 // of the requests, 1 to 1,000,000
	KeepHost   bool   // the Host header is unchanged; otherwise "-shadow" is appended to its hostname
}

// Backend is a cluster with its share of the requests of a route.
type Backend struct {
	Cluster         Cluster
	Weight          uint32
	Unresolved      bool   // there is no such backend, and Cluster is zero; see Forward.Unresolved
	Host            string // literal Host header for this backend; "" for no change
	RequestHeaders  HeaderEdits
	ResponseHeaders HeaderEdits
	Cookies         *CookieRewrites // replaces that of the policies of the route; nil: those of the route apply
}

// PathRewrite replaces the part of the path that the route's prefix matched by Prefix, or the whole path by Full if that is not
// empty. The query is unchanged.
type PathRewrite struct{ Prefix, Full string }

// HostRewrite replaces the Host header: by Literal, or by the value of the request header Header.
type HostRewrite struct{ Literal, Header string }

// Retry configures retries of requests.
type Retry struct {
	On         []string // retry conditions of Envoy
	Count      uint32
	PerTry     Timeout
	StatusCode []uint32
	BackOff    time.Duration // which the random waits between tries increase from; 0 stands for Envoy's default
}

// Redirect answers with a redirect. Empty fields keep that part of the request's URL.
type Redirect struct {
	Scheme   string
	Hostname string
	Port     uint32
	Path     string // replaces the whole path
	Prefix   string // replaces the matched prefix
	Code     uint32 // 301, 302, 303, 307 or 308
	HTTPS    bool   // to https on the standard port, regardless of the port of the request
	// StandardPort removes the port of the request, if neither Hostname nor Port is set.
	StandardPort bool
}

// Direct answers with a direct response, without a backend.
type Direct struct {
	Code uint32
	Body string
}
