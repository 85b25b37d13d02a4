// Package envoybootstrap writes the bootstrap file of Envoy.
//
// It takes a Config: the address of the controller's xDS server, the credentials
// for it, and the limits of the process. It writes up to three JSON files: the
// bootstrap and, with TLS, two SDS files with which Envoy reloads renewed
// certificates while it runs. The rest of Envoy's configuration (listeners, routes,
// clusters) is received over the one delta ADS stream of the bootstrap.
//
// The package is small, since an init container runs it: standard
// library only. It must not use the network, Kubernetes or Envoy, and
// equal Configs produce equal bytes.
package envoybootstrap
