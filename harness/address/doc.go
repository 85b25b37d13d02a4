// Package address allocates ports and IP addresses of this machine that no other
// test run uses at the same time.
//
// Ports are on the loopback address and outside of the range from which the kernel
// allocates ports for outgoing connections. IP addresses are for backends: the API server
// rejects loopback addresses in EndpointSlices, so root gets a /24 of the range for
// benchmarks (198.18.0.0/15, RFC 2544) on the loopback interface, and others
// the machine's own address. Claims are file locks, so a killed run leaves none behind.
package address
