package ir

import (
	"net/netip"
	"time"
)

// Policies contains the filters of requests: a section for each feature, nil if there is none.
// Requests to which an Invalid section applies are answered with an error, never served without the section.
type Policies struct {
	CORS           *CORS
	IPFilter       *IPFilter
	LocalRateLimit *LocalRateLimit
	JWT            *JWT
	Cookies        *CookieRewrites
	Authorization  *Authorization

	GlobalRateLimit *GlobalRateLimit

	Session *Session
}

// WithDefaults returns the policies of a route with policies p on a virtual host with policies host: each section is that
// of the route, else that of the host; the two of Authorization are merged. Either may be nil.
func (p *Policies) WithDefaults(host *Policies) Policies {
	var out Policies
	if host != nil {
		out = *host
	}
	if p == nil {
		return out
	}
	if p.CORS != nil {
		out.CORS = p.CORS
	}
	if p.IPFilter != nil {
		out.IPFilter = p.IPFilter
	}
	if p.LocalRateLimit != nil {
		out.LocalRateLimit = p.LocalRateLimit
	}
	if p.JWT != nil {
		out.JWT = p.JWT
	}
	if p.Cookies != nil {
		out.Cookies = p.Cookies
	}
	if p.GlobalRateLimit != nil {
		out.GlobalRateLimit = p.GlobalRateLimit
	}
	if p.Session != nil {
		out.Session = p.Session
	}
	out.Authorization = p.Authorization.WithDefaults(out.Authorization)
	return out
}

// Invalid reports whether a filter of addresses or a local limit is invalid.
func (p *Policies) Invalid() bool {
	return p != nil && (p.IPFilter != nil && p.IPFilter.Invalid || p.LocalRateLimit != nil && p.LocalRateLimit.Invalid)
}

// RateLimited reports whether Envoy itself counts requests, so that all users of the value share one count.
func (p *Policies) RateLimited() bool { return p != nil && p.LocalRateLimit != nil }

// CORS permits requests from scripts of other origins (Fetch standard). It applies only to routes that forward requests.
type CORS struct {
	Origins        []StringMatch // "*" stands for any origin
	Methods        []string
	Headers        []string // request headers
	Expose         []string // response headers
	MaxAge         Timeout  // of the cache of preflights; Disabled turns it off, zero is the default of the browser
	Credentials    bool
	PrivateNetwork bool
}

// StringMatch compares a text.
type StringMatch struct {
	Kind       StringKind
	Value      string
	IgnoreCase bool
}

// IPFilter admits requests by the address of the client. The others are answered with 403.
type IPFilter struct {
	Deny    bool // Sources are denied and all others admitted; otherwise Sources are admitted and all others denied
	Sources []IPSource
	Invalid bool // the rest is empty then
}

// IPSource is a range of addresses.
type IPSource struct {
	Prefix netip.Prefix // masked; never a range of IPv4 addresses in IPv6 form
	Peer   bool         // compares the peer of the connection, regardless of forwarding headers
}

// LocalRateLimit bounds the requests that each Envoy admits. The others are answered with an error. Routes without a limit of
// their own share the count of their virtual host.
type LocalRateLimit struct {
	Requests uint32        // in each Interval
	Burst    uint32        // in addition to Requests, after an interval with fewer; the sum fits 32 bits
	Interval time.Duration // 1 s, 1 min or 1 h
	Code     uint32        // of the error, 400 to 599
	Headers  []Header      // of the error; Envoy's formatter syntax; at most 10
	Invalid  bool          // the rest is empty then
	// Unlimited exempts a route from the limit of its virtual host; the rest is empty then.
	Unlimited bool
}
