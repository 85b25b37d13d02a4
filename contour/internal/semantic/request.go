package semantic

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// The names of the listeners.
const (
	httpListener   = "ingress_http"
	secureListener = "ingress_https"
)

// noServerName stands for a client that sends no server name.
const noServerName = "-"

// Request is what a client sends.
type Request struct {
	To      string            `json:"to,omitempty"`         // the address and port of a listener; empty: of that for HTTP or for HTTPS, see TLS
	TLS     bool              `json:"tls,omitempty"`        // over TLS
	SNI     string            `json:"sni,omitempty"`        // the server name of the TLS handshake; Host without its port if empty, none if "-"
	Version string            `json:"tlsVersion,omitempty"` // the only TLS version of the client; any if empty
	Host    string            `json:"host"`                 // as sent: in any case, with an optional port
	Path    string            `json:"path,omitempty"`       // with the query; "/" if empty
	Method  string            `json:"method,omitempty"`     // GET if empty
	Headers map[string]string `json:"headers,omitempty"`
	Upgrade string            `json:"upgrade,omitempty"` // the requested protocol, such as websocket
	HTTP2   bool              `json:"http2,omitempty"`   // over HTTP/2 instead of HTTP/1.1
	// ClientCertificate is the name of the certificate that the client shows; none if empty. ClientChain is its chain, in PEM.
	ClientCertificate string `json:"clientCertificate,omitempty"`
	ClientChain       []byte `json:"-"`
	// Nth is the number of equal requests up to this one within the interval of a rate limit.
	Nth int `json:"nth,omitempty"`
	// Allowed: authorization and rate limit services that can be reached allow the request, instead of following the rules of the model.
	Allowed bool `json:"-"`
	// Now is when tokens are verified; zero: a time that never changes.
	Now time.Time `json:"-"`
}

// Answer is the outcome of a request.
type Answer struct {
	Refused     bool   `json:"refused,omitempty"`     // there is no response: no TLS host for the SNI, no common TLS version, or the connection or stream is closed
	Certificate string `json:"certificate,omitempty"` // the first DNS name of the certificate that Envoy serves
	// Status is the status code that the client receives; 200 (101 for an upgrade) if a backend answers.
	Status int `json:"status,omitempty"`
	// GRPCStatus is the header grpc-status of a local reply to a gRPC request, which the client receives with the status code 200 instead
	// of Status; "" for other responses.
	GRPCStatus string `json:"grpcStatus,omitempty"`
	Location   string `json:"location,omitempty"`
	Body       string `json:"body,omitempty"`
	// Changes are the changes to the headers of a local reply.
	Changes Changes `json:"changes,omitzero"`
	// ChangesVary: Changes are those of the first backend of several, of which Envoy selects one before it replies.
	ChangesVary bool `json:"changesVary,omitempty"`
	// From are the backends that may answer. It is empty for a local reply.
	From []Upstream `json:"from,omitempty"`
	// Lost is the weight of backends without endpoints, whose share of the requests is answered with 503, and of those that do
	// not exist.
	Lost uint32 `json:"lost,omitempty"`
	// Mirrors are the backends that receive copies of the request.
	Mirrors []Mirror `json:"mirrors,omitempty"`
}

// Upstream is a backend and the request that it receives.
type Upstream struct {
	Service string `json:"service"`          // the name of its endpoints: namespace/name, or namespace/name/port
	Weight  uint32 `json:"weight,omitempty"` // 0 if it is the only one
	// Protocol is http1, h2c, tls, h2, or tcp where bytes are forwarded unchanged.
	Protocol string `json:"protocol,omitempty"`
	SNI      string `json:"sni,omitempty"`
	// Verified are the names of which the certificate of the backend must contain one; empty if it is not verified.
	Verified []string `json:"verified,omitempty"`
	// Shows is the name of the certificate that Envoy shows to the backend; empty if there is none.
	Shows string `json:"shows,omitempty"`

	Path     string  `json:"path,omitempty"`
	Host     string  `json:"host,omitempty"`
	Request  Changes `json:"request,omitzero"`
	Response Changes `json:"response,omitzero"`

	Timeout string `json:"timeout,omitempty"` // a duration; "none", or "" for Envoy's default
	Idle    string `json:"idle,omitempty"`
	Retry   string `json:"retry,omitempty"` // as "5xx,reset x3 within 2s"

	Balancing string `json:"balancing,omitempty"` // as "least request, from 10% within 30s ^1"; "" is round robin
	Hash      string `json:"hash,omitempty"`      // as "header X-A, source IP terminal"
	Session   string `json:"session,omitempty"`   // as "cookie name/path for 5m0s SameSite=Strict Secure", or "header name"
	Check     string `json:"check,omitempty"`     // of the health of endpoints, as "http a.b/health every 10s within 2s, up 2, down 3, 200-299"
}

// Mirror is a backend that receives copies of requests.
type Mirror struct {
	Service string `json:"service"`
	Percent uint32 `json:"percent,omitempty"`
	// PerMillion is the share if it is not a whole percentage.
	PerMillion uint32 `json:"perMillion,omitempty"`
	KeepsHost  bool   `json:"keepsHost,omitempty"` // the Host header is that of the request
	Protocol   string `json:"protocol,omitempty"`
	SNI        string `json:"sni,omitempty"`
}

