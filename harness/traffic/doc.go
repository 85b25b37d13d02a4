// Package traffic sends requests to the proxy under test.
//
// It takes a Request: host, path, headers, protocol, TLS. It returns an Answer, which
// contains what the client received and, if one of our backends answered, what that backend received.
// Requests go to the proxy's address whatever their host is. Redirects are not
// followed, nothing is repeated, certificates are verified only if the request has roots.
package traffic
