// Package target contains what is measured: an API server, a controller, an Envoy, and what they use.
//
// It takes a command line of any controller (ours by default), or the location of a running one, and returns a Target with addresses
// and process ids, and Usage: CPU time, bytes over xDS, and, where the controller exports our metrics, its counters.
// What is not known is absent, never 0. The package changes no object of the cluster but the
// CustomResourceDefinitions and a namespace for the controller.
package target
