// Package backend contains the servers behind the proxy under test. They answer with
// the request that they received, so that a test can check what the proxy forwarded.
//
// It takes a service name and an address and starts a server in this process that
// speaks HTTP/1.1, HTTP/2 without TLS (h2c) or HTTPS, echoes WebSocket messages, or
// echoes bytes over TCP. The X-Echo-* request headers delay an answer or make it an
// error. By gRPC it answers what a proxy asks before it forwards a request (authorization, rate limits), with a description of
// the question. Objects returns the Service and the EndpointSlices for it, since no controller
// makes those in a local cluster.
package backend
