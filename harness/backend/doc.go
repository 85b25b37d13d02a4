// Package backend is the servers behind the proxy under test: they answer with
// what they were asked, so that a test sees what came through.
//
// In goes a service name and an address; out comes a server in this process that
// speaks HTTP/1.1, HTTP/2 without TLS (h2c) or HTTPS, echoes WebSocket messages, or
// echoes bytes over TCP. The X-Echo-* request headers make an answer slow or an
// error. Objects gives the Service and the EndpointSlices for it, since no controller
// makes those in a local cluster.
package backend
