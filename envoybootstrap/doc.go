// Package envoybootstrap writes the file that Envoy starts from.
//
// In goes a Config: where the controller's xDS server is, how to prove who one is
// to it, and what limits the process has. Out come up to three JSON files: the
// bootstrap itself and, with TLS, two SDS files that let Envoy pick up renewed
// certificates while it runs. Everything else that Envoy does (listeners, routes,
// clusters) arrives over the one delta ADS stream that the bootstrap names.
//
// The package is small on purpose, since an init container carries it: standard
// library only. It must not talk to the network, to Kubernetes or to Envoy, and
// equal Configs must give equal bytes.
package envoybootstrap