// Changes are changes to headers. Names are in lower case.
type Changes struct {
	Set     map[string]string `json:"set,omitempty"`
	Removed []string          `json:"removed,omitempty"`
}

// exchange is the processing of one request by Envoy.
type exchange struct {
	Request
	envoy     *Envoy
	authority string
	host      string // the authority in lower case, without port
	scheme    string // http or https
	path      string // without the query, normalized by the connection manager
	query     string // with the question mark
	headers   map[string]string
	filters   []*hcmv3.HttpFilter  // of the listener
	first     levels               // of the route found first, from the route table on; nil if there is none
	matched   *routev3.VirtualHost // of the route found last
	dropped   []string             // headers of the request that Envoy removes before it routes
	client    *x509.Certificate    // that the client showed
	forged    bool                 // the client sent a header about its certificate
	metadata  map[string]string    // of the filters, by namespace/key
	state     map[string]string    // filter state of the connection
	forwarded bool                 // the route found last forwards requests
	upgraded  bool                 // the listener accepts the upgrade, whatever the route is
	rerouted  bool                 // a script has changed the route after Envoy made the chains of filters that routes configure
	bridged   bool                 // the request is one of gRPC-Web, which backends receive as one of gRPC
	ownReply  bool                 // the reply is the same for requests of gRPC: that of the parser of HTTP, or of a filter that writes its own
	remote    netip.Addr           // the address of the client, of proxies that are trusted
	internal  string               // a header that Envoy sets for itself and removes before it forwards the request
	session   *session             // of the route found last; nil: none
	sizeLimit int                  // of the headers, in bytes
	trace     Trace
}

// Send returns the answer to a request. An error means that the model does not support the request or the configuration.
func (e *Envoy) Send(r Request) (Answer, error) {
	a, _, err := e.Trace(r)
	return a, err
}

// Trace returns the answer to a request, as Send does, and what led to it.
func (e *Envoy) Trace(r Request) (Answer, Trace, error) {
	x, err := e.receive(r)
	if err != nil {
		return Answer{}, Trace{}, fmt.Errorf("request: %w", err)
	}
	a, err := x.answer()
	if e.failed != nil {
		return Answer{}, Trace{}, e.failed
	}
	return a, x.trace, err
}

// answer sends the request to its listener.
func (x *exchange) answer() (Answer, error) {
	e, r := x.envoy, x.Request
	name := httpListener
	if r.TLS {
		name = secureListener
	}
	l := e.listeners[name]
	if r.To != "" {
		name, l = r.To, e.listenerAt(r.To)
	}
	if l == nil {
		return Answer{Refused: true}, nil
	}
	x.trace.Listener = l.GetName()
	a, err := x.connect(l)
	if err != nil {
		return Answer{}, fmt.Errorf("listener %s: %w", name, err)
	}
	x.replyToGRPC(&a)
	return a, nil
}

// listenerAt returns the listener for TCP at that address and port, nil if there is none. The model has no datagrams.
func (e *Envoy) listenerAt(to string) *listenerv3.Listener {
	for _, l := range e.listeners {
		addresses := []*corev3.Address{l.GetAddress()}
		for _, more := range l.GetAdditionalAddresses() {
			addresses = append(addresses, more.GetAddress())
		}
		for _, a := range addresses {
			if s := a.GetSocketAddress(); s.GetProtocol() == corev3.SocketAddress_TCP && net.JoinHostPort(s.GetAddress(), fmt.Sprint(s.GetPortValue())) == to {
				return l
			}
		}
	}
	return nil
}

// receive normalizes the request.
func (e *Envoy) receive(r Request) (*exchange, error) {
	x := &exchange{Request: r, envoy: e, authority: r.Host, host: hostname(r.Host), headers: map[string]string{}, metadata: map[string]string{}, state: map[string]string{}, remote: client()}
	if x.Method == "" {
		x.Method = "GET"
	}
	if x.SNI == "" {
		x.SNI = serverName(x.host)
	}
	if x.SNI = strings.ToLower(x.SNI); x.SNI == noServerName {
		x.SNI = ""
	}
	if err := x.splitPath(); err != nil {
		return nil, err
	}
	for name, value := range r.Headers {
		x.headers[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	if r.Upgrade != "" {
		x.headers["upgrade"], x.headers["connection"] = r.Upgrade, "upgrade"
	}
	x.headers[":method"], x.headers[":authority"] = x.Method, x.authority
	x.setPath(x.path)
	return x, nil
}

// serverName returns the server name that clients send for a host: it has no dot at the end and is no address (RFC 6066, section 3).
func serverName(host string) string {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return noServerName
	}
	return strings.TrimRight(host, ".")
}

// hostname returns an :authority in lower case and without port.
func hostname(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		authority = host
	}
	return strings.ToLower(authority)
}

// AddHeader adds a header as in "name: value"; that of the host replaces the host. It returns false if the text has no colon.
func (r *Request) AddHeader(text string) bool {
	name, value, found := strings.Cut(text, ":")
	if name, value = strings.TrimSpace(name), strings.TrimSpace(value); strings.EqualFold(name, "host") {
		r.Host = value
	} else if found {
		r.Headers[name] = value
	}
	return found
}
