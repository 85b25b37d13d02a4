// Package controller runs `contour serve` as a child process against a cluster.
//
// It takes a kubeconfig and Envoy's listen addresses and returns a Controller with
// the ports of its xDS, health and metrics servers, all on loopback. Any number of replicas may run
// side by side; killing one is killing its process. Credentials for mutual TLS are made here too.
package controller
