// Package load sends a steady stream of requests and counts every one that fails.
//
// In goes a request, a rate and a duration; out comes a Report: how many, which
// failures of which kind, who answered, how long it took. The rate is kept whatever the answers
// do (an open loop): a slow proxy gets more requests in flight, up to a bound, and what
// could not be sent is counted as such. Memory is bounded too, however long it runs.
//
// Requests without a method are POSTs: Go's client silently repeats a GET whose connection breaks.
package load
