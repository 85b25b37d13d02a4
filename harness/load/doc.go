// Package load sends requests at a steady rate and counts every one that fails.
//
// It takes a request, a rate and a duration and returns a Report: how many, how many
// failures of which kind, which backends answered, and the latency. The rate does not depend on the
// answers (an open loop): a slow proxy gets more requests in flight, up to a bound, and what
// could not be sent is counted. Memory is bounded independent of the duration.
//
// Requests without a method are POSTs: Go's client silently repeats a GET whose connection breaks.
package load
