package ir

// GlobalRateLimit asks a service, which counts for all Envoys, whether a request is within its limits. It applies only to
// routes that forward requests.
type GlobalRateLimit struct {
	Service *RateLimitService // nil only of an Invalid section
	// Descriptors are sent to the service; none exempts a route from the limit of its virtual host.
	Descriptors []LimitDescriptor
	Invalid     bool // the rest is empty then
}

// Limits reports whether requests are counted.
func (g *GlobalRateLimit) Limits() bool { return g != nil && !g.Invalid && len(g.Descriptors) > 0 }

// RateLimitService is the service (envoy.service.ratelimit.v3.RateLimitService), and how it is asked.
type RateLimitService struct {
	Cluster           ExtensionCluster
	Domain            string  // of the limits, in the configuration of the service
	Timeout           Timeout // of one question; zero stands for Envoy's default, 20 ms
	FailOpen          bool    // requests pass while the service cannot be reached
	Headers           bool    // responses have X-RateLimit headers
	ResourceExhausted bool    // gRPC requests beyond a limit get RESOURCE_EXHAUSTED instead of UNAVAILABLE
}

// LimitDescriptor is what the service counts a request for: the entries, in order. A request for which an entry has no value
// is not counted for the descriptor.
type LimitDescriptor []LimitEntry

// LimitEntry is an entry of a descriptor.
type LimitEntry struct {
	Kind LimitKind
	// Key is the key of the entry; "" of LimitConstant stands for generic_key.
	Key string
	// Value is the value of the entry, of LimitConstant and LimitMatch.
	Value string
	// Header is the name of the header whose value is that of the entry, of LimitHeader.
	Header string
	// Headers are the conditions of LimitMatch, all of which a request meets; with Unless, it does not meet all of them.
	Headers []HeaderMatch
	Unless  bool
}

// LimitKind is where the value of an entry comes from.
type LimitKind uint8

// The kinds.
const (
	LimitConstant LimitKind = iota
	LimitHeader             // the value of a header
	LimitMatch              // a constant, for requests with certain headers; the key is header_match
	LimitAddress            // the address of the client; the key is remote_address
)
