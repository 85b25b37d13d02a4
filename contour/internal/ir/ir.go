// Package ir is the routing model between the Kubernetes APIs and Envoy: what a
// host answers, in the terms of HTTP and TLS alone.
//
// Compile makes it, translate reads it. Values are plain data, compared by value,
// never changed once made, and hold no pointer into a Kubernetes object. The
// package imports neither Kubernetes nor Envoy: nothing here says how Envoy is told,
// only what is to happen to a request.
package ir

import (
	"time"

	"contour.example/contour/internal/kobj"
)

// VirtualHost is what one hostname answers on one listener.
type VirtualHost struct {
	Key    HostKey
	Routes []Route   // in order of precedence: the first match wins
	TLS    *TLS      // set on a listener for HTTPS or TLS, nil on others
	TCP    *TCPProxy // non-nil: connections, or flows of datagrams, go there, Routes is empty
	// Policies are those of all routes, unless a route has its own; nil: none. They do not concern TCP.
	Policies *Policies
	// Origins are the root objects that made this host, for blame when Envoy rejects it.
	Origins []kobj.Key
}

// TLSVersion is a version of the TLS protocol; the zero value stands for the default.
type TLSVersion uint16

// The versions that can be asked for.
const (
	TLSDefault TLSVersion = 0
	TLS12      TLSVersion = 0x0303
	TLS13      TLSVersion = 0x0304
)

// TLS says how a listener treats TLS connections that ask for a hostname.
type TLS struct {
	Passthrough bool      // bytes go on undecrypted; the rest is empty then
	Refused     bool      // connections are closed, so that no broader host answers for this one; the rest is empty then
	Certificate kobj.Name // the Secret with certificate and key
	Min, Max    TLSVersion
}

// TCPProxy forwards the bytes of a connection, or the datagrams of a flow.
type TCPProxy struct {
	Backends []Backend // at least one; header edits are not used
}

// Route is what happens to the requests that match. Exactly one of Forward, Redirect and Direct is set.
type Route struct {
	Match    Match
	Forward  *Forward
	Redirect *Redirect
	Direct   *Direct

	RequestHeaders  HeaderEdits
	ResponseHeaders HeaderEdits

	// Policies count before those of the virtual host, section by section; nil: none.
	Policies *Policies

	// Origin is the object that the route was written in, for blame.
	Origin kobj.Key
}

// PathKind says how a path is compared.
type PathKind uint8

// The ways to compare a path.
const (
	PathPrefix  PathKind = iota // the characters the path begins with
	PathSegment                 // whole segments the path begins with: /a matches /a and /a/b, not /ab
	PathExact
	PathRegex // RE2, anchored at both ends
)

// Match says which requests a route is for: all parts must hold.
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

// StringKind says how a header or query value is compared.
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
	Set    []Header // overwrite or add
	Remove []string
}

// Header is a header field.
type Header struct{ Name, Value string }

// Timeout is a limit in time. The zero value stands for Envoy's default.
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
}

// Backend is one of the places that a route's requests may go to.
type Backend struct {
	Cluster         Cluster
	Weight          uint32
	Host            string // literal Host header for this backend; "" leaves it
	RequestHeaders  HeaderEdits
	ResponseHeaders HeaderEdits
}

// PathRewrite replaces the part of the path that the route's prefix matched.
type PathRewrite struct{ Prefix string }

// HostRewrite replaces the Host header: by Literal, or by the value of the request header Header.
type HostRewrite struct{ Literal, Header string }

// Retry says when a request is sent again.
type Retry struct {
	On         []string // Envoy's retry-on names
	Count      uint32
	PerTry     Timeout
	StatusCode []uint32
}

// Redirect answers with a redirection. Empty fields keep that part of the request's URL.
type Redirect struct {
	Scheme   string
	Hostname string
	Port     uint32
	Path     string // replaces the whole path
	Prefix   string // replaces the matched prefix
	Code     uint32 // 301, 302, 303, 307 or 308
	HTTPS    bool   // to https on the standard port, whatever port was asked
}

// Direct answers without a backend.
type Direct struct {
	Code uint32
	Body string
}
