// Package translate says in Envoy's terms what the ir says in those of HTTP and TLS:
// virtual hosts, clusters, certificates and endpoints in, xDS resources out.
//
// There is a file for each concept of Envoy. names.go alone makes names, tables.go
// alone knows what depends on what: it remembers each translation in a derived table,
// so that a change costs the resources it touches. Everything else is functions from
// values to messages.
//
// A message that fails its own validation is handed on marked as invalid instead of
// being dropped, so that whoever publishes can blame the objects it came from. The
// package is pure: no client, clock, logger or goroutine, and equal input gives equal
// bytes.
package translate
