// Package target is what is measured: an API server, a controller, an Envoy, and what they use.
//
// In goes a command line of any controller (ours by default), or where one runs already; out come a Target with addresses
// and process ids, and Usage: CPU time, bytes over xDS, and, where the controller's metrics page is ours, what it counts
// itself. What is not known is absent, never 0. The package changes no object of the cluster but the
// CustomResourceDefinitions and a namespace for the controller.
package target
