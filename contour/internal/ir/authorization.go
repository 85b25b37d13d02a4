package ir

import (
	"cmp"
	"maps"
	"slices"
)

// Authorization asks a service whether a request is allowed. It does not apply to redirects to HTTPS.
type Authorization struct {
	// Service is the service; nil at a route stands for that of the virtual host.
	Service *AuthorizationService
	Mode    AuthorizationMode
	Context []ContextEntry // sorted by key; that of a route is merged with that of its host, and counts before it
	Invalid bool           // the rest is empty then, except Mode
}

// AuthorizationMode is whether requests are authorized.
type AuthorizationMode uint8

// The modes.
const (
	AuthorizeAsHost AuthorizationMode = iota // as the virtual host; on a virtual host: always
	AuthorizeAlways
	AuthorizeNever
)

// AuthorizationService is a service that authorizes requests, and how it is asked.
type AuthorizationService struct {
	Cluster  ExtensionCluster
	HTTP     *HTTPAuthorization // nil: the service speaks gRPC (envoy.service.auth.v3.Authorization)
	Timeout  Timeout            // of one question; zero stands for Envoy's default, 200 ms
	FailOpen bool               // requests are allowed while the service cannot be reached
	Body     *AuthorizationBody // nil: the service receives no body
}

// HTTPAuthorization configures a service that authorizes a request by a response with status 200. It receives the method,
// the path, the host and the header Authorization of the request.
type HTTPAuthorization struct {
	PathPrefix      string        // before the path of the request
	RequestHeaders  []StringMatch // names of the further headers that the service receives
	UpstreamHeaders []StringMatch // names of the headers of its response that the backend receives
}

// AuthorizationBody is the part of the body that an authorization service receives.
type AuthorizationBody struct {
	MaxBytes uint32 // positive
	Partial  bool   // the beginning of larger bodies; otherwise requests with a larger body are answered with 413
	Raw      bool   // as bytes, not as text
}

// ContextEntry is information for an authorization service about what a request is for.
type ContextEntry struct{ Key, Value string }

// NewContext returns the entries of a map, sorted.
func NewContext(m map[string]string) []ContextEntry {
	var out []ContextEntry
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, ContextEntry{k, m[k]})
	}
	return out
}

// mergeContext returns the entries of both lists; those of own count before those of host.
func mergeContext(own, host []ContextEntry) []ContextEntry {
	if len(own) == 0 {
		return host
	}
	merged := map[string]string{}
	for _, e := range slices.Concat(host, own) {
		merged[e.Key] = e.Value
	}
	return NewContext(merged)
}

// WithDefaults returns the authorization of a route with a on a virtual host with host; either may be nil. It is nil if there
// is no service to ask.
func (a *Authorization) WithDefaults(host *Authorization) *Authorization {
	switch {
	case a == nil:
		return host
	case host == nil && a.Service == nil && !a.Invalid:
		return nil
	case host == nil:
		return a
	}
	out := Authorization{
		Service: cmp.Or(a.Service, host.Service), Mode: cmp.Or(a.Mode, host.Mode), Context: mergeContext(a.Context, host.Context),
		Invalid: a.Invalid || a.Service == nil && host.Invalid,
	}
	return &out
}

// Asks reports whether the service is asked about requests.
func (a *Authorization) Asks() bool {
	return a != nil && a.Mode != AuthorizeNever && !a.Invalid && a.Service != nil
}

// Refuses reports whether requests are to be authorized and cannot be.
func (a *Authorization) Refuses() bool { return a != nil && a.Mode != AuthorizeNever && a.Invalid }
