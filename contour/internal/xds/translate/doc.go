// Package translate derives xDS resources from the ir: its input is listeners, virtual
// hosts, certificates and EndpointSlices, its output resources for each fleet.
//
// There is a file for each concept of Envoy. names.go defines all names; tables.go
// defines the derived tables, so that a change derives only the resources that depend on
// it. Everything else is functions from values to messages.
//
// A message that fails its own validation is published as invalid and is not
// sent, so that its rejection is reported on the objects from which it is made. The
// package is pure: no client, clock, logger or goroutine, and equal input gives equal
// bytes.
package translate
