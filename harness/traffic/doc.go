// Package traffic sends requests to the proxy under test.
//
// In goes a Request: host, path, headers, protocol, TLS. Out comes an Answer, which
// holds what the client got and, if one of our backends answered, what that backend got.
// Requests go to the proxy's address whatever their host is. Redirects are not
// followed, nothing is repeated, certificates are checked only if the request says against what.
package traffic
