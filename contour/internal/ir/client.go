package ir

// TLSSettings contains the parameters of TLS connections.
type TLSSettings struct {
	Min, Max     TLSVersion // zero values stand for 1.2 and 1.3
	CipherSuites []string   // of TLS 1.2, with the names of BoringSSL; empty is the default list
	Curves       []string   // of the key exchange, in order of preference; empty is Envoy's default
}

// ConnectionSettings configures the connections of a listener. Numbers are Envoy's or the system's default where
// they are 0.
type ConnectionSettings struct {
	ExactBalance         bool   // connections are spread evenly over Envoy's threads
	BufferLimitBytes     uint32 // of a connection, a soft limit
	AcceptPerSocketEvent uint32 // connections accepted per socket event
	MaxConnections       uint32 // at a time; 0 is no limit
	TypeOfService        int32  // of IPv4 packets
	TrafficClass         int32  // of IPv6 packets
	JA3, JA4             bool   // fingerprints of TLS clients are computed, for the access log
}

// ClientSettings configures the client connections of a listener.
type ClientSettings struct {
	ProxyProtocol bool // connections begin with the PROXY protocol
	AccessLog     AccessLog
	HTTP          HTTPSettings
	Timeouts      ClientTimeouts
	Tracing       *Tracing // nil: requests are not traced
}

// HTTPSettings configures the HTTP connection manager of a listener. The zero value is the default.
type HTTPSettings struct {
	Versions             HTTPVersions
	RejectChunkedLength  bool // requests may not have both Content-Length and chunked encoding
	KeepSlashes          bool // adjacent slashes of paths are not merged
	StripTrailingHostDot bool
	ServerHeader         ServerHeader
	Compression          Compression
	TrustedHops          uint32 // proxies in front of Envoy whose X-Forwarded-For counts

	MaxRequestsPerConnection uint32 // 0 is no limit
	MaxConcurrentStreams     uint32 // of an HTTP/2 connection; 0 is Envoy's default
	Windows                  Windows
	Underscores              Underscores
	EscapedSlashes           EscapedSlashes

	MaxHeaderKiB uint32 // of the headers of a request together; 0 is Envoy's default, 60
	MaxHeaders   uint32 // of a request; 0 is Envoy's default, 100
}

// Windows are the initial flow-control windows of HTTP/2: the bytes that a peer may send before they are processed. 0 is
// Envoy's default.
type Windows struct {
	Stream     uint32 // of each request
	Connection uint32 // of all requests together
}

// Underscores is what happens to requests with a header whose name contains an underscore. Many servers take the name for
// one with a hyphen.
type Underscores uint8

// The ways to treat header names with underscores.
const (
	AllowUnderscores  Underscores = iota
	RejectUnderscores             // the request is answered with 400
	DropUnderscores               // the header is removed
)

// EscapedSlashes is what happens to requests whose path contains %2F or %5C. Matches do not take these for slashes, and
// many servers do.
type EscapedSlashes uint8

// The ways to treat escaped slashes.
const (
	KeepEscapedSlashes     EscapedSlashes = iota
	RejectEscapedSlashes                  // the request is answered with 400
	RedirectEscapedSlashes                // the client is redirected to the path with slashes
)

// HTTPVersions is the versions of HTTP that clients may use.
type HTTPVersions uint8

// The versions that clients may use.
const (
	AllHTTP HTTPVersions = iota
	OnlyHTTP1
	OnlyHTTP2
)

// ServerHeader is the transformation of the header Server of responses.
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
	CompressNone
)

// ClientTimeouts contains the timeouts of client connections and requests.
type ClientTimeouts struct {
	Request        Timeout // until a whole request is received
	RequestHeaders Timeout // until the headers of a request are received
	ConnectionIdle Timeout // of a connection without a request
	StreamIdle     Timeout // of a request without data
	ConnectionMax  Timeout // the age of a connection
	DelayedClose   Timeout // between the end of the response and the end of a connection that Envoy closes
	ShutdownGrace  Timeout // between the announcement that a connection ends and its end
}

// AccessLog is the file and format of the access log.
type AccessLog struct {
	Path string // "" turns it off
	LogFormat
}

// LogFormat is the format of the access log, and the requests that are logged.
type LogFormat struct {
	Format    string     // "json" for an object a line, else text
	Text      string     // a line of text; "" is Envoy's own
	Fields    []LogField // of an object; empty is the default set
	MinStatus uint32     // the least status code that is logged; 0 logs all
}

// LogObjectKey begins the keys of route metadata with the kind, the namespace and the name of the object of a route. Formats
// of logs contain them.
const LogObjectKey = "io.projectcontour."

// LogField is a field of an access log in JSON: a name, and a text with command operators of Envoy.
type LogField struct{ Name, Value string }
